// #[diesel(table_name = ticket_copies)]
// #[versioned(dependent, entity = "tickets", gap = "park")]
// struct TicketCopy {
//     id: i64,
//     price: i64,
//     version: i64,
// }

const _: () = {
    const __WHOLE_KEY: ::core::primitive::bool = ::versioned_core::model::whole_key(
        ticket_copies::table,
        (ticket_copies::id,),
    );
    #[automatically_derived]
    impl ::versioned_core::model::Versioned for TicketCopy {
        type Table = ticket_copies::table;
        type KeyColumns = (ticket_copies::id,);
        type VersionColumn = ticket_copies::version;
        type Id = i64;
        type Version = i64;
        type Static = Self;
        const TABLE: &'static ::core::primitive::str = "ticket_copies";
        const ENTITY: &'static ::core::primitive::str = "tickets";
        const WHOLE_KEY: ::core::primitive::bool = __WHOLE_KEY;
        const REPLICA: ::core::option::Option<&'static ::core::primitive::str> = ::core::option::Option::Some(
            "",
        );
        fn id(&self) -> Self::Id {
            ::core::clone::Clone::clone(&self.id)
        }
        fn loaded(&self) -> &Self::Version {
            &self.version
        }
        fn set_version(&mut self, __version: Self::Version) {
            self.version = __version;
        }
        fn key_parts(__id: &Self::Id, __text: &mut ::versioned_core::model::KeyText) {
            use ::versioned_core::model::KeyPartText as _;
            __text.part(::versioned_core::model::KeyPart::<i64>::text(__id));
        }
    }
    #[automatically_derived]
    impl ::versioned_core::model::DependentModel for TicketCopy
    where
        i64: ::versioned_core::version::SequentialVersion,
    {
        const POLICY: ::versioned_core::model::Policy = ::versioned_core::model::Policy::Sequential;
        const GUARD: ::versioned_core::model::Guard = ::versioned_core::model::Guard::Position;
        const GAP: ::versioned_core::model::Gap = ::versioned_core::model::Gap::Park;
        fn parse_key(
            __text: &::core::primitive::str,
        ) -> ::core::option::Option<Self::Id> {
            use ::versioned_core::model::KeyPartText as _;
            let [__0] = ::versioned_core::model::key_parts(__text)?;
            ::core::option::Option::Some(
                ::versioned_core::model::KeyPart::<i64>::parse(&__0)?,
            )
        }
        fn park(
            __event: &::versioned_core::Event<Self>,
        ) -> ::versioned_core::model::JsonResult<::std::string::String> {
            ::versioned_core::model::parked_to_json(__event)
        }
        fn unpark(
            __text: &::core::primitive::str,
        ) -> ::versioned_core::model::JsonResult<::versioned_core::Event<Self>> {
            ::versioned_core::model::parked_from_json(__text)
        }
    }
    #[automatically_derived]
    impl<__DB> ::versioned_core::model::Columns<__DB> for TicketCopy
    where
        __DB: ::versioned_core::model::Backend,
        i64: ::versioned_core::model::Field<ticket_copies::id, __DB>,
        i64: ::versioned_core::model::Field<ticket_copies::price, __DB>,
        i64: ::versioned_core::model::Field<ticket_copies::version, __DB>,
    {
        fn columns<'__b>(
            &'__b self,
            __walk: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
        ) -> ::versioned_core::model::QueryResult<()> {
            __walk.key(ticket_copies::id, &self.id)?;
            __walk.column(ticket_copies::price, &self.price)?;
            ::core::result::Result::Ok(())
        }
        fn keys<'__b>(
            &'__b self,
            __walk: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
        ) -> ::versioned_core::model::QueryResult<()> {
            __walk.key(ticket_copies::id, &self.id)?;
            ::core::result::Result::Ok(())
        }
    }
};
