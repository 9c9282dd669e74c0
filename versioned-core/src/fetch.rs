//! What Diesel knows about a model on a backend: its table, its selection, its rows.

use std::any::TypeId;

use diesel::backend::Backend;
use diesel::connection::LoadConnection;
use diesel::deserialize::FromSqlRow;
use diesel::dsl::SqlTypeOf;
use diesel::expression::{QueryMetadata, Selectable};
use diesel::internal::table_macro::{Identifier, StaticQueryFragment};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::query_source::QuerySource;
use diesel::result::QueryResult;

use crate::dialect::Flavor;
use crate::model::{Columns, Field, Key, Versioned, Walk};
use crate::rows::{all, first};

/// A model that can be read from `DB`: implemented for every versioned model that is `Queryable` and `Selectable`.
///
/// Diesel's loading bounds live here, so that generic code names none of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be loaded from `{DB}`",
    note = "a versioned model also derives Diesel's `Queryable` and `Selectable`, and its backend is a feature of `versioned-core`"
)]
pub trait Fetch<DB: Backend>: Versioned {
    /// How to tell the dialect of `DB`.
    type On: Flavor<DB> + ?Sized;

    /// `"tickets"`
    type Source: QueryFragment<DB> + Send;

    /// `"tickets"."id", "tickets"."title"`
    type Selection: QueryFragment<DB> + QueryId + Send;

    /// The table.
    fn source() -> Self::Source;

    /// Whether the table's name stands behind a schema's.
    fn in_schema() -> bool;

    /// The columns that a row is loaded from.
    fn selection() -> Self::Selection;

    /// Shows the key `id` to `walk`.
    fn key<'b>(id: &'b Self::Id, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>;

    /// Shows `version` to `walk`.
    fn version_column<'b>(
        version: &'b Self::Version,
        walk: &mut Walk<'_, 'b, DB>,
    ) -> QueryResult<()>;

    /// Runs a statement that returns rows of this model.
    fn fetch_row<C, S>(statement: S, conn: &mut C) -> QueryResult<Option<Self>>
    where
        C: LoadConnection<Backend = DB>,
        S: QueryFragment<DB> + QueryId;

    /// Runs a statement that returns rows of this model.
    fn fetch_rows<C, S>(statement: S, conn: &mut C) -> QueryResult<Vec<Self>>
    where
        C: LoadConnection<Backend = DB>,
        S: QueryFragment<DB> + QueryId;

    /// Runs a statement that returns the version of a row.
    fn fetch_version<C, S>(statement: S, conn: &mut C) -> QueryResult<Option<Self::Version>>
    where
        C: LoadConnection<Backend = DB>,
        S: QueryFragment<DB> + QueryId;
}

impl<M, DB> Fetch<DB> for M
where
    DB: Backend
        + QueryMetadata<SqlTypeOf<M::SelectExpression>>
        + QueryMetadata<SqlTypeOf<M::VersionColumn>>,
    DB::MetadataLookup: Flavor<DB>,
    M: Versioned + Selectable<DB> + FromSqlRow<SqlTypeOf<M::SelectExpression>, DB>,
    M::Table: StaticQueryFragment,
    M::SelectExpression: QueryFragment<DB> + QueryId + Send,
    <M::Table as QuerySource>::FromClause: QueryFragment<DB> + Send,
    M::Id: Key<M::KeyColumns, DB>,
    M::Version: Field<M::VersionColumn, DB> + FromSqlRow<SqlTypeOf<M::VersionColumn>, DB>,
{
    type On = DB::MetadataLookup;
    type Source = <M::Table as QuerySource>::FromClause;
    type Selection = M::SelectExpression;

    fn source() -> Self::Source {
        M::Table::default().from_clause()
    }

    fn in_schema() -> bool {
        type Alone = Identifier<'static>;
        TypeId::of::<<M::Table as StaticQueryFragment>::Component>() != TypeId::of::<Alone>()
    }

    fn selection() -> Self::Selection {
        M::construct_selection()
    }

    fn key<'b>(id: &'b Self::Id, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()> {
        id.parts(walk)
    }

    fn version_column<'b>(
        version: &'b Self::Version,
        walk: &mut Walk<'_, 'b, DB>,
    ) -> QueryResult<()> {
        walk.version(M::VersionColumn::default(), version)
    }

    fn fetch_row<C, S>(statement: S, conn: &mut C) -> QueryResult<Option<Self>>
    where
        C: LoadConnection<Backend = DB>,
        S: QueryFragment<DB> + QueryId,
    {
        first::<Self, SqlTypeOf<M::SelectExpression>, _, _>(statement, conn)
    }

    fn fetch_rows<C, S>(statement: S, conn: &mut C) -> QueryResult<Vec<Self>>
    where
        C: LoadConnection<Backend = DB>,
        S: QueryFragment<DB> + QueryId,
    {
        all::<Self, SqlTypeOf<M::SelectExpression>, _, _>(statement, conn)
    }

    fn fetch_version<C, S>(statement: S, conn: &mut C) -> QueryResult<Option<Self::Version>>
    where
        C: LoadConnection<Backend = DB>,
        S: QueryFragment<DB> + QueryId,
    {
        first::<Self::Version, SqlTypeOf<M::VersionColumn>, _, _>(statement, conn)
    }
}

/// A model that can be written to `DB` and read from it, whatever its mode: what a statement needs.
pub trait Stored<DB: Backend>: Columns<DB> + Fetch<DB> {}

impl<M, DB> Stored<DB> for M
where
    DB: Backend,
    M: Columns<DB> + Fetch<DB>,
{
}
