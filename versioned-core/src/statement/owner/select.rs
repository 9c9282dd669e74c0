//! `SELECT "tickets"."id", .. FROM "tickets" WHERE "id" = $1`, and the same query for the version
//! alone.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_source::Column;
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::dialect::{Dialect, SqlFor};
use crate::loadable::{Loadable, Persisted};
use crate::model::{Clause, Walk};
use crate::statement::{Record, VersionGuard};

/// The state of the row that a SELECT sees, and whether it locks the row.
pub(crate) trait Reading: 'static {
    /// The condition on the key.
    const KEY: Clause = Clause::Condition;

    /// The end of the statement.
    fn suffix(dialect: Option<Dialect>) -> &'static str;
}

/// The row as an ordinary SELECT in this transaction sees it.
pub(crate) enum AsSnapshot {}

impl Reading for AsSnapshot {
    fn suffix(_: Option<Dialect>) -> &'static str {
        ""
    }
}

/// The current row. InnoDB reads from the transaction's snapshot, which may still show the version
/// that a guard has just failed to find. Only a locking read sees the row that the guard saw.
pub(crate) enum Current {}

impl Reading for Current {
    fn suffix(dialect: Option<Dialect>) -> &'static str {
        match dialect {
            Some(Dialect::Mysql) => " FOR UPDATE",
            Some(Dialect::Postgres | Dialect::Sqlite) | None => "",
        }
    }
}

/// Like `Current`, if the row is at the loaded version: `.. AND "version" = $2`
pub(crate) enum Unmoved {}

impl Reading for Unmoved {
    fn suffix(dialect: Option<Dialect>) -> &'static str {
        Current::suffix(dialect)
    }
}

/// Like `Current`, for the row of any key that the database treats as equal to the record's.
pub(crate) enum AnySpelling {}

impl Reading for AnySpelling {
    const KEY: Clause = Clause::AnySpelling;

    fn suffix(dialect: Option<Dialect>) -> &'static str {
        Current::suffix(dialect)
    }
}

/// The current row, with a shared lock until the transaction ends.
///
/// `SQLite` locks the whole database instead of rows.
pub(crate) enum Held {}

impl Reading for Held {
    fn suffix(dialect: Option<Dialect>) -> &'static str {
        match dialect {
            Some(Dialect::Postgres) => " FOR SHARE",
            // Both MySQL and MariaDB accept this form.
            Some(Dialect::Mysql) => " LOCK IN SHARE MODE",
            Some(Dialect::Sqlite) | None => "",
        }
    }
}

/// Loads a row.
pub(crate) struct Find<'a, R, M: Loadable<DB>, DB: Backend> {
    select: Select<'a, R, M, DB>,
    selection: M::Selection,
}

impl<'a, R: Reading, M: Loadable<DB>, DB: Backend> Find<'a, R, M, DB> {
    pub(crate) fn new(record: Record<'a, M>) -> Self {
        Self {
            select: Select::new(record),
            selection: M::selection(),
        }
    }
}

pub(crate) enum FindId {}

impl<R: Reading, M: Loadable<DB>, DB: Backend> QueryId for Find<'_, R, M, DB> {
    type QueryId = (FindId, R, M::Static);
    const HAS_STATIC_QUERY_ID: bool = <M::Selection as QueryId>::HAS_STATIC_QUERY_ID;
}

impl<R, M, DB> QueryFragment<DB> for Find<'_, R, M, DB>
where
    R: Reading,
    M: Persisted<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        self.selection.walk_ast(out.reborrow())?;
        self.select.walk(out)
    }
}

/// Loads the version of a row.
pub(crate) struct FindVersion<'a, R, M: Loadable<DB>, DB: Backend> {
    select: Select<'a, R, M, DB>,
}

impl<'a, R: Reading, M: Loadable<DB>, DB: Backend> FindVersion<'a, R, M, DB> {
    pub(crate) fn new(record: Record<'a, M>) -> Self {
        Self {
            select: Select::new(record),
        }
    }
}

impl<'a, M: Loadable<DB>, DB: Backend> FindVersion<'a, Unmoved, M, DB> {
    pub(crate) fn at(guard: VersionGuard<'a, M>) -> Self {
        Self {
            select: Select {
                loaded: Some(guard.loaded),
                ..Select::new(guard.record)
            },
        }
    }
}

pub(crate) enum FindVersionId {}

impl<R: Reading, M: Loadable<DB>, DB: Backend> QueryId for FindVersion<'_, R, M, DB> {
    type QueryId = (FindVersionId, R, M::Static);
}

impl<R, M, DB> QueryFragment<DB> for FindVersion<'_, R, M, DB>
where
    R: Reading,
    M: Persisted<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("SELECT ");
        out.push_identifier(<M::VersionColumn as Column>::NAME)?;
        self.select.walk(out)
    }
}

/// Loads the rows of many models or keys: `SELECT .. FROM "tickets" WHERE ("id" = $1) OR ("id" = $2)`
pub(crate) struct FindAll<'a, M: Loadable<DB>, DB: Backend> {
    selection: M::Selection,
    source: M::Source,
    records: Vec<Record<'a, M>>,
    conversions: Conversions,
}

impl<'a, M: Loadable<DB>, DB: Backend> FindAll<'a, M, DB> {
    pub(crate) fn new(models: &[&'a M]) -> Self {
        Self::of(models.iter().copied().map(Record::Of).collect())
    }

    pub(crate) fn at(ids: &'a [M::Id]) -> Self {
        Self::of(ids.iter().map(Record::At).collect())
    }

    fn of(records: Vec<Record<'a, M>>) -> Self {
        Self {
            selection: M::selection(),
            source: M::source(),
            records,
            conversions: Conversions::default(),
        }
    }
}

/// Prepared for one use, because the text depends on the number of models.
impl<M: Loadable<DB>, DB: Backend> QueryId for FindAll<'_, M, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for FindAll<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("SELECT ");
        self.selection.walk_ast(out.reborrow())?;
        out.push_sql(" FROM ");
        self.source.walk_ast(out.reborrow())?;
        for (place, record) in self.records.iter().enumerate() {
            out.push_sql(if place == 0 { " WHERE (" } else { ") OR (" });
            let mut walk = Walk::new(out.reborrow(), &self.conversions, Clause::Condition);
            record.walk(&mut walk)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

/// The part after the selection, which both queries share.
struct Select<'a, R, M: Loadable<DB>, DB: Backend> {
    source: M::Source,
    record: Record<'a, M>,
    /// The version that the row must be at, only for [`Unmoved`].
    loaded: Option<&'a M::Version>,
    conversions: Conversions,
    reading: PhantomData<fn() -> R>,
}

impl<'a, R: Reading, M: Loadable<DB>, DB: Backend> Select<'a, R, M, DB> {
    fn new(record: Record<'a, M>) -> Self {
        Self {
            source: M::source(),
            record,
            loaded: None,
            conversions: Conversions::default(),
            reading: PhantomData,
        }
    }

    fn walk<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()>
    where
        M: Persisted<DB>,
    {
        out.push_sql(" FROM ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        let mut walk = Walk::new(out.reborrow(), &self.conversions, R::KEY);
        self.record.walk(&mut walk)?;
        if let Some(loaded) = self.loaded {
            M::version_column(loaded, &mut walk)?;
        }
        let dialect = M::Sql::dialect(out.backend());
        out.push_sql(R::suffix(dialect));
        Ok(())
    }
}
