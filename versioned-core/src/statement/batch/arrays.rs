//! Statements that write many rows on PostgreSQL. Each column is an array, so that the text does
//! not depend on the number of rows.
//!
//! ```sql
//! WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, ..)
//! UPDATE tickets AS target SET title = given.c2, version = given.c3 FROM given
//!     WHERE target.version = ANY(ARRAY[given.c0]) AND target.id = ANY(ARRAY[given.c1])
//! ```
//!
//! `= ANY(ARRAY[..])` can neither be hashed nor merged. PostgreSQL therefore reads `given` from its
//! beginning to its end and looks each row up in the key's index. Rows are locked in the order of
//! `given`, so that concurrent batches wait for each other but never deadlock. A plain `=` would
//! let it scan the table instead, and lock in the order of the scan.
//!
//! PostgreSQL still scans a table of only a page or two. `AllFirst` first takes the locks in the
//! order of `given`, whatever the plan:
//!
//! ```sql
//! WITH given AS (.., generate_series(1, $6) AS place),
//! held AS (SELECT 1 FROM tickets AS target, given WHERE ..
//!     ORDER BY given.place FOR NO KEY UPDATE OF target)
//! UPDATE .. AND (SELECT count(*) FROM held) >= $7
//! ```
//!
//! The rows that `held` counts can no longer change. The statement itself therefore decides "all or
//! nothing", and needs no transaction around it. The UPDATE repeats the guard, because PostgreSQL
//! evaluates it again for a row that another transaction has just written.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::dialect::SqlFor;
use crate::dialect::{Conversions, Elements};
use crate::loadable::{Loadable, Persisted};
use crate::model::{Clause, Walk};
use crate::statement::batch::rows::BatchRows;
use crate::statement::outbox::insert::{NewEvents, into_outbox};
use crate::statement::undo::Unwritten;

/// The rows as `given`, and the events of the writes, if there are any.
pub(crate) struct Arrays<'a, M: Persisted<DB>, DB: Backend> {
    source: M::Source,
    given: &'a BatchRows<'a, M>,
    columns: Vec<Elements<'a, DB>>,
    count: i64,
    events: Option<&'a NewEvents>,
    conversions: Conversions,
}

impl<'a, M: Persisted<DB>, DB: Backend> Arrays<'a, M, DB> {
    pub(crate) fn new(
        given: &'a BatchRows<'a, M>,
        events: Option<&'a NewEvents>,
    ) -> QueryResult<Self> {
        Ok(Self {
            source: M::source(),
            given,
            columns: (0..given.columns()?)
                .map(|column| Elements {
                    rows: given,
                    column,
                })
                .collect(),
            count: i64::try_from(given.models.len()).unwrap_or(i64::MAX),
            events,
            conversions: Conversions::default(),
        })
    }

    /// `WITH given AS (..)`, optionally with the places of the rows.
    fn with_given<'b>(&'b self, places: bool, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("WITH given AS (SELECT ");
        let mut walk = Walk::arrays(
            out.reborrow(),
            &self.columns,
            &self.conversions,
            self.given.by,
        );
        self.given.show(0, &mut walk)?;
        if let Some(events) = self.events {
            out.push_sql(", ");
            events.arrays::<M::Sql, DB>(&mut out)?;
        }
        if places {
            out.push_sql(", generate_series(1, ");
            <M::Sql as SqlFor<DB>>::push_number(&mut out, &self.count)?;
            out.push_sql(") AS place");
        }
        out.push_sql(")");
        Ok(())
    }

    /// `target."version" = ANY(ARRAY[given.c0]) AND target."id" = ANY(ARRAY[given.c1])`
    fn guard<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.given.guard(Clause::OnArrays, &self.conversions, out)
    }

    /// ` FROM "tickets" AS target, given WHERE .. ORDER BY given.place FOR NO KEY UPDATE OF target`
    fn held<'b, V: Verb>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(" FROM ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" AS target, given WHERE ");
        self.guard(out.reborrow())?;
        out.push_sql(" ORDER BY given.place FOR ");
        out.push_sql(V::LOCK);
        out.push_sql(" OF target");
        Ok(())
    }

    /// ` ("id", ..) SELECT c0, .. FROM given`
    fn rows<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(" (");
        self.given.names(&self.conversions, out.reborrow())?;
        out.push_sql(") SELECT ");
        self.given.places(&mut out)?;
        out.push_sql(" FROM given");
        Ok(())
    }

    /// `"title" = given.c2, "version" = given.c3`
    fn assignments<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.given
            .assignments(Clause::FromArrays, &self.conversions, out)
    }
}

