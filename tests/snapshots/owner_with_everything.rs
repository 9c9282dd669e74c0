// #[diesel(
//     table_name = schema::orders,
//     primary_key(shop, number),
//     check_for_backend(Pg, Sqlite)
// )]
// #[versioned(
//     owner,
//     entity = "purchase orders",
//     initial = 0,
//     tombstones,
//     crate = crate::toolkit
// )]
// struct Order<'a, T, const N: usize>
// where
//     T: Clone,
// {
//     shop: Cow<'a, str>,
//     #[diesel(skip_update)]
//     number: i32,
//     r#type: T,
//     #[diesel(column_name = "order")]
//     position: Option<i16>,
//     checksum: [u8; N],
//     #[diesel(skip_update)]
//     made_by: String,
//     #[diesel(skip_insertion)]
//     shipped: Option<NaiveDateTime>,
//     #[diesel(skip_insertion, skip_update)]
//     row_number: i64,
//     #[diesel(serialize_as = Text)]
//     url: Url,
//     #[diesel(embed)]
//     address: Address,
//     #[diesel(select_expression = orders::price*2_i64)]
//     double: i64,
//     #[versioned(version)]
//     revision: Rev,
// }

const _: () = {
    const __WHOLE_KEY: ::core::primitive::bool = crate::toolkit::model::whole_key(
        schema::orders::table,
        (schema::orders::shop, schema::orders::number),
    );
    #[automatically_derived]
    impl<'a, T, const N: usize> crate::toolkit::model::Versioned for Order<'a, T, N>
    where
        T: Clone,
        T: ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        type Table = schema::orders::table;
        type KeyColumns = (schema::orders::shop, schema::orders::number);
        type VersionColumn = schema::orders::revision;
        type Id = (Cow<'a, str>, i32);
        type Version = Rev;
        type Static = Order<'static, T, N>;
        const TABLE: &'static ::core::primitive::str = "orders";
        const ENTITY: &'static ::core::primitive::str = "purchase orders";
        const WHOLE_KEY: ::core::primitive::bool = __WHOLE_KEY;
        fn id(&self) -> Self::Id {
            (
                ::core::clone::Clone::clone(&self.shop),
                ::core::clone::Clone::clone(&self.number),
            )
        }
        fn loaded(&self) -> &Self::Version {
            &self.revision
        }
        fn set_version(&mut self, __version: Self::Version) {
            self.revision = __version;
        }
        fn key_parts(__id: &Self::Id, __text: &mut crate::toolkit::model::KeyText) {
            use crate::toolkit::model::KeyPartText as _;
            __text.part(crate::toolkit::model::KeyPart::<Cow<'a, str>>::text(&__id.0));
            __text.part(crate::toolkit::model::KeyPart::<i32>::text(&__id.1));
        }
        fn initial_version() -> Self::Version {
            <Rev as crate::toolkit::version::SequentialVersion>::starting_at(0)
        }
    }
    #[automatically_derived]
    impl<'a, T, const N: usize> crate::toolkit::model::OwnerModel for Order<'a, T, N>
    where
        T: Clone,
        T: ::core::marker::Send + ::core::marker::Sync + 'static,
    {
        const TOMBSTONES: ::core::primitive::bool = true;
        fn number(__version: &Self::Version) -> ::core::primitive::i64 {
            <Rev as crate::toolkit::version::SequentialVersion>::number(__version)
        }
        fn numbered(
            __number: ::core::primitive::i64,
        ) -> ::core::option::Option<Self::Version> {
            <Rev as crate::toolkit::version::SequentialVersion>::from_number(__number)
        }
    }
    #[automatically_derived]
    impl<'a, T, const N: usize> crate::toolkit::model::PlainOwner for Order<'a, T, N>
    where
        T: Clone,
        T: ::core::marker::Send + ::core::marker::Sync + 'static,
    {}
    #[automatically_derived]
    impl<'a, T, const N: usize, __DB> crate::toolkit::model::Columns<__DB>
    for Order<'a, T, N>
    where
        T: Clone,
        __DB: crate::toolkit::model::Backend,
        Cow<'a, str>: crate::toolkit::model::Field<schema::orders::shop, __DB>,
        i32: crate::toolkit::model::Field<schema::orders::number, __DB>,
        T: crate::toolkit::model::Field<schema::orders::r#type, __DB>,
        Option<i16>: crate::toolkit::model::Field<schema::orders::order, __DB>,
        [u8; N]: crate::toolkit::model::Field<schema::orders::checksum, __DB>,
        String: crate::toolkit::model::Field<schema::orders::made_by, __DB>,
        Option<
            NaiveDateTime,
        >: crate::toolkit::model::Field<schema::orders::shipped, __DB>,
        Text: crate::toolkit::model::Field<schema::orders::url, __DB>,
        Text: ::core::marker::Send + 'static,
        Url: ::core::clone::Clone + ::core::convert::Into<Text>,
        Address: crate::toolkit::model::Columns<__DB>,
        Rev: crate::toolkit::model::Field<schema::orders::revision, __DB>,
    {
        const COMPLETE: ::core::primitive::bool = false;
        fn columns<'__b>(
            &'__b self,
            __walk: &mut crate::toolkit::model::Walk<'_, '__b, __DB>,
        ) -> crate::toolkit::model::QueryResult<()> {
            __walk.key(schema::orders::shop, &self.shop)?;
            __walk.key(schema::orders::number, &self.number)?;
            __walk.column(schema::orders::r#type, &self.r#type)?;
            __walk.column(schema::orders::order, &self.position)?;
            __walk.column(schema::orders::checksum, &self.checksum)?;
            if crate::toolkit::model::Walk::inserts(__walk) {
                __walk.column(schema::orders::made_by, &self.made_by)?;
            }
            if !crate::toolkit::model::Walk::inserts(__walk) {
                __walk.column(schema::orders::shipped, &self.shipped)?;
            }
            let __converted = __walk.convert::<Text, _>(&self.url)?;
            __walk.column(schema::orders::url, __converted)?;
            crate::toolkit::model::Columns::columns(&self.address, __walk)?;
            ::core::result::Result::Ok(())
        }
        fn keys<'__b>(
            &'__b self,
            __walk: &mut crate::toolkit::model::Walk<'_, '__b, __DB>,
        ) -> crate::toolkit::model::QueryResult<()> {
            __walk.key(schema::orders::shop, &self.shop)?;
            __walk.key(schema::orders::number, &self.number)?;
            ::core::result::Result::Ok(())
        }
        fn take_made(&mut self, __row: &Self) {
            use crate::toolkit::model::MadeAny as _;
            crate::toolkit::model::Made::<i32>::take(&mut self.number, &__row.number);
            crate::toolkit::model::Made::<
                String,
            >::take(&mut self.made_by, &__row.made_by);
            crate::toolkit::model::Made::<
                i64,
            >::take(&mut self.row_number, &__row.row_number);
            crate::toolkit::model::Made::<i64>::take(&mut self.double, &__row.double);
            <Address as crate::toolkit::model::Columns<
                __DB,
            >>::take_made(&mut self.address, &__row.address);
        }
    }
    #[automatically_derived]
    impl<'a, T, const N: usize> crate::toolkit::model::Fields for Order<'a, T, N>
    where
        T: Clone,
        for<'__lazy> Cow<
            'a,
            str,
        >: crate::toolkit::model::Comparable<schema::orders::shop>,
        for<'__lazy> i32: crate::toolkit::model::Comparable<schema::orders::number>,
        for<'__lazy> T: crate::toolkit::model::Comparable<schema::orders::r#type>,
        for<'__lazy> Option<
            i16,
        >: crate::toolkit::model::Comparable<schema::orders::order>,
        for<'__lazy> [u8; N]: crate::toolkit::model::Comparable<
            schema::orders::checksum,
        >,
        for<'__lazy> Option<
            NaiveDateTime,
        >: crate::toolkit::model::Comparable<schema::orders::shipped>,
        for<'__lazy> Url: crate::toolkit::model::Comparable<schema::orders::url>,
        for<'__lazy> Address: crate::toolkit::model::Fields,
    {
        fn fields(
            __row: &mut Self,
            __base: &Self,
            __mine: &Self,
            __walk: &mut crate::toolkit::model::FieldWalk,
        ) {
            use crate::toolkit::model::MadeAny as _;
            __walk.key(schema::orders::shop, &__row.shop, &__base.shop);
            __walk.key(schema::orders::number, &__row.number, &__base.number);
            __walk
                .column(
                    schema::orders::r#type,
                    &mut __row.r#type,
                    &__base.r#type,
                    &__mine.r#type,
                );
            __walk
                .column(
                    schema::orders::order,
                    &mut __row.position,
                    &__base.position,
                    &__mine.position,
                );
            __walk
                .column(
                    schema::orders::checksum,
                    &mut __row.checksum,
                    &__base.checksum,
                    &__mine.checksum,
                );
            __walk
                .column(
                    schema::orders::shipped,
                    &mut __row.shipped,
                    &__base.shipped,
                    &__mine.shipped,
                );
            __walk.column(schema::orders::url, &mut __row.url, &__base.url, &__mine.url);
            crate::toolkit::model::Fields::fields(
                &mut __row.address,
                &__base.address,
                &__mine.address,
                __walk,
            );
            __walk
                .read_only(
                    "made_by",
                    &mut __row.made_by,
                    &__base.made_by,
                    crate::toolkit::model::Made::<String>::is,
                    crate::toolkit::model::Made::<String>::take,
                );
            __walk
                .read_only(
                    "row_number",
                    &mut __row.row_number,
                    &__base.row_number,
                    crate::toolkit::model::Made::<i64>::is,
                    crate::toolkit::model::Made::<i64>::take,
                );
        }
    }
    fn __check<'a, T, const N: usize>()
    where
        T: Clone,
        Cow<'a, str>: crate::toolkit::model::Field<schema::orders::shop, Pg>,
        i32: crate::toolkit::model::Field<schema::orders::number, Pg>,
        T: crate::toolkit::model::Field<schema::orders::r#type, Pg>,
        Option<i16>: crate::toolkit::model::Field<schema::orders::order, Pg>,
        [u8; N]: crate::toolkit::model::Field<schema::orders::checksum, Pg>,
        String: crate::toolkit::model::Field<schema::orders::made_by, Pg>,
        Option<NaiveDateTime>: crate::toolkit::model::Field<schema::orders::shipped, Pg>,
        Text: crate::toolkit::model::Field<schema::orders::url, Pg>,
        Text: ::core::marker::Send + 'static,
        Url: ::core::clone::Clone + ::core::convert::Into<Text>,
        Address: crate::toolkit::model::Columns<Pg>,
        Rev: crate::toolkit::model::Field<schema::orders::revision, Pg>,
        Cow<'a, str>: crate::toolkit::model::Field<schema::orders::shop, Sqlite>,
        i32: crate::toolkit::model::Field<schema::orders::number, Sqlite>,
        T: crate::toolkit::model::Field<schema::orders::r#type, Sqlite>,
        Option<i16>: crate::toolkit::model::Field<schema::orders::order, Sqlite>,
        [u8; N]: crate::toolkit::model::Field<schema::orders::checksum, Sqlite>,
        String: crate::toolkit::model::Field<schema::orders::made_by, Sqlite>,
        Option<
            NaiveDateTime,
        >: crate::toolkit::model::Field<schema::orders::shipped, Sqlite>,
        Text: crate::toolkit::model::Field<schema::orders::url, Sqlite>,
        Text: ::core::marker::Send + 'static,
        Url: ::core::clone::Clone + ::core::convert::Into<Text>,
        Address: crate::toolkit::model::Columns<Sqlite>,
        Rev: crate::toolkit::model::Field<schema::orders::revision, Sqlite>,
    {}
};
