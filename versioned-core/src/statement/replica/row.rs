//! The replica's row: it is replaced by an event's data, or deleted.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::dialect::SqlFor as _;
use crate::loadable::Persisted;
use crate::model::{Clause, Walk};
use crate::statement::safe_updates::push_verb;
use crate::statement::{Insert, Record};

/// The rows that an event's row may replace.
pub(crate) trait Replacing: 'static {
    /// The comparison of the existing row's version with the event's, if there is one.
    const OLDER: Option<&'static str>;
    /// The same comparison, for an UPDATE.
    const CLAUSE: Clause = Clause::Older;
    /// Whether a row at the same version is replaced.
    const REPEATS: bool = false;
}

/// An older row or one at the same version, because a snapshot may be repeated.
pub(crate) enum NoNewer {}

impl Replacing for NoNewer {
    const OLDER: Option<&'static str> = Some(" <= ");
    const CLAUSE: Clause = Clause::NoNewer;
    const REPEATS: bool = true;
}

/// Any row, because the position is the guard.
pub(crate) enum Anything {}

impl Replacing for Anything {
    const OLDER: Option<&'static str> = None;
    const REPEATS: bool = true;
}

/// An older row, because the row is the guard.
pub(crate) enum Older {}

impl Replacing for Older {
    const OLDER: Option<&'static str> = Some(" < ");
}

/// Upserts the row, on PostgreSQL and `SQLite`:
///
/// ```sql
/// INSERT INTO tickets (..) VALUES (..) ON CONFLICT (id) DO UPDATE SET title = excluded.title, ..
/// ```
///
/// Columns of the table that the model does not have keep their values.
pub(crate) struct Merge<'a, R, M: Persisted<DB>, DB: Backend> {
    insert: Insert<'a, M, DB>,
    replacing: PhantomData<fn() -> R>,
}

impl<'a, R: Replacing, M: Persisted<DB>, DB: Backend> Merge<'a, R, M, DB> {
    pub(crate) fn new(model: &'a M, version: &'a M::Version) -> Self {
        Self {
            insert: Insert::new(model, version),
            replacing: PhantomData,
        }
    }
}

pub(crate) enum MergeId {}

impl<R: Replacing, M: Persisted<DB>, DB: Backend> QueryId for Merge<'_, R, M, DB> {
    type QueryId = (MergeId, R, M::Static);
}

impl<R: Replacing, M: Persisted<DB>, DB: Backend> QueryFragment<DB> for Merge<'_, R, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ");
        self.insert.target(out.reborrow())?;
        self.insert.row(out.reborrow())?;
        self.insert.on_conflict(R::OLDER, out)
    }
}

/// `UPDATE "tickets" SET "title" = ?, "version" = ? WHERE "id" = ?`, on MySQL and MariaDB. Their
/// upsert considers every unique key of the table, and would write the event of one record into the
/// row of another.
pub(crate) struct Overwrite<'a, R, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    model: &'a M,
    record: Record<'a, M>,
    version: &'a M::Version,
    conversions: Conversions,
    replacing: PhantomData<fn() -> R>,
}

impl<'a, R: Replacing, M: Persisted<DB>, DB: Backend> Overwrite<'a, R, M, DB> {
    pub(crate) fn new(model: &'a M, version: &'a M::Version) -> Self {
        Self {
            source: M::source(),
            model,
            record: Record::Of(model),
            version,
            conversions: Conversions::default(),
            replacing: PhantomData,
        }
    }
}

pub(crate) enum OverwriteId {}

impl<R: Replacing, M: Persisted<DB>, DB: Backend> QueryId for Overwrite<'_, R, M, DB> {
    type QueryId = (OverwriteId, R, M::Static);
}

impl<R: Replacing, M: Persisted<DB>, DB: Backend> QueryFragment<DB> for Overwrite<'_, R, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        let mut walk = Walk::new(out.reborrow(), &self.conversions, Clause::Replacements);
        self.model.columns(&mut walk)?;
        M::version_column(self.version, &mut walk)?;
        self.record.condition(&self.conversions, out.reborrow())?;
        if R::OLDER.is_some() {
            out.push_sql(" AND ");
            let mut walk = Walk::new(out, &self.conversions, R::CLAUSE);
            M::version_column(self.version, &mut walk)?;
        }
        Ok(())
    }
}

/// `DELETE FROM "tickets" WHERE "id" = $1`
pub(crate) struct Remove<'a, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    record: Record<'a, M>,
    conversions: Conversions,
}

impl<'a, M: Persisted<DB>, DB: Backend> Remove<'a, M, DB> {
    pub(crate) fn new(id: &'a M::Id) -> Self {
        Self {
            source: M::source(),
            record: Record::At(id),
            conversions: Conversions::default(),
        }
    }
}

pub(crate) enum RemoveId {}

impl<M: Persisted<DB>, DB: Backend> QueryId for Remove<'_, M, DB> {
    type QueryId = (RemoveId, M::Static);
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for Remove<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("DELETE FROM ");
        self.source.walk_ast(out.reborrow())?;
        self.record.condition(&self.conversions, out)
    }
}

/// `DELETE FROM "tickets"`
pub(crate) struct Clear<M: Persisted<DB>, DB: Backend> {
    source: M::Source,
}

impl<M: Persisted<DB>, DB: Backend> Clear<M, DB> {
    pub(crate) fn new() -> Self {
        Self {
            source: M::source(),
        }
    }
}

pub(crate) enum ClearId {}

impl<M: Persisted<DB>, DB: Backend> QueryId for Clear<M, DB> {
    type QueryId = (ClearId, M::Static);
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for Clear<M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        push_verb("DELETE", M::Sql::dialect(out.backend()), &mut out);
        out.push_sql(" FROM ");
        self.source.walk_ast(out)
    }
}
