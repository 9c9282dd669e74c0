// #[diesel(table_name = tickets)]
// #[versioned(embedded)]
// struct Address {
//     street: String,
//     city: Option<String>,
// }

const _: () = {
    #[automatically_derived]
    impl<__DB> ::versioned_core::model::Columns<__DB> for Address
    where
        __DB: ::versioned_core::model::Backend,
        String: ::versioned_core::model::Field<tickets::street, __DB>,
        Option<String>: ::versioned_core::model::Field<tickets::city, __DB>,
    {
        fn columns<'__b>(
            &'__b self,
            __walk: &mut ::versioned_core::model::Walk<'_, '__b, __DB>,
        ) -> ::versioned_core::model::QueryResult<()> {
            __walk.column(tickets::street, &self.street)?;
            __walk.column(tickets::city, &self.city)?;
            ::core::result::Result::Ok(())
        }
    }
    #[automatically_derived]
    impl ::versioned_core::model::Fields for Address
    where
        for<'__lazy> String: ::versioned_core::model::Comparable<tickets::street>,
        for<'__lazy> Option<String>: ::versioned_core::model::Comparable<tickets::city>,
    {
        fn fields(
            __row: &mut Self,
            __base: &Self,
            __mine: &Self,
            __walk: &mut ::versioned_core::model::FieldWalk,
        ) {
            __walk
                .column(
                    tickets::street,
                    &mut __row.street,
                    &__base.street,
                    &__mine.street,
                );
            __walk.column(tickets::city, &mut __row.city, &__base.city, &__mine.city);
        }
    }
};
