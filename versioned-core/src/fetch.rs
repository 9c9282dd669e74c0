//! What Diesel knows about a model on a backend: its table, its selection, its rows.

use std::any::TypeId;

use diesel::backend::Backend;
use diesel::deserialize::FromSqlRow;
use diesel::dsl::SqlTypeOf;
use diesel::expression::{QueryMetadata, Selectable};
use diesel::internal::table_macro::{Identifier, StaticQueryFragment};
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::query_source::QuerySource;
use diesel::result::QueryResult;

use crate::dialect::Flavor;
use crate::executor::Runner;
use crate::model::{Columns, Field, Key, Versioned, Walk};

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

    /// Runs a statement that returns rows of this model, for at most one of them.
    fn row<X, S>(x: &mut X, statement: S) -> impl Future<Output = QueryResult<Option<Self>>> + Send
    where
        X: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns rows of this model.
    fn rows<X, S>(x: &mut X, statement: S) -> impl Future<Output = QueryResult<Vec<Self>>> + Send
    where
        X: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;

    /// Runs a statement that returns the version of at most one row.
    fn row_version<X, S>(
        x: &mut X,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<Self::Version>>> + Send
    where
        X: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send;
}

#[diagnostic::do_not_recommend]
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

    fn row<X, S>(x: &mut X, statement: S) -> impl Future<Output = QueryResult<Option<Self>>> + Send
    where
        X: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send,
    {
        x.first::<Self, SqlTypeOf<M::SelectExpression>, _>(statement)
    }

    fn rows<X, S>(x: &mut X, statement: S) -> impl Future<Output = QueryResult<Vec<Self>>> + Send
    where
        X: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send,
    {
        x.all::<Self, SqlTypeOf<M::SelectExpression>, _>(statement)
    }

    fn row_version<X, S>(
        x: &mut X,
        statement: S,
    ) -> impl Future<Output = QueryResult<Option<Self::Version>>> + Send
    where
        X: Runner<Backend = DB>,
        S: QueryFragment<DB> + QueryId + Send,
    {
        x.first::<Self::Version, SqlTypeOf<M::VersionColumn>, _>(statement)
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
