// #[diesel(table_name = tickets)]
// #[versioned(owner)]
// struct Ticket {
//     id: i64,
//     #[versioned(scope)]
//     tenant: i64,
//     title: String,
//     version: i64,
// }

const _: () = {
    const __WHOLE_KEY: ::core::primitive::bool = ::versioned_core::model::whole_key(
        tickets::table,
        (tickets::id,),
    );
    #[automatically_derived]
    impl ::versioned_core::model::Versioned for Ticket {
        type Table = tickets::table;
        type KeyColumns = ::versioned_core::model::ScopedColumns<
            (tickets::id,),
            (tickets::id,),
            tickets::tenant,
        >;
        type VersionColumn = tickets::version;
        type Id = ::versioned_core::InScope<i64, i64>;
        type Version = i64;
        type Static = Self;
        const TABLE: &'static ::core::primitive::str = "tickets";
        const ENTITY: &'static ::core::primitive::str = "tickets";
        const WHOLE_KEY: ::core::primitive::bool = __WHOLE_KEY;
        fn id(&self) -> Self::Id {
            ::versioned_core::InScope::new(
                ::core::clone::Clone::clone(&self.tenant),
                ::core::clone::Clone::clone(&self.id),
            )
        }
        fn loaded(&self) -> &Self::Version {
            &self.version
        }
        fn set_version(&mut self, __version: Self::Version) {
            self.version = __version;
        }
        fn key_parts(__id: &Self::Id, __text: &mut ::versioned_core::model::KeyText) {
            use ::versioned_core::model::KeyPartText as _;
            __text.part(::versioned_core::model::KeyPart::<i64>::text(&__id.id));
        }
        fn scope_text(
            __id: &Self::Id,
        ) -> ::core::option::Option<::versioned_core::model::ScopeText> {
            use ::versioned_core::model::KeyPartText as _;
            ::core::option::Option::Some(
                ::versioned_core::model::KeyPart::<i64>::text(&__id.scope),
            )
        }
    }
    #[automatically_derived]
    impl ::versioned_core::model::OwnerModel for Ticket {}
    #[automatically_derived]
    impl ::versioned_core::model::PlainOwner for Ticket {}
    #[automatically_derived]
    impl<__DB> ::versioned_core::model::Columns<__DB> for Ticket
    where
        __DB: ::versioned_core::model::Backend,
        i64: ::versioned_core::model::Field<tickets::id, __DB>,
        i64: ::versioned_core::model::Field<tickets::tenant, __DB>,
        String: ::versioned_core::model::Field<tickets::title, __DB>,
        i64: ::versioned_core::model::Field<tickets::version, __DB>,
    {
        fn columns<'__b>(
            &'__b self,
            __walk: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
        ) -> ::versioned_core::model::QueryResult<()> {
            __walk.key(tickets::id, &self.id)?;
            __walk.scope(tickets::tenant, &self.tenant)?;
            __walk.column(tickets::title, &self.title)?;
            ::core::result::Result::Ok(())
        }
        fn keys<'__b>(
            &'__b self,
            __walk: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
        ) -> ::versioned_core::model::QueryResult<()> {
            __walk.key(tickets::id, &self.id)?;
            __walk.scope(tickets::tenant, &self.tenant)?;
            ::core::result::Result::Ok(())
        }
    }
    #[automatically_derived]
    impl ::versioned_core::model::Fields for Ticket
    where
        for<'__lazy> i64: ::versioned_core::model::Comparable<tickets::id>,
        for<'__lazy> i64: ::versioned_core::model::Comparable<tickets::tenant>,
        for<'__lazy> String: ::versioned_core::model::Comparable<tickets::title>,
    {
        fn fields(
            __row: &mut Self,
            __base: &Self,
            __mine: &Self,
            __walk: &mut ::versioned_core::model::FieldWalk,
        ) {
            __walk.key(tickets::id, &__row.id, &__base.id);
            __walk.key(tickets::tenant, &__row.tenant, &__base.tenant);
            __walk
                .column(tickets::title, &mut __row.title, &__base.title, &__mine.title);
        }
    }
};
