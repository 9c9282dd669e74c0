// #[versioned(owner)]
// struct Note(
//     #[diesel(column_name = id)]
//     i64,
//     #[diesel(column_name = changed)]
//     #[versioned(version, precision = "seconds")]
//     NaiveDateTime,
// );

const _: () = {
    const __WHOLE_KEY: ::core::primitive::bool = ::versioned_core::model::whole_key(
        notes::table,
        (notes::id,),
    );
    #[automatically_derived]
    impl ::versioned_core::model::Versioned for Note {
        type Table = notes::table;
        type KeyColumns = (notes::id,);
        type VersionColumn = notes::changed;
        type Id = i64;
        type Version = NaiveDateTime;
        type Static = Self;
        const TABLE: &'static ::core::primitive::str = "notes";
        const ENTITY: &'static ::core::primitive::str = "notes";
        const WHOLE_KEY: ::core::primitive::bool = __WHOLE_KEY;
        fn id(&self) -> Self::Id {
            ::core::clone::Clone::clone(&self.0)
        }
        fn loaded(&self) -> &Self::Version {
            &self.1
        }
        fn set_version(&mut self, __version: Self::Version) {
            self.1 = __version;
        }
        fn key_parts(__id: &Self::Id, __text: &mut ::versioned_core::model::KeyText) {
            use ::versioned_core::model::KeyPartText as _;
            __text.part(::versioned_core::model::KeyPart::<i64>::text(__id));
        }
        fn initial_version() -> Self::Version {
            <NaiveDateTime as ::versioned_core::version::TimestampVersion>::first(
                ::versioned_core::version::Precision::Seconds,
            )
        }
        fn next_version(
            __current: &Self::Version,
        ) -> ::core::option::Option<Self::Version> {
            <NaiveDateTime as ::versioned_core::version::TimestampVersion>::after(
                __current,
                ::versioned_core::version::Precision::Seconds,
            )
        }
    }
    #[automatically_derived]
    impl ::versioned_core::model::OwnerModel for Note {}
    #[automatically_derived]
    impl ::versioned_core::model::PlainOwner for Note {}
    #[automatically_derived]
    impl<__DB> ::versioned_core::model::Columns<__DB> for Note
    where
        __DB: ::versioned_core::model::Backend,
        i64: ::versioned_core::model::Field<notes::id, __DB>,
        NaiveDateTime: ::versioned_core::model::Field<notes::changed, __DB>,
    {
        fn columns<'__b>(
            &'__b self,
            __walk: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
        ) -> ::versioned_core::model::QueryResult<()> {
            __walk.key(notes::id, &self.0)?;
            ::core::result::Result::Ok(())
        }
        fn keys<'__b>(
            &'__b self,
            __walk: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
        ) -> ::versioned_core::model::QueryResult<()> {
            __walk.key(notes::id, &self.0)?;
            ::core::result::Result::Ok(())
        }
    }
    #[automatically_derived]
    impl ::versioned_core::model::Fields for Note
    where
        for<'__lazy> i64: ::versioned_core::model::Comparable<notes::id>,
    {
        fn fields(
            __row: &mut Self,
            __base: &Self,
            __mine: &Self,
            __walk: &mut ::versioned_core::model::FieldWalk,
        ) {
            __walk.key(notes::id, &__row.0, &__base.0);
        }
    }
};
