//! Many rows in one statement, for PostgreSQL: each column is an array, so that the text does not depend on their number.
//!
//! ```sql
//! WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, .., generate_series(1, $6) AS place),
//! held AS (SELECT 1 FROM tickets AS stored, given WHERE stored.version = given.c0 AND stored.id = given.c1
//!     ORDER BY given.place FOR NO KEY UPDATE OF stored)
//! UPDATE tickets AS stored SET title = given.c2, version = given.c3 FROM given
//!     WHERE stored.version = given.c0 AND stored.id = given.c1 AND (SELECT count(*) FROM held) >= $7
//! ```
//!
//! `held` locks the rows in the order of their keys before the first of them is written: batches that meet wait for each
//! other, and never in a circle. What it counts cannot change any more, so that "all or nothing" is decided in the statement.
//! The guard stands in the UPDATE too: PostgreSQL looks at it again for a row that somebody else has just written.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::{self, Output};

use super::outbox::{Told, into_outbox};
use crate::dialect::Flavor;
use crate::fetch::{Fetch, Stored};
use crate::model::{By, Clause, Conversions, Elements, Rows, Value, Versioned, Walk};

/// Models, in the order in which their rows are locked.
pub(crate) struct Given<'a, M: Versioned> {
    pub(crate) models: Vec<&'a M>,
    /// The version that each of them gets.
    pub(crate) next: Vec<&'a M::Version>,
    pub(crate) by: By,
}

impl<M: Versioned> Given<'_, M> {
    /// Shows the columns of one model: the version that its row must have, what is written, the version that it gets.
    fn show<'b, DB>(&'b self, row: usize, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>
    where
        DB: Backend,
        M: Stored<DB>,
    {
        let (Some(model), Some(next)) = (self.models.get(row), self.next.get(row)) else {
            return Ok(());
        };
        if self.by != By::Insert {
            M::version_column(model.loaded(), walk)?;
        }
        model.columns(walk)?;
        if self.by == By::Delete {
            return Ok(());
        }
        M::version_column(next, walk)
    }
}

impl<M: Stored<DB>, DB: Backend> Rows<DB> for Given<'_, M> {
    fn len(&self) -> usize {
        self.models.len()
    }

    fn write<'o>(
        &'o self,
        row: usize,
        column: usize,
        conversions: &'o Conversions,
        out: &'o mut Output<'o, 'o, DB>,
    ) -> serialize::Result {
        let value = Value {
            column,
            out,
            null: None,
        };
        let mut walk = Walk::value(value, conversions, self.by);
        self.show(row, &mut walk)?;
        Ok(walk.written().ok_or("there is no such column")?)
    }
}

/// `given`, and the events of the writes, if there are any.
pub(crate) struct Arrays<'a, M: Stored<DB>, DB: Backend> {
    source: M::Source,
    given: &'a Given<'a, M>,
    columns: Vec<Elements<'a, DB>>,
    count: i64,
    events: Option<&'a Told>,
    conversions: Conversions,
}

impl<'a, M: Stored<DB>, DB: Backend> Arrays<'a, M, DB> {
    pub(crate) fn new(given: &'a Given<'a, M>, events: Option<&'a Told>) -> QueryResult<Self> {
        let columns = {
            let conversions = Conversions::default();
            let mut walk = Walk::<DB>::count(&conversions, given.by);
            given.show(0, &mut walk)?;
            walk.shown()
        };
        Ok(Self {
            source: M::source(),
            given,
            columns: (0..columns)
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

    /// `WITH given AS (..)`
    fn with_given<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
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
            events.arrays::<M::On, DB>(&mut out)?;
        }
        out.push_sql(", generate_series(1, ");
        <M::On as Flavor<DB>>::push_number(&mut out, &self.count)?;
        out.push_sql(") AS place)");
        Ok(())
    }

    /// `stored."version" = given.c0 AND stored."id" = given.c1`
    fn guard<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Some(model) = self.given.models.first() else {
            return Ok(());
        };
        let mut walk = Walk::new(out, &self.conversions, Clause::OnArrays);
        M::version_column(model.loaded(), &mut walk)?;
        model.columns(&mut walk)
    }

    /// `"title" = given.c2, "version" = given.c3`
    fn assignments<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let (Some(model), Some(next)) = (self.given.models.first(), self.given.next.first()) else {
            return Ok(());
        };
        let mut walk = Walk::new(out, &self.conversions, Clause::FromArrays);
        walk.skip();
        model.columns(&mut walk)?;
        M::version_column(next, &mut walk)
    }
}

/// `INSERT INTO versioned_outbox (..) SELECT ..`, without its FROM.
fn tell<'b, M, DB>(events: &'b Told, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>
where
    M: Stored<DB>,
    DB: Backend,
{
    into_outbox(out)?;
    out.push_sql(" SELECT ");
    events.row::<M::On, DB>(out)
}

/// What a guarded statement does to the rows.
pub(crate) trait Verb: 'static {
    /// The lock that it takes.
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

/// What a guarded statement answers.
pub(crate) trait Answer: 'static {
    /// The places of the rows that were written; otherwise their number.
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

