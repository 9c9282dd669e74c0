//! `INSERT INTO "tickets" ("id", "title", "version") VALUES ($1, $2, $3)`

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::query_source::Column;
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::loadable::Persisted;
use crate::model::{Clause, KeyColumns, Walk};

/// What an INSERT does if the key is taken.
pub(crate) trait IfTaken: 'static {
    /// Whether it inserts no row, instead of an error.
    const SKIPS: bool;
}

/// The database reports the violated key.
pub(crate) enum Fails {}

impl IfTaken for Fails {
    const SKIPS: bool = false;
}

/// ` ON CONFLICT ("id") DO NOTHING`, on PostgreSQL and `SQLite`. Another unique key is still an
/// error.
pub(crate) enum Skips {}

impl IfTaken for Skips {
    const SKIPS: bool = true;
}

pub(crate) struct Insert<'a, M: Persisted<DB>, DB: Backend, T = Fails> {
    source: M::Source,
    model: &'a M,
    version: &'a M::Version,
    conversions: Conversions,
    taken: PhantomData<fn() -> T>,
}

impl<'a, M: Persisted<DB>, DB: Backend> Insert<'a, M, DB> {
    pub(crate) fn new(model: &'a M, version: &'a M::Version) -> Self {
        Self::or(model, version)
    }
}

impl<'a, M: Persisted<DB>, DB: Backend, T> Insert<'a, M, DB, T> {
    /// Inserts the row, or does what `T` says.
    pub(crate) fn or(model: &'a M, version: &'a M::Version) -> Self {
        Self {
            source: M::source(),
            model,
            version,
            conversions: Conversions::default(),
            taken: PhantomData,
        }
    }
}

impl<M: Persisted<DB>, DB: Backend, T> Insert<'_, M, DB, T> {
    /// `"tickets"`, with an alias if an upsert has to refer to the existing row.
    pub(crate) fn target<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.source.walk_ast(out.reborrow())?;
        if M::has_coarse_key() {
            out.push_sql(" AS target");
        }
        Ok(())
    }

    /// ` ON CONFLICT ("id") DO UPDATE SET "title" = excluded."title", ..`. It does not write to a
    /// row with another key that the database treats as equal.
    pub(crate) fn on_conflict<'b>(
        &'b self,
        older: Option<&'static str>,
        mut out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()> {
        out.push_sql(" ON CONFLICT (");
        M::KeyColumns::write_names(&mut out)?;
        out.push_sql(") DO UPDATE SET ");
        self.clause(Clause::Excluded, out.reborrow())?;
        if let Some(compared) = older {
            let version = <M::VersionColumn as Column>::NAME;
            out.push_sql(" WHERE ");
            if M::has_coarse_key() {
                out.push_sql("target");
            } else {
                self.source.walk_ast(out.reborrow())?;
            }
            out.push_sql(".");
            out.push_identifier(version)?;
            out.push_sql(compared);
            out.push_sql("excluded.");
            out.push_identifier(version)?;
        }
        self.clause(Clause::SameBytes(older.is_some()), out)
    }

    /// The condition that a row has the model's key, for RETURNING.
    pub(crate) fn is_kept<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut walk = Walk::new(out, &self.conversions, Clause::Condition);
        self.model.keys(&mut walk)
    }

    /// Pushes a clause over all columns of the model, with the version last.
    pub(crate) fn clause<'b>(
        &'b self,
        clause: Clause,
        out: AstPass<'_, 'b, DB>,
    ) -> QueryResult<()> {
        let mut walk = Walk::new(out, &self.conversions, clause);
        self.model.columns(&mut walk)?;
        M::version_column(self.version, &mut walk)
    }
}

pub(crate) enum InsertId {}

impl<M: Persisted<DB>, DB: Backend, T: IfTaken> QueryId for Insert<'_, M, DB, T> {
    type QueryId = (InsertId, T, M::Static);
}

impl<M: Persisted<DB>, DB: Backend, T: IfTaken> QueryFragment<DB> for Insert<'_, M, DB, T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ");
        self.source.walk_ast(out.reborrow())?;
        self.row(out.reborrow())?;
        if T::SKIPS {
            out.push_sql(" ON CONFLICT (");
            M::KeyColumns::write_names(&mut out)?;
            out.push_sql(") DO NOTHING");
        }
        Ok(())
    }
}

impl<M: Persisted<DB>, DB: Backend, T> Insert<'_, M, DB, T> {
    /// ` ("id", ..) VALUES ($1, ..)`
    pub(crate) fn row<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        for (before, clause) in [(" (", Clause::Names), (") VALUES (", Clause::Values)] {
            out.push_sql(before);
            self.clause(clause, out.reborrow())?;
        }
        out.push_sql(")");
        Ok(())
    }
}
