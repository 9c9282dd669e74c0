//! `INSERT INTO "tickets" (..) VALUES (..)` of any Diesel `Insertable`, with the version added.

use diesel::backend::Backend;
use diesel::insertable::Insertable;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::{BatchFor, SqlFor as _};
use crate::loadable::Loadable;
use crate::model::{KeyColumns, Versioned};
use crate::statement::owner::assigned::Assigned;
use crate::statement::owner::with_version::WithVersion;
use crate::statement::undo::Unwritten;

/// A row that [`create`](crate::prelude::OwnerDsl::create) can insert for `M`: any Diesel
/// `Insertable` for its table that omits the version.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be inserted as a row of `{M}`, derive Diesel's `Insertable` for its table",
    label = "not a new row of `{M}` on `{DB}`",
    note = "pass what Diesel's `.values(..)` accepts for one row: a struct that derives `Insertable`, or a tuple of `column.eq(value)`",
    note = "leave out the version column: `create` adds it"
)]
pub trait NewRow<M: Versioned, DB: Backend> {
    /// The values and the version, as Diesel builds them.
    type Values: QueryFragment<DB> + QueryId + Send;

    /// The values, with the version `first`.
    fn values(self, first: M::Version) -> Self::Values;
}

impl<N, M, DB, P, V> NewRow<M, DB> for N
where
    DB: Backend,
    M: Versioned,
    N: WithVersion<M, Behind = P>,
    P: Insertable<M::Table, Values = V>,
    V: QueryFragment<DB> + QueryId + Send,
{
    type Values = V;

    fn values(self, first: M::Version) -> V {
        self.behind_version(first).values()
    }
}

/// Rows that [`create_all`](crate::prelude::OwnerDsl::create_all) can insert for `M`: each is a
/// [`NewRow`], and Diesel can insert many of them in one statement.
#[diagnostic::on_unimplemented(
    message = "rows of type `{Self}` can't be inserted for `{M}` in one statement",
    label = "Diesel has no batch insert of these on `{DB}`",
    note = "pass what Diesel's `.values(vec![..])` accepts: a struct that derives `Insertable`, or a tuple of `column.eq(value)`",
    note = "leave out the version column: `create_all` adds it"
)]
pub trait NewRows<M: Versioned, DB: Backend>: NewRow<M, DB> {
    /// The values of all rows, as Diesel builds them.
    type Batch: Send;

    /// The values of the rows, each with a first version.
    fn batch(rows: Vec<Self>) -> Self::Batch
    where
        Self: Sized;

    /// Pushes the values, on PostgreSQL.
    ///
    /// # Errors
    ///
    /// Returns an error if a value cannot be serialized as its column's type, and on other
    /// databases.
    fn push<'b>(batch: &'b Self::Batch, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

impl<N, M, DB, P, B> NewRows<M, DB> for N
where
    DB: Backend,
    M: Versioned,
    N: NewRow<M, DB> + WithVersion<M, Behind = P>,
    Vec<P>: Insertable<M::Table, Values = B>,
    DB::MetadataLookup: BatchFor<DB, B>,
    B: Send,
{
    type Batch = B;

    fn batch(rows: Vec<Self>) -> B {
        let rows = rows.into_iter();
        let rows: Vec<P> = rows
            .map(|row| row.behind_version(M::initial_version()))
            .collect();
        rows.values()
    }

    fn push<'b>(batch: &'b B, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        DB::MetadataLookup::push_batch(batch, out)
    }
}

/// The values of many rows: `("version", "title") VALUES ($1, $2), ($3, $4)`
pub(crate) struct Batch<N: NewRows<M, DB>, M: Versioned, DB: Backend>(N::Batch);

impl<N: NewRows<M, DB>, M: Versioned, DB: Backend> Batch<N, M, DB> {
    pub(crate) fn new(rows: Vec<N>) -> Self {
        Self(N::batch(rows))
    }
}

impl<N, M, DB> QueryFragment<DB> for Batch<N, M, DB>
where
    N: NewRows<M, DB>,
    M: Versioned,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        N::push(&self.0, out)
    }
}

/// `INSERT ..` of many rows, on PostgreSQL. It fails, and so undoes itself, if the database
/// suppresses one of them.
///
/// ```sql
/// WITH written AS (INSERT INTO tickets (version, title) VALUES (1, $1), (1, $2) RETURNING id, ..)
/// SELECT * FROM written
/// WHERE CASE WHEN (SELECT count(*) FROM written) >= $3 THEN 1 ELSE .. END = 1
/// ```
///
/// PostgreSQL inserts the rows of VALUES, and returns them, in their order. The text depends on the
/// number of rows, so it is not cached.
pub(crate) struct CreateAll<V, M: Loadable<DB>, DB: Backend> {
    source: M::Source,
    selection: M::Selection,
    values: V,
    rows: i64,
}

impl<V, M: Loadable<DB>, DB: Backend> CreateAll<V, M, DB> {
    pub(crate) fn new(values: V, rows: i64) -> Self {
        Self {
            source: M::source(),
            selection: M::selection(),
            values,
            rows,
        }
    }
}

