//! Diesel's knowledge of a model on a backend: the table, the selection and the rows.

use std::any::TypeId;

use diesel::backend::Backend;
use diesel::deserialize::FromSqlRow;
use diesel::dsl::SqlTypeOf;
use diesel::expression::{Expression, QueryMetadata, Selectable};
use diesel::internal::table_macro::{Identifier, StaticQueryFragment};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::query_source::QuerySource;
use diesel::result::QueryResult;

use crate::dialect::{Kind, SqlFor};
use crate::model::{Columns, Field, Key, Versioned, Walk, name_of_replica};
use crate::runner::Runner;

/// A model that can be loaded from `DB`. It is implemented for every versioned model that is
/// `Queryable` and `Selectable`.
///
/// The trait contains Diesel's bounds for loading, so that generic code names none of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be loaded from `{DB}`",
    note = "a versioned model also derives Diesel's `Queryable` and `Selectable`"
)]
pub trait Loadable<DB: Backend>: Versioned {
    /// The source of the SQL dialect of `DB`.
    type Sql: SqlFor<DB> + ?Sized;

    /// `"tickets"`
    type Source: QueryFragment<DB> + Send;

    /// `"tickets"."id", "tickets"."title"`
    type Selection: QueryFragment<DB> + QueryId + Send;

    /// Returns the table.
    fn source() -> Self::Source;

    /// Returns whether the name of the table is qualified by a schema.
    fn in_schema() -> bool;

    /// Returns the name under which the positions of a replica are kept. Empty for an owner.
    fn replica() -> &'static str;

    /// Returns the columns of a row.
    fn selection() -> Self::Selection;

    /// Passes the columns of the key `id` to `walk`.
    fn key<'b>(id: &'b Self::Id, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>;

    /// Returns how the database may alter or compare a key.
    fn key_kind() -> Kind;

    /// Returns whether the database may treat two different keys of this model as equal.
    fn has_coarse_key() -> bool {
        Self::key_kind().is_coarse()
    }

    /// Returns whether the database may store a key of this model as another one, because the
    /// column rounds or cuts it.
    fn may_change_key() -> bool {
        Self::key_kind() >= Kind::Rounded
    }

    /// Passes the column of `version` to `walk`.
    fn version_column<'b>(
        version: &'b Self::Version,
        walk: &mut Walk<'_, 'b, DB>,
    ) -> QueryResult<()>;

    /// Runs a statement that returns rows of this model, and reads at most one.
    fn row<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<Self>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns rows of this model.
    fn rows<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Vec<Self>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns versions, and reads at most one.
    fn row_version<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<Self::Version>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;
}

// rustc shows the message of the failed bound only if that bound is about another type than the
// bound in the caller's code. The bounds on a model are therefore expressed as bounds on the
// backend.

/// Diesel's `Selectable` of `M`.
#[diagnostic::on_unimplemented(
    message = "`{M}` does not name its columns, add `#[derive(Selectable)]` to it",
    label = "this loads a `{M}`"
)]
pub trait Selects<M>: Backend {
    /// `"tickets"."id", "tickets"."title"`
    type Selection: Expression;

    /// Returns the columns of a row.
    fn selection() -> Self::Selection;
}

#[diagnostic::do_not_recommend]
impl<M: Selectable<DB>, DB: Backend> Selects<M> for DB {
    type Selection = M::SelectExpression;

    fn selection() -> Self::Selection {
        M::construct_selection()
    }
}

/// Diesel's `Queryable` of `M`, for rows of the type `ST`.
#[diagnostic::on_unimplemented(
    message = "`{M}` can't be read from its row, add `#[derive(Queryable)]` to it, or change the field that does not fit its column",
    label = "this loads a `{M}`",
    note = "a column that may be NULL needs an `Option`",
    note = "`#[diesel(check_for_backend(..))]` on `{M}` shows the field that does not fit"
)]
pub trait Reads<M: Versioned, ST>: Backend {
    /// Runs a statement that returns rows of `M`, and reads at most one.
    fn row<C, S>(conn: &mut C, statement: S) -> impl Future<Output = QueryResult<Option<M>>> + Send
    where
        C: Runner<Backend = Self>,
        S: QueryFragment<Self> + QueryId + Send;

