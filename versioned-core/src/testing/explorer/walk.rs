//! The walk through all orders of deliveries.

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::sync::Arc;

use crate::error::Result;
use crate::event::Event;
use crate::outcome::Outcome;
use crate::testing::Failure;

/// What is explored: a handler, and the state that it changes.
pub(super) trait Subject<M> {
    type State: PartialEq + Debug;

    /// Whether [`reset`](Self::reset) undoes deliveries, and not a savepoint.
    fn resets(&self) -> bool;

    async fn begin(&mut self) -> Result<()>;

    async fn rollback(&mut self) -> Result<()>;

    async fn reset(&mut self) -> Result<()>;

    async fn deliver(&mut self, event: &Event<M>) -> Result<Outcome>;

    async fn state(&mut self) -> Result<Self::State>;
}

/// What is left to do with an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Left {
    /// How often it may still be acknowledged.
    times: usize,
    was_acknowledged: bool,
    /// Whether it changed the state without being acknowledged.
    was_early: bool,
}

/// A place of the walk.
struct Place<S> {
    left: Vec<Left>,
    state: Arc<S>,
    /// The next delivery to try: of the events that were not acknowledged, and then of the others.
    next: usize,
    /// Whether a delivery leads on from here.
    goes_on: bool,
    /// The events that were not acknowledged here, with the reasons.
    refused: String,
}

impl<S> Place<S> {
    fn new(left: Vec<Left>, state: S) -> Self {
        Self {
            left,
            state: Arc::new(state),
            next: 0,
            goes_on: false,
            refused: String::new(),
        }
    }

    fn has_all(&self) -> bool {
        self.left.iter().all(|event| event.was_acknowledged)
    }
}

/// Delivers the events in each order, each of them 1 to `times` times. Returns the state after the
/// deliveries in order.
///
/// A delivery that changes nothing leads nowhere, unless it is the first of its event that is
/// acknowledged: whatever follows it also follows without it. Orders that lead to the same state
/// with the same deliveries left go on in the same way, and are walked once.
pub(super) async fn walk<M, S: Subject<M>>(
    history: &[Event<M>],
    times: usize,
    subject: S,
) -> Result<S::State, Failure> {
    let mut walk = Walk {
        history,
        subject,
        depth: 0,
        trail: Vec::new(),
        visited: HashMap::new(),
    };
    let done = walk.run(times).await;
    let undone = walk.undo_all().await;
    let expected = done?;
    undone?;
    Ok(expected)
}

struct Walk<'w, M, S: Subject<M>> {
    history: &'w [Event<M>],
    subject: S,
    /// The number of steps that are not undone.
    depth: usize,
    /// The deliveries that lead to the present place.
    trail: Vec<(&'w Event<M>, Outcome)>,
    visited: HashMap<Vec<Left>, Vec<Arc<S::State>>>,
}