/// `INSERT INTO versioned_outbox (..) SELECT ..`, without its FROM.
fn tell<'b, M, DB>(events: &'b NewEvents, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    M: Persisted<DB>,
    DB: Backend,
{
    into_outbox(out)?;
    out.push_sql(" SELECT ");
    events.row::<M::Sql, DB>(out)
}

/// `CASE WHEN (SELECT count(*) FROM written) >= $1 THEN 1 ELSE <an error> END`
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "a bind is borrowed for as long as the statement"
)]
fn at_least<'b, M, DB>(rows: &'b i64, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    M: Persisted<DB>,
    DB: Backend,
{
    Unwritten::unless("(SELECT count(*) FROM written)", out, |out| {
        out.push_sql(" >= ");
        <<M as Loadable<DB>>::Sql as SqlFor<DB>>::push_number(out, rows)
    })
}

/// The verb of a guarded statement.
pub(crate) trait Verb: 'static {
    /// The lock that the statement takes.
    const LOCK: &'static str;
    const DELETES: bool;
}

pub(crate) enum Saves {}

impl Verb for Saves {
    const LOCK: &'static str = "NO KEY UPDATE";
    const DELETES: bool = false;
}

pub(crate) enum Deletes {}

impl Verb for Deletes {
    const LOCK: &'static str = "UPDATE";
    const DELETES: bool = true;
}

/// The result of a guarded statement.
pub(crate) trait Answer: 'static {
    /// Whether the statement returns the places of the written rows, instead of their number.
    const PLACES: bool;
}

pub(crate) enum Count {}

impl Answer for Count {
    const PLACES: bool = false;
}

pub(crate) enum Places {}

impl Answer for Places {
    const PLACES: bool = true;
}

/// The time at which a guarded statement locks its rows.
pub(crate) trait Locking: 'static {
    /// Whether all rows are locked before the first is written, instead of each as it is written.
    const FIRST: bool;
}

pub(crate) enum AllFirst {}

impl Locking for AllFirst {
    const FIRST: bool = true;
}

pub(crate) enum InTurn {}

impl Locking for InTurn {
    const FIRST: bool = false;
}

/// Writes the rows that are at the loaded version. With `AllFirst`, requires at least `least` of
/// them.
pub(crate) struct WriteAll<'a, V, A, L, M: Persisted<DB>, DB: Backend> {
    arrays: Arrays<'a, M, DB>,
    least: i64,
    kind: Kind<(V, A, L)>,
}

type Kind<T> = PhantomData<fn() -> T>;

impl<'a, V, A, L, M: Persisted<DB>, DB: Backend> WriteAll<'a, V, A, L, M, DB> {
    pub(crate) fn new(arrays: Arrays<'a, M, DB>, least: i64) -> Self {
        Self {
            arrays,
            least,
            kind: PhantomData,
        }
    }
}

pub(crate) enum WriteAllId {}

impl<V: Verb, A: Answer, L: Locking, M: Persisted<DB>, DB: Backend> QueryId
    for WriteAll<'_, V, A, L, M, DB>
{
    type QueryId = (WriteAllId, V, A, L, M::Static);
}

impl<V, A, L, M, DB> QueryFragment<DB> for WriteAll<'_, V, A, L, M, DB>
where
    V: Verb,
    A: Answer,
    L: Locking,
    M: Persisted<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Self { arrays, least, .. } = self;
        // All or none: a row that is suppressed after it was locked fails the statement.
        let whole = L::FIRST && !A::PLACES;
        let answers = A::PLACES || whole || arrays.events.is_some();
        arrays.with_given(answers || L::FIRST, out.reborrow())?;
        if L::FIRST {
            out.push_sql(", held AS (SELECT 1");
            arrays.held::<V>(out.reborrow())?;
            out.push_sql(")");
        }
        out.push_sql(if answers { ", written AS (" } else { " " });
        if V::DELETES {
            out.push_sql("DELETE FROM ");
            arrays.source.walk_ast(out.reborrow())?;
            out.push_sql(" AS target USING given WHERE ");
        } else {
            out.push_sql("UPDATE ");
            arrays.source.walk_ast(out.reborrow())?;
            out.push_sql(" AS target SET ");
            arrays.assignments(out.reborrow())?;
            out.push_sql(" FROM given WHERE ");
        }
        arrays.guard(out.reborrow())?;
        if L::FIRST {
            out.push_sql(" AND (SELECT count(*) FROM held) >= ");
            <<M as Loadable<DB>>::Sql as SqlFor<DB>>::push_number(&mut out, least)?;
        }
        if !answers {
            return Ok(());
        }
        out.push_sql(" RETURNING given.place)");
        match arrays.events {
            Some(events) if A::PLACES => {
                out.push_sql(", told AS (");
                tell::<M, DB>(events, &mut out)?;
                out.push_sql(" FROM written JOIN given USING (place) ORDER BY place)");
            }
            Some(events) => {
                out.push_sql(" ");
                tell::<M, DB>(events, &mut out)?;
                out.push_sql(" FROM written JOIN given USING (place)");
                if whole {
                    out.push_sql(" WHERE ");
                    at_least::<M, DB>(least, &mut out)?;
                    out.push_sql(" = 1");
                }
                out.push_sql(" ORDER BY place");
            }
            None if whole => {
                out.push_sql(" SELECT ");
                at_least::<M, DB>(least, &mut out)?;
                out.push_sql(" FROM written");
            }
            None => {}
        }
        if A::PLACES {
            out.push_sql(" SELECT place FROM written");
        }
        Ok(())
    }
}