    /// Runs a statement that returns rows of `M`.
    fn rows<C, S>(conn: &mut C, statement: S) -> impl Future<Output = QueryResult<Vec<M>>> + Send
    where
        C: Runner<Backend = Self>,
        S: QueryFragment<Self> + QueryId + Send;

    /// Runs a statement that returns versions, and reads at most one.
    fn row_version<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<M::Version>>> + Send
    where
        C: Runner<Backend = Self>,
        S: QueryFragment<Self> + QueryId + Send;
}

#[diagnostic::do_not_recommend]
impl<M, ST, DB> Reads<M, ST> for DB
where
    DB: Backend + QueryMetadata<ST> + QueryMetadata<SqlTypeOf<M::VersionColumn>>,
    M: Versioned + FromSqlRow<ST, DB>,
    M::Version: FromSqlRow<SqlTypeOf<M::VersionColumn>, DB>,
{
    fn row<C, S>(conn: &mut C, statement: S) -> impl Future<Output = QueryResult<Option<M>>> + Send
    where
        C: Runner<Backend = Self>,
        S: QueryFragment<Self> + QueryId + Send,
    {
        conn.first::<M, ST, _>(statement)
    }

    fn rows<C, S>(conn: &mut C, statement: S) -> impl Future<Output = QueryResult<Vec<M>>> + Send
    where
        C: Runner<Backend = Self>,
        S: QueryFragment<Self> + QueryId + Send,
    {
        conn.all::<M, ST, _>(statement)
    }

    fn row_version<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<M::Version>>> + Send
    where
        C: Runner<Backend = Self>,
        S: QueryFragment<Self> + QueryId + Send,
    {
        conn.first::<M::Version, SqlTypeOf<M::VersionColumn>, _>(statement)
    }
}

impl<M, DB> Loadable<DB> for M
where
    DB: Backend + Selects<M> + Reads<M, SqlTypeOf<<DB as Selects<M>>::Selection>>,
    DB::MetadataLookup: SqlFor<DB>,
    M: Versioned,
    <DB as Selects<M>>::Selection: QueryFragment<DB> + QueryId + Send,
    <M::Table as QuerySource>::FromClause: QueryFragment<DB> + Send,
    M::Id: Key<M::KeyColumns, DB>,
    M::Version: Field<M::VersionColumn, DB>,
{
    type Sql = DB::MetadataLookup;
    type Source = <M::Table as QuerySource>::FromClause;
    type Selection = <DB as Selects<M>>::Selection;

    fn source() -> Self::Source {
        M::Table::default().from_clause()
    }

    fn in_schema() -> bool {
        type Alone = Identifier<'static>;
        TypeId::of::<<M::Table as StaticQueryFragment>::Component>() != TypeId::of::<Alone>()
    }

    fn replica() -> &'static str {
        match M::REPLICA {
            None => "",
            Some(_) => name_of_replica::<M>(),
        }
    }

    fn selection() -> Self::Selection {
        <DB as Selects<M>>::selection()
    }

    fn key<'b>(id: &'b Self::Id, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()> {
        id.parts(walk)
    }

    fn key_kind() -> Kind {
        <M::Id as Key<M::KeyColumns, DB>>::kind()
    }

    fn version_column<'b>(
        version: &'b Self::Version,
        walk: &mut Walk<'_, 'b, DB>,
    ) -> QueryResult<()> {
        walk.version(M::VersionColumn::default(), version)
    }

    fn row<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<Self>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send,
    {
        DB::row(conn, statement)
    }

    fn rows<C, S>(conn: &mut C, statement: S) -> impl Future<Output = QueryResult<Vec<Self>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send,
    {
        DB::rows(conn, statement)
    }

    fn row_version<C, S>(
        conn: &mut C,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<Self::Version>>> + Send
    where
        C: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send,
    {
        DB::row_version(conn, statement)
    }
}

/// A model of either mode that can be written to `DB` and loaded from it. Statements need this
/// bound.
pub trait Persisted<DB: Backend>: Columns<DB> + Loadable<DB> {}

impl<M, DB> Persisted<DB> for M
where
    DB: Backend,
    M: Columns<DB> + Loadable<DB>,
{
}