/// Writes the rows that are at the version that was loaded, if there are at least `least` of them.
pub(crate) struct WriteAll<'a, V, A, M: Stored<DB>, DB: Backend> {
    arrays: Arrays<'a, M, DB>,
    least: i64,
    kind: PhantomData<fn() -> (V, A)>,
}

impl<'a, V, A, M: Stored<DB>, DB: Backend> WriteAll<'a, V, A, M, DB> {
    pub(crate) fn new(arrays: Arrays<'a, M, DB>, least: i64) -> Self {
        Self {
            arrays,
            least,
            kind: PhantomData,
        }
    }
}

pub(crate) enum WriteAllId {}

impl<V: Verb, A: Answer, M: Stored<DB>, DB: Backend> QueryId for WriteAll<'_, V, A, M, DB> {
    type QueryId = (WriteAllId, V, A, M::Static);
}

impl<V, A, M, DB> QueryFragment<DB> for WriteAll<'_, V, A, M, DB>
where
    V: Verb,
    A: Answer,
    M: Stored<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Self { arrays, least, .. } = self;
        arrays.with_given(out.reborrow())?;
        out.push_sql(", held AS (SELECT 1 FROM ");
        arrays.source.walk_ast(out.reborrow())?;
        out.push_sql(" AS stored, given WHERE ");
        arrays.guard(out.reborrow())?;
        out.push_sql(" ORDER BY given.place FOR ");
        out.push_sql(V::LOCK);
        out.push_sql(" OF stored)");

        let answers = A::PLACES || arrays.events.is_some();
        out.push_sql(if answers { ", written AS (" } else { " " });
        if V::DELETES {
            out.push_sql("DELETE FROM ");
            arrays.source.walk_ast(out.reborrow())?;
            out.push_sql(" AS stored USING given WHERE ");
        } else {
            out.push_sql("UPDATE ");
            arrays.source.walk_ast(out.reborrow())?;
            out.push_sql(" AS stored SET ");
            arrays.assignments(out.reborrow())?;
            out.push_sql(" FROM given WHERE ");
        }
        arrays.guard(out.reborrow())?;
        out.push_sql(" AND (SELECT count(*) FROM held) >= ");
        <<M as Fetch<DB>>::On as Flavor<DB>>::push_number(&mut out, least)?;
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
                out.push_sql(" FROM written JOIN given USING (place) ORDER BY place");
            }
            None => {}
        }
        if A::PLACES {
            out.push_sql(" SELECT place FROM written");
        }
        Ok(())
    }
}

/// The places of the rows that are not at the version that was loaded.
pub(crate) struct Missed<'a, M: Stored<DB>, DB: Backend>(Arrays<'a, M, DB>);

impl<'a, M: Stored<DB>, DB: Backend> Missed<'a, M, DB> {
    pub(crate) fn new(arrays: Arrays<'a, M, DB>) -> Self {
        Self(arrays)
    }
}

pub(crate) enum MissedId {}

impl<M: Stored<DB>, DB: Backend> QueryId for Missed<'_, M, DB> {
    type QueryId = (MissedId, M::Static);
}

impl<M: Stored<DB>, DB: Backend> QueryFragment<DB> for Missed<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.with_given(out.reborrow())?;
        out.push_sql(" SELECT place FROM given WHERE NOT EXISTS (SELECT 1 FROM ");
        self.0.source.walk_ast(out.reborrow())?;
        out.push_sql(" AS stored WHERE ");
        self.0.guard(out.reborrow())?;
        out.push_sql(") ORDER BY place");
        Ok(())
    }
}

/// `WITH given AS (..) INSERT INTO "tickets" ("id", ..) SELECT c0, .. FROM given`
pub(crate) struct InsertAll<'a, M: Stored<DB>, DB: Backend>(Arrays<'a, M, DB>);

impl<'a, M: Stored<DB>, DB: Backend> InsertAll<'a, M, DB> {
    pub(crate) fn new(arrays: Arrays<'a, M, DB>) -> Self {
        Self(arrays)
    }
}

pub(crate) enum InsertAllId {}

impl<M: Stored<DB>, DB: Backend> QueryId for InsertAll<'_, M, DB> {
    type QueryId = (InsertAllId, M::Static);
}

impl<M: Stored<DB>, DB: Backend> QueryFragment<DB> for InsertAll<'_, M, DB> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let arrays = &self.0;
        arrays.with_given(out.reborrow())?;
        out.push_sql(if arrays.events.is_some() {
            ", written AS (INSERT INTO "
        } else {
            " INSERT INTO "
        });
        arrays.source.walk_ast(out.reborrow())?;
        out.push_sql(" (");
        let mut names = Walk::new(out.reborrow(), &arrays.conversions, Clause::Names);
        arrays.given.show(0, &mut names)?;
        out.push_sql(") SELECT ");
        for place in 0..arrays.columns.len() {
            out.push_sql(&format!("{}c{place}", if place > 0 { ", " } else { "" }));
        }
        out.push_sql(" FROM given ORDER BY place");
        if let Some(events) = arrays.events {
            out.push_sql(") ");
            tell::<M, DB>(events, &mut out)?;
            out.push_sql(" FROM given ORDER BY place");
        }
        Ok(())
    }
}
