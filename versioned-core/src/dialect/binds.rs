//! Methods that are the same for each backend, but cannot be written in generic code.

/// Generates the binds, and the queries for rows of numbers and texts.
macro_rules! binds_and_rows {
    ($backend:ty) => {
        fn push_text<'b>(out: &mut AstPass<'_, 'b, $backend>, text: &'b str) -> QueryResult<()> {
            out.push_bind_param::<Text, str>(text)
        }

        fn push_number<'b>(
            out: &mut AstPass<'_, 'b, $backend>,
            number: &'b i64,
        ) -> QueryResult<()> {
            out.push_bind_param::<BigInt, i64>(number)
        }

        fn number<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Option<i64>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.first::<i64, BigInt, _>(statement)
        }

        fn numbers<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Vec<i64>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.all::<i64, BigInt, _>(statement)
        }

        fn figures<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Option<(i64, i64, i64, i64)>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.first::<(i64, i64, i64, i64), (BigInt, BigInt, BigInt, BigInt), _>(statement)
        }

        fn names<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Option<(String, String)>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.first::<(String, String), (Text, Text), _>(statement)
        }

        fn waiting<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Vec<Waiting>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.all::<Waiting, WaitingSql, _>(statement)
        }

        fn letters<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Vec<Letter>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.all::<Letter, LetterSql, _>(statement)
        }

        fn parked<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Vec<Parked>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.all::<Parked, ParkedSql, _>(statement)
        }

        fn any_letters<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Vec<AnyLetter>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.all::<AnyLetter, AnyLetterSql, _>(statement)
        }

        fn any_parked<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Vec<AnyParked>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.all::<AnyParked, AnyParkedSql, _>(statement)
        }

        fn pending<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Vec<Pending>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.all::<Pending, PendingSql, _>(statement)
        }

        fn requests<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Vec<Requested>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.all::<Requested, RequestedSql, _>(statement)
        }

        fn items<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Vec<Item>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.all::<Item, ItemSql, _>(statement)
        }

        fn text<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Option<String>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.first::<String, Text, _>(statement)
        }

        fn pairs<C, S>(
            conn: &mut C,
            statement: S,
        ) -> impl Future<Output = QueryResult<Vec<(String, i64)>>> + Send
        where
            C: Runner<Backend = $backend>,
            S: QueryFragment<$backend> + QueryId + Send,
        {
            conn.all::<(String, i64), (Text, BigInt), _>(statement)
        }
    };
}

pub(super) use binds_and_rows;
