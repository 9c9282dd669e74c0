//! The replica's side of a comparison with its owner.
//!
//! The records of the owner come in pages, in the order of its keys, and the rows of the replica in
//! pages of its own order. Each side is looked up by key at the other one, so that the two databases
//! need not sort alike. A record that is not equal is a suspect, and is looked at again later.

mod judge;
mod look;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use diesel::result::Error as DieselError;

use self::judge::{Seen, at_first, is_settled};
use self::look::{again, rows_of};
use crate::compared::{Answer, Compared, Difference, Place, Question, State, Verdict};
use crate::comparison::Comparison;
use crate::counters;
use crate::dependent::Dependent;
use crate::error::{Error, Result};
use crate::event::EventError;
use crate::executor::Executor;
use crate::model::FromJson;
use crate::operation::replica::incoming::read_key;
use crate::statement::{AsSnapshot, Page, Record};
use crate::version::SequentialVersion as _;

/// Asks the owner.
pub(crate) trait Ask: Send {
    fn ask(&mut self, question: Question) -> impl Future<Output = Result<Answer>> + Send;
}

/// The number of suspects after which no further page is read.
const SUSPECTS: usize = 10_000;

/// A record that was not equal.
struct Suspect {
    key: String,
    seen: Seen,
    looks: u32,
    due: Instant,
}

/// Compares a replica with its owner.
pub(crate) async fn compare<M, A, C>(
    comparison: &Comparison<M>,
    ask: &mut A,
    conn: &mut C,
) -> Result<Compared>
where
    A: Ask,
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    // It would show the rows as of its beginning.
    if conn.in_transaction() {
        return Err(DieselError::AlreadyInTransaction.into());
    }
    let start = Instant::now();
    let mut run = Run {
        comparison,
        ask,
        conn,
        suspects: VecDeque::new(),
        compared: Compared::default(),
    };
    let done = run.all(start).await;
    let complete = done.is_ok() && run.compared.next.is_none();
    counters::compared(M::ENTITY, M::replica(), &run.compared, complete);
    done.map(|()| run.compared)
}

/// A comparison that runs.
struct Run<'r, M, A, C> {
    comparison: &'r Comparison<M>,
    ask: &'r mut A,
    conn: &'r mut C,
    /// In the order in which they are due.
    suspects: VecDeque<Suspect>,
    compared: Compared,
}

