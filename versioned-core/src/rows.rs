//! Rows of statements that are not written in Diesel's query builder.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::deserialize::FromSqlRow;
use diesel::expression::QueryMetadata;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};

/// Reads the first row and runs the statement to its end: an error may come with the last step.
pub(crate) fn first<T, ST, C, S>(statement: S, conn: &mut C) -> QueryResult<Option<T>>
where
    C: LoadConnection,
    C::Backend: QueryMetadata<ST>,
    T: FromSqlRow<ST, C::Backend>,
    S: QueryFragment<C::Backend> + QueryId,
{
    let mut first = None;
    for row in conn.load(Rows::<S, ST>::new(statement))? {
        let row = row?;
        if first.is_none() {
            first = Some(T::build_from_row(&row).map_err(Error::DeserializationError)?);
        }
    }
    Ok(first)
}

/// Reads all rows.
pub(crate) fn all<T, ST, C, S>(statement: S, conn: &mut C) -> QueryResult<Vec<T>>
where
    C: LoadConnection,
    C::Backend: QueryMetadata<ST>,
    T: FromSqlRow<ST, C::Backend>,
    S: QueryFragment<C::Backend> + QueryId,
{
    conn.load(Rows::<S, ST>::new(statement))?
        .map(|row| T::build_from_row(&row?).map_err(Error::DeserializationError))
        .collect()
}

/// A statement whose rows have the SQL type `ST`.
struct Rows<S, ST> {
    statement: S,
    sql_type: PhantomData<ST>,
}

impl<S, ST> Rows<S, ST> {
    fn new(statement: S) -> Self {
        Self {
            statement,
            sql_type: PhantomData,
        }
    }
}

impl<S, ST> Query for Rows<S, ST> {
    type SqlType = ST;
}

impl<S: QueryId, ST> QueryId for Rows<S, ST> {
    type QueryId = S::QueryId;
    const HAS_STATIC_QUERY_ID: bool = S::HAS_STATIC_QUERY_ID;
}

impl<S, ST, DB> QueryFragment<DB> for Rows<S, ST>
where
    DB: Backend,
    S: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.statement.walk_ast(out)
    }
}
