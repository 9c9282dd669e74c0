// #[versioned(owner, entety = "tickets")]
// struct Ticket {
//     id: i64,
//     version: Option<i64>,
// }

const _: () = {
    ::core::compile_error! {
        "unknown key `entety`, did you mean `entity`?\nexpected `owner`, `dependent`, `embedded`, `entity`, `initial`, `policy`, `guard`, `gap`, `replica`, `tombstones`, `outbox` or `crate`"
    }
    ::core::compile_error! {
        "the version can't be NULL, make the column NOT NULL and remove the `Option`"
    }
    #[automatically_derived]
    impl ::versioned_core::model::Versioned for Ticket {
        type Table = ::versioned_core::model::fallback::unknown::table;
        type KeyColumns = (::versioned_core::model::fallback::unknown::id,);
        type VersionColumn = ::versioned_core::model::fallback::unknown::version;
        type Id = ::core::primitive::i64;
        type Version = ::core::primitive::i64;
        type Static = Self;
        const TABLE: &'static ::core::primitive::str = "unknown";
        const ENTITY: &'static ::core::primitive::str = "unknown";
        fn id(&self) -> Self::Id {
            0
        }
        fn loaded(&self) -> &Self::Version {
            &0
        }
        fn set_version(&mut self, _: Self::Version) {}
        fn key_parts(_: &Self::Id, _: &mut ::versioned_core::model::KeyText) {}
    }
    #[automatically_derived]
    impl ::versioned_core::model::OwnerModel for Ticket {}
    #[automatically_derived]
    impl ::versioned_core::model::PlainOwner for Ticket {}
    #[automatically_derived]
    impl ::versioned_core::model::Fields for Ticket {
        fn fields(
            _: &mut Self,
            _: &Self,
            _: &Self,
            _: &mut ::versioned_core::model::FieldWalk,
        ) {}
    }
    #[automatically_derived]
    impl<__DB> ::versioned_core::model::Columns<__DB> for Ticket
    where
        __DB: ::versioned_core::model::Backend,
    {
        fn columns<'__b>(
            &'__b self,
            _: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
        ) -> ::versioned_core::model::QueryResult<()> {
            ::core::result::Result::Ok(())
        }
    }
};
