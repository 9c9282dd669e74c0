//! The position of a record and the replica's row in one statement, for an event that writes the
//! row.

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::Conversions;
use crate::dialect::SqlFor;
use crate::loadable::Persisted;
use crate::model::{Clause, Walk};
use crate::statement::replica::position::{OnPosition, Position, PositionValue};
use crate::statement::template::SqlTemplate;
use crate::statement::{Insert, Record, Unwritten};

/// On PostgreSQL. Its row count is 1 exactly if the position moved.
///
/// ```sql
/// WITH moved AS (UPDATE versioned_positions SET .. WHERE .. RETURNING 1),
/// written AS (INSERT INTO tickets (..) SELECT .. FROM moved ON CONFLICT (id) DO UPDATE SET ..)
/// SELECT 1 FROM moved
/// ```
///
/// An upsert writes the row, because it finds the current row. An UPDATE or a DELETE instead would
/// search for the row as of the beginning of the statement, before the statement waited for the
/// position, and would miss the row that was written meanwhile.
///
/// If the database may treat another record's key as equal to this one, or may store another key,
/// the statement fails unless the row is written under this key.
pub(crate) struct AdvanceAndUpsert<'a, G, M: Persisted<DB>, DB: Backend> {
    position: OnPosition<'a, G, M::Sql>,
    row: Insert<'a, M, DB>,
}

impl<'a, G: SqlTemplate<PositionValue>, M: Persisted<DB>, DB: Backend>
    AdvanceAndUpsert<'a, G, M, DB>
{
    pub(crate) fn new(position: Position<'a>, model: &'a M, version: &'a M::Version) -> Self {
        Self {
            position: OnPosition::new(position),
            row: Insert::new(model, version),
        }
    }
}

pub(crate) enum AdvanceAndUpsertId {}

impl<G: SqlTemplate<PositionValue>, M: Persisted<DB>, DB: Backend> QueryId
    for AdvanceAndUpsert<'_, G, M, DB>
{
    type QueryId = (AdvanceAndUpsertId, G, M::Static);
}

impl<G: SqlTemplate<PositionValue>, M: Persisted<DB>, DB: Backend> QueryFragment<DB>
    for AdvanceAndUpsert<'_, G, M, DB>
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("WITH moved AS (");
        self.position.walk_ast(out.reborrow())?;
        out.push_sql(" RETURNING 1), written AS (INSERT INTO ");
        self.row.target(out.reborrow())?;
        out.push_sql(" (");
        self.row.clause(Clause::Names, out.reborrow())?;
        out.push_sql(") SELECT ");
        self.row.clause(Clause::Values, out.reborrow())?;
        out.push_sql(" FROM moved");
        self.row.on_conflict(None, out.reborrow())?;
        if M::may_change_key() {
            out.push_sql(" RETURNING ");
            self.row.is_kept(out.reborrow())?;
            out.push_sql(" AS kept) SELECT ");
            let kept = "(SELECT count(*) FROM written WHERE kept)";
            Unwritten::unless(kept, &mut out, |out| {
                out.push_sql(" = 1");
                Ok(())
            })?;
            out.push_sql(" FROM moved");
        } else {
            out.push_sql(") SELECT 1 FROM moved");
        }
        Ok(())
    }
}

/// On MySQL and MariaDB. It writes the position and the row if both exist, and nothing otherwise.
///
/// ```sql
/// UPDATE versioned_positions AS held STRAIGHT_JOIN tickets AS target
///     SET held.version = ?, held.deleted_at = NULL, target.title = ?, target.version = ?
///     WHERE held.replica = ? AND held.entity = ? AND held.`key` = ?
///         AND held.version BETWEEN ? AND ? AND target.id = ?
/// ```
///
/// `STRAIGHT_JOIN`, because every statement locks the position first.
pub(crate) struct AdvanceAndUpdate<'a, M: Persisted<DB>, DB: Backend> {
    position: Position<'a>,
    source: M::Source,
    model: &'a M,
    record: Record<'a, M>,
    version: &'a M::Version,
    conversions: Conversions,
}

impl<'a, M: Persisted<DB>, DB: Backend> AdvanceAndUpdate<'a, M, DB> {
    pub(crate) fn new(position: Position<'a>, model: &'a M, version: &'a M::Version) -> Self {
        Self {
            position,
            source: M::source(),
            model,
            record: Record::Of(model),
            version,
            conversions: Conversions::default(),
        }
    }
}

pub(crate) enum AdvanceAndUpdateId {}

impl<M: Persisted<DB>, DB: Backend> QueryId for AdvanceAndUpdate<'_, M, DB> {
    type QueryId = (AdvanceAndUpdateId, M::Static);
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for AdvanceAndUpdate<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Position {
            replica,
            entity,
            key,
            version,
            oldest,
            newest,
            ..
        } = &self.position;
        out.push_sql("UPDATE versioned_positions AS held STRAIGHT_JOIN ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" AS target SET held.version = ");
        <M::Sql as SqlFor<DB>>::push_number(&mut out, version)?;
        out.push_sql(", held.deleted_at = NULL, ");
        let mut walk = Walk::new(out.reborrow(), &self.conversions, Clause::OfTarget);
        self.model.columns(&mut walk)?;
        M::version_column(self.version, &mut walk)?;
        out.push_sql(" WHERE held.replica = ");
        <M::Sql as SqlFor<DB>>::push_text(&mut out, replica)?;
        out.push_sql(" AND held.entity = ");
        <M::Sql as SqlFor<DB>>::push_text(&mut out, entity)?;
        out.push_sql(" AND held.");
        out.push_identifier("key")?;
        out.push_sql(" = ");
        <M::Sql as SqlFor<DB>>::push_text(&mut out, key)?;
        out.push_sql(" AND held.version BETWEEN ");
        <M::Sql as SqlFor<DB>>::push_number(&mut out, oldest)?;
        out.push_sql(" AND ");
        <M::Sql as SqlFor<DB>>::push_number(&mut out, newest)?;
        out.push_sql(" AND ");
        self.record
            .walk(&mut Walk::new(out, &self.conversions, Clause::AtTarget))
    }
}