impl<M, A, C> Run<'_, M, A, C>
where
    A: Ask,
    C: Executor,
    M: Dependent<C::Backend> + FromJson,
{
    /// Compares page after page, up to a limit.
    async fn all(&mut self, start: Instant) -> Result<()> {
        let mut place = Some(self.comparison.place.clone());
        while let Some(here) = place.take() {
            let is_over = start.elapsed() >= self.comparison.time;
            if is_over || self.compared.differences.len() >= self.comparison.differences {
                self.compared.next = Some(here);
                break;
            }
            place = match here {
                Place::Records { after } => Some(self.records(after).await?),
                Place::Rows { after } => self.rows(after).await?,
            };
            self.settle(Instant::now()).await?;
            while self.suspects.len() >= SUSPECTS {
                self.settle_next().await?;
            }
            if !self.comparison.pause.is_zero() {
                self.conn.sleep(self.comparison.pause).await;
            }
        }
        while !self.suspects.is_empty() {
            self.settle_next().await?;
        }
        Ok(())
    }

    /// Compares a page of the owner's records.
    async fn records(&mut self, after: Option<String>) -> Result<Place> {
        let limit = self.comparison.page;
        let states = self.answer(Question::Page { after, limit }).await?;
        let Some(last) = states.last() else {
            return Ok(Place::Rows { after: None });
        };
        let after = Some(last.key.clone());
        let (states, others): (Vec<State>, Vec<State>) =
            states.into_iter().partition(|state| self.holds(state));
        self.compared.not_held += u64::try_from(others.len()).unwrap_or(u64::MAX);
        let keys = states.iter().map(|state| state.key.as_str());
        let mut rows = rows_of::<M, C>(keys, self.conn).await?;
        for state in states {
            let row = rows.remove(&state.key);
            match at_first::<M, C::Backend>(&state, row, self.comparison.same) {
                None => self.compared.count(Verdict::Equal),
                Some(seen) => self.suspect(state.key, seen, 1),
            }
        }
        Ok(Place::Records { after })
    }

    /// Looks up a page of the replica's rows at the owner.
    async fn rows(&mut self, after: Option<String>) -> Result<Option<Place>> {
        let limit = i64::try_from(self.comparison.page).unwrap_or(i64::MAX);
        let after = match after {
            None => None,
            Some(received) => Some(read_key::<M>(&received).ok_or(EventError::Key { received })?),
        };
        let page =
            Page::<AsSnapshot, M, C::Backend>::new(None, after.as_ref().map(Record::At), limit);
        let rows = M::rows(self.conn, page).await?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        let after = Some(M::key_text(&last.id()));
        let keys: Vec<String> = rows.iter().map(|row| M::key_text(&row.id())).collect();
        let states = self
            .states(keys.clone(), self.comparison.holds.is_some())
            .await?;
        for (key, row) in keys.into_iter().zip(rows) {
            let state = states.get(&key);
            // A record that the owner has was compared among its records, or is newer than that.
            if state.is_some_and(|state| !state.deleted) {
                continue;
            }
            let seen = Seen::unowned(state, row.loaded().number());
            self.suspect(key, seen, 1);
        }
        Ok(Some(Place::Rows { after }))
    }

    /// Waits until the next suspects are due, and looks at them again.
    async fn settle_next(&mut self) -> Result<()> {
        if let Some(first) = self.suspects.front() {
            let pause = first.due.saturating_duration_since(Instant::now());
            self.conn.sleep(pause).await;
        }
        self.settle(Instant::now()).await
    }

    /// Looks again at the suspects that are due.
    async fn settle(&mut self, now: Instant) -> Result<()> {
        loop {
            let due = self.suspects.iter().take(self.comparison.page);
            let due = due.take_while(|suspect| suspect.due <= now).count();
            if due == 0 {
                return Ok(());
            }
            let due: Vec<Suspect> = self.suspects.drain(..due).collect();
            let keys = due.iter().map(|suspect| suspect.key.clone()).collect();
            // The owner first: what it had then, the replica may have by now.
            let states = self.states(keys, true).await?;
            for suspect in due {
                let state = states.get(&suspect.key);
                let same = self.comparison.same;
                let seen = again::<M, C>(&suspect.key, state, same, self.conn).await?;
                self.judge(suspect, seen);
            }
        }
    }

    fn judge(&mut self, suspect: Suspect, seen: Seen) {
        let looks = suspect.looks + 1;
        let verdict = match seen {
            Seen::Neither => return,
            Seen::Forgotten => {
                self.compared.forgotten += 1;
                return;
            }
            Seen::As {
                verdict: Verdict::Equal,
                ..
            } => {
                self.compared.count(Verdict::Equal);
                return;
            }
            Seen::As { verdict, .. } if is_settled(&suspect.seen, &seen) => verdict,
            Seen::As { .. } if looks >= self.comparison.looks => Verdict::Unsettled,
            Seen::As { .. } => {
                self.suspect(suspect.key, seen, looks);
                return;
            }
        };
        if let Seen::As {
            owner,
            replica,
            reason,
            ..
        } = seen
        {
            self.compared.count(verdict);
            self.compared.differences.push(Difference {
                key: suspect.key,
                verdict,
                owner,
                replica,
                reason,
            });
        }
    }

    fn suspect(&mut self, key: String, seen: Seen, looks: u32) {
        let longest = Duration::from_secs(24 * 60 * 60);
        self.suspects.push_back(Suspect {
            key,
            seen,
            looks,
            due: Instant::now() + self.comparison.settle.min(longest),
        });
    }

    fn holds(&self, state: &State) -> bool {
        let holds = self.comparison.holds.as_ref();
        state.deleted || holds.is_none_or(|holds| holds(state))
    }

    /// Returns the states of these records, by their keys. Those that the replica does not hold are
    /// left out.
    async fn states(
        &mut self,
        keys: Vec<String>,
        with_data: bool,
    ) -> Result<HashMap<String, State>> {
        let question = if with_data {
            Question::Records { keys }
        } else {
            Question::Versions { keys }
        };
        let states = self.answer(question).await?.into_iter();
        let held = states.filter(|state| self.holds(state));
        Ok(held.map(|state| (state.key.clone(), state)).collect())
    }

    async fn answer(&mut self, question: Question) -> Result<Vec<State>> {
        let answer = self.ask.ask(question).await?;
        if answer.entity == M::ENTITY {
            return Ok(answer.records);
        }
        Err(Error::Event(EventError::Entity {
            expected: M::ENTITY,
            received: answer.entity,
        }))
    }
}