/// Selects the places of the rows that are not at the loaded version.
pub(crate) struct Missed<'a, M: Persisted<DB>, DB: Backend>(Arrays<'a, M, DB>);

impl<'a, M: Persisted<DB>, DB: Backend> Missed<'a, M, DB> {
    pub(crate) fn new(arrays: Arrays<'a, M, DB>) -> Self {
        Self(arrays)
    }
}

pub(crate) enum MissedId {}

impl<M: Persisted<DB>, DB: Backend> QueryId for Missed<'_, M, DB> {
    type QueryId = (MissedId, M::Static);
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for Missed<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.with_given(true, out.reborrow())?;
        out.push_sql(" SELECT place FROM given WHERE NOT EXISTS (SELECT 1 FROM ");
        self.0.source.walk_ast(out.reborrow())?;
        out.push_sql(" AS target WHERE ");
        self.0.guard(out.reborrow())?;
        out.push_sql(") ORDER BY place");
        Ok(())
    }
}

/// Locks the rows that are at the loaded version, in the order of `given`, and selects their places:
///
/// ```sql
/// WITH given AS (.., generate_series(1, $3) AS place)
/// SELECT given.place FROM tickets AS target, given WHERE ..
///     ORDER BY given.place FOR NO KEY UPDATE OF target
/// ```
pub(crate) struct HoldAll<'a, M: Persisted<DB>, DB: Backend>(Arrays<'a, M, DB>);

impl<'a, M: Persisted<DB>, DB: Backend> HoldAll<'a, M, DB> {
    pub(crate) fn new(arrays: Arrays<'a, M, DB>) -> Self {
        Self(arrays)
    }
}

pub(crate) enum HoldAllId {}

impl<M: Persisted<DB>, DB: Backend> QueryId for HoldAll<'_, M, DB> {
    type QueryId = (HoldAllId, M::Static);
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for HoldAll<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let arrays = &self.0;
        arrays.with_given(true, out.reborrow())?;
        out.push_sql(" SELECT given.place");
        arrays.held::<Saves>(out)
    }
}

/// Inserts the rows, and fails if the database suppresses one:
///
/// ```sql
/// WITH given AS (..),
/// written AS (INSERT INTO tickets (id, ..) SELECT c0, .. FROM given RETURNING 1)
/// SELECT .. FROM given
/// ```
pub(crate) struct InsertAll<'a, M: Persisted<DB>, DB: Backend>(Arrays<'a, M, DB>);

impl<'a, M: Persisted<DB>, DB: Backend> InsertAll<'a, M, DB> {
    pub(crate) fn new(arrays: Arrays<'a, M, DB>) -> Self {
        Self(arrays)
    }

    /// The INSERT of an upsert. Its table has an alias if the upsert has to refer to the existing
    /// row.
    pub(crate) fn merge<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.with_given(false, out.reborrow())?;
        out.push_sql(" INSERT INTO ");
        self.0.source.walk_ast(out.reborrow())?;
        if M::has_coarse_key() {
            out.push_sql(" AS target");
        }
        self.0.rows(out)
    }
}

pub(crate) enum InsertAllId {}

impl<M: Persisted<DB>, DB: Backend> QueryId for InsertAll<'_, M, DB> {
    type QueryId = (InsertAllId, M::Static);
}

impl<M: Persisted<DB>, DB: Backend> QueryFragment<DB> for InsertAll<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let arrays = &self.0;
        arrays.with_given(false, out.reborrow())?;
        out.push_sql(", written AS (INSERT INTO ");
        arrays.source.walk_ast(out.reborrow())?;
        arrays.rows(out.reborrow())?;
        out.push_sql(" RETURNING 1) ");
        if let Some(events) = arrays.events {
            tell::<M, DB>(events, &mut out)?;
            out.push_sql(" FROM given WHERE ");
            at_least::<M, DB>(&arrays.count, &mut out)?;
            out.push_sql(" = 1");
        } else {
            out.push_sql("SELECT ");
            at_least::<M, DB>(&arrays.count, &mut out)?;
            out.push_sql(" FROM given");
        }
        Ok(())
    }
}
