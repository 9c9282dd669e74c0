// #[diesel(table_name = tickets)]
// #[versioned(owner)]
// struct Ticket {
//     id: i64,
//     title: String,
//     price: i64,
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
        type KeyColumns = (tickets::id,);
        type VersionColumn = tickets::version;
        type Id = i64;
        type Version = i64;
        type Static = Self;
        const TABLE: &'static ::core::primitive::str = "tickets";
        const ENTITY: &'static ::core::primitive::str = "tickets";
        const WHOLE_KEY: ::core::primitive::bool = __WHOLE_KEY;
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
    impl ::versioned_core::model::OwnerModel for Ticket {}
    #[automatically_derived]
    impl ::versioned_core::model::PlainOwner for Ticket {}
    #[automatically_derived]
    impl<__DB> ::versioned_core::model::Columns<__DB> for Ticket
    where
        __DB: ::versioned_core::model::Backend,
        i64: ::versioned_core::model::Field<tickets::id, __DB>,
        String: ::versioned_core::model::Field<tickets::title, __DB>,
        i64: ::versioned_core::model::Field<tickets::price, __DB>,
        i64: ::versioned_core::model::Field<tickets::version, __DB>,
    {
        fn columns<'__b>(
            &'__b self,
            __walk: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
        ) -> ::versioned_core::model::QueryResult<()> {
            __walk.key(tickets::id, &self.id)?;
            __walk.column(tickets::title, &self.title)?;
            __walk.column(tickets::price, &self.price)?;
            ::core::result::Result::Ok(())
        }
        fn keys<'__b>(
            &'__b self,
            __walk: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
        ) -> ::versioned_core::model::QueryResult<()> {
            __walk.key(tickets::id, &self.id)?;
            ::core::result::Result::Ok(())
        }
    }
    #[automatically_derived]
    impl ::versioned_core::model::Fields for Ticket
    where
        for<'__lazy> i64: ::versioned_core::model::Comparable<tickets::id>,
        for<'__lazy> String: ::versioned_core::model::Comparable<tickets::title>,
        for<'__lazy> i64: ::versioned_core::model::Comparable<tickets::price>,
    {
        fn fields(
            __row: &mut Self,
            __base: &Self,
            __mine: &Self,
            __walk: &mut ::versioned_core::model::FieldWalk,
        ) {
            __walk.key(tickets::id, &__row.id, &__base.id);
            __walk
                .column(tickets::title, &mut __row.title, &__base.title, &__mine.title);
            __walk
                .column(tickets::price, &mut __row.price, &__base.price, &__mine.price);
        }
    }
};