impl<M, S: Subject<M>> Walk<'_, M, S> {
    async fn run(&mut self, times: usize) -> Result<S::State, Failure> {
        self.enter().await?;
        let start = self.subject.state().await?;
        let expected = self.in_order().await?;
        self.trail.clear();
        self.undo().await?;

        let left = Left {
            times,
            was_acknowledged: false,
            was_early: false,
        };
        let mut places = vec![Place::new(vec![left; self.history.len()], start)];
        while let Some(place) = places.last_mut() {
            if place.next < 2 * self.history.len() {
                let next = self.step(place, &expected).await?;
                places.extend(next);
                continue;
            }
            if !place.goes_on && !place.has_all() {
                return Err(self.stuck(&place.refused));
            }
            places.pop();
            if !places.is_empty() {
                self.trail.pop();
                self.undo().await?;
            }
        }
        Ok(expected)
    }

    async fn in_order(&mut self) -> Result<S::State, Failure> {
        for event in self.history {
            let answer = match self.subject.deliver(event).await {
                Ok(outcome) if outcome.should_ack() => {
                    self.trail.push((event, outcome));
                    continue;
                }
                Ok(outcome) => format!("{outcome:?}"),
                Err(error) => error.to_string(),
            };
            return Err(Failure::new(format!(
                "pass the events in an order in which the handler acknowledges all of them: \
                 it did not acknowledge the last of these\n{}{}",
                self.deliveries(),
                line(self.trail.len() + 1, event, answer),
            )));
        }
        Ok(self.subject.state().await?)
    }

    /// Delivers the next event at a place. Returns the place that this leads to, if it is new.
    async fn step(
        &mut self,
        place: &mut Place<S::State>,
        expected: &S::State,
    ) -> Result<Option<Place<S::State>>, Failure> {
        let history = self.history;
        let (is_repeat, number) = match place.next.checked_sub(history.len()) {
            Some(number) => (true, number),
            None => (false, place.next),
        };
        place.next += 1;
        let mut left = place.left.clone();
        let (Some(event), Some(own)) = (history.get(number), left.get_mut(number)) else {
            return Ok(None);
        };
        if own.was_acknowledged != is_repeat || own.times == 0 {
            return Ok(None);
        }
        self.enter().await?;
        let outcome = match self.subject.deliver(event).await {
            Ok(outcome) => outcome,
            Err(error) => {
                place.refused += &line(self.trail.len() + 1, event, error);
                self.undo().await?;
                return Ok(None);
            }
        };
        let state = self.subject.state().await?;
        let is_new = if outcome.should_ack() {
            own.times -= 1;
            own.was_acknowledged = true;
            !is_repeat || state != *place.state
        } else {
            place.refused += &line(self.trail.len() + 1, event, format_args!("{outcome:?}"));
            !std::mem::replace(&mut own.was_early, true) && state != *place.state
        };
        if !is_new {
            self.undo().await?;
            return Ok(None);
        }
        place.goes_on = true;
        self.trail.push((event, outcome));
        let next = Place::new(left, state);
        if next.has_all() && *next.state != *expected {
            return Err(self.differs(expected, &next.state));
        }
        let visited = self.visited.entry(next.left.clone()).or_default();
        if visited.contains(&next.state) {
            self.trail.pop();
            self.undo().await?;
            return Ok(None);
        }
        visited.push(Arc::clone(&next.state));
        Ok(Some(next))
    }

    /// Begins a step.
    async fn enter(&mut self) -> Result<()> {
        if !self.subject.resets() {
            self.subject.begin().await?;
        } else if self.depth == 0 {
            self.subject.reset().await?;
        }
        self.depth += 1;
        Ok(())
    }

    /// Undoes the last step.
    async fn undo(&mut self) -> Result<()> {
        self.depth -= 1;
        if !self.subject.resets() {
            return self.subject.rollback().await;
        }
        self.subject.reset().await?;
        for (event, _) in &self.trail {
            // It is answered as before, or the state shows the difference.
            let _ = self.subject.deliver(event).await?;
        }
        Ok(())
    }

    async fn undo_all(&mut self) -> Result<()> {
        if self.subject.resets() {
            return self.subject.reset().await;
        }
        for _ in 0..std::mem::take(&mut self.depth) {
            self.subject.rollback().await?;
        }
        Ok(())
    }

    fn deliveries(&self) -> String {
        let lines = (1..).zip(&self.trail);
        lines
            .map(|(number, (event, outcome))| line(number, event, format_args!("{outcome:?}")))
            .collect()
    }

    fn differs(&self, expected: &S::State, state: &S::State) -> Failure {
        Failure::new(format!(
            "make the handler independent of the order and the number of deliveries: \
             these lead to another state than the deliveries in order\n{}\
             the state after the deliveries in order: {expected:#?}\n\
             the state after these: {state:#?}",
            self.deliveries(),
        ))
    }

    fn stuck(&self, refused: &str) -> Failure {
        Failure::new(format!(
            "make the handler acknowledge each event in the end: after these deliveries, it \
             acknowledges none of those that are left\n{}the next delivery is one of these\n{refused}",
            self.deliveries(),
        ))
    }
}

fn line<M>(number: usize, event: &Event<M>, answer: impl Display) -> String {
    format!("  {number}. {} {}: {answer}\n", event.id(), event.op)
}