impl<V, M: Loadable<DB>, DB: Backend> QueryId for CreateAll<V, M, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<V, M, DB> QueryFragment<DB> for CreateAll<V, M, DB>
where
    V: QueryFragment<DB>,
    M: Loadable<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("WITH written AS (INSERT INTO ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" ");
        self.values.walk_ast(out.reborrow())?;
        out.push_sql(" RETURNING ");
        self.selection.walk_ast(out.reborrow())?;
        out.push_sql(") SELECT * FROM written WHERE ");
        Unwritten::unless("(SELECT count(*) FROM written)", &mut out, |out| {
            out.push_sql(" >= ");
            M::Sql::push_number(out, &self.rows)
        })?;
        out.push_sql(" = 1");
        Ok(())
    }
}

pub(crate) struct Create<V, M: Loadable<DB>, DB: Backend> {
    source: M::Source,
    values: V,
    cached: bool,
}

impl<V: QueryId, M: Loadable<DB>, DB: Backend> Create<V, M, DB> {
    pub(crate) fn new(values: V, assigned: &Assigned) -> Self {
        Self {
            source: M::source(),
            values,
            // The columns that get their defaults are known only at run time (`Option` fields).
            cached: V::HAS_STATIC_QUERY_ID || assigned.is_kept::<(CreateId, M::Static)>(),
        }
    }
}

pub(crate) enum CreateId {}

impl<V: QueryId, M: Loadable<DB>, DB: Backend> QueryId for Create<V, M, DB> {
    type QueryId = (CreateId, V::QueryId, M::Static);
    const HAS_STATIC_QUERY_ID: bool = V::HAS_STATIC_QUERY_ID;
}

impl<V, M, DB> QueryFragment<DB> for Create<V, M, DB>
where
    V: QueryFragment<DB>,
    M: Loadable<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.cached {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("INSERT INTO ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" ");
        self.values.walk_ast(out)
    }
}

/// `DO LAST_INSERT_ID(0)`, on MySQL and MariaDB. It resets the key that an earlier INSERT of this
/// session generated. An INSERT that generates no key would otherwise appear to have generated that
/// one.
pub(crate) struct ForgetKey;

impl QueryId for ForgetKey {
    type QueryId = Self;
}

impl<DB: Backend> QueryFragment<DB> for ForgetKey {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DO LAST_INSERT_ID(0)");
        Ok(())
    }
}

/// `INSERT .. RETURNING quote("id")`, which returns the key of the new row as `SQLite` literals.
/// `SQLite`'s RETURNING does not accept a column behind the name of a schema.
pub(crate) struct CreateKey<V, M: Loadable<DB>, DB: Backend>(pub(crate) Create<V, M, DB>);

pub(crate) enum CreateKeyId {}

impl<V: QueryId, M: Loadable<DB>, DB: Backend> QueryId for CreateKey<V, M, DB> {
    type QueryId = (CreateKeyId, V::QueryId, M::Static);
    const HAS_STATIC_QUERY_ID: bool = V::HAS_STATIC_QUERY_ID;
}

impl<V, M, DB> QueryFragment<DB> for CreateKey<V, M, DB>
where
    V: QueryFragment<DB>,
    M: Loadable<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        for (place, column) in M::KeyColumns::NAMES.iter().enumerate() {
            out.push_sql(if place == 0 {
                " RETURNING quote("
            } else {
                " || ', ' || quote("
            });
            out.push_identifier(column)?;
            out.push_sql(")");
        }
        Ok(())
    }
}

/// How the inserted row is found.
pub(crate) enum Generated {
    /// By `LAST_INSERT_ID()`, on MySQL and MariaDB.
    LastId,
    /// By its key, as `SQLite` literals.
    Key(String),
}

/// `SELECT .. FROM "tickets" WHERE "id" = LAST_INSERT_ID()`: the row that the INSERT before it
/// wrote, if the INSERT cannot return it.
pub(crate) struct Created<M: Loadable<DB>, DB: Backend> {
    selection: M::Selection,
    source: M::Source,
    key: Generated,
}

impl<M: Loadable<DB>, DB: Backend> Created<M, DB> {
    pub(crate) fn new(key: Generated) -> Self {
        Self {
            selection: M::selection(),
            source: M::source(),
            key,
        }
    }
}

pub(crate) enum CreatedId {}

impl<M: Loadable<DB>, DB: Backend> QueryId for Created<M, DB> {
    type QueryId = (CreatedId, M::Static);
    const HAS_STATIC_QUERY_ID: bool = <M::Selection as QueryId>::HAS_STATIC_QUERY_ID;
}

impl<M: Loadable<DB>, DB: Backend> QueryFragment<DB> for Created<M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.selection.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.source.walk_ast(out.reborrow())?;
        match &self.key {
            Generated::LastId => {
                out.push_sql(" WHERE ");
                M::KeyColumns::write_names(&mut out)?;
                out.push_sql(" = LAST_INSERT_ID() AND LAST_INSERT_ID() <> 0");
            }
            Generated::Key(literals) => {
                // The text contains the key.
                out.unsafe_to_cache_prepared();
                out.push_sql(" WHERE (");
                M::KeyColumns::write_names(&mut out)?;
                out.push_sql(") = (");
                out.push_sql(literals);
                out.push_sql(")");
            }
        }
        Ok(())
    }
}
