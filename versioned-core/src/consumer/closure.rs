//! A handler that is a closure of the user.

use std::future::Future;

use super::source::{Handler, NextDue, Origin};
use crate::dead_letter::Redriven;
use crate::error::Result;
use crate::event::Event;
use crate::operation::replica::dead_letters::Passing;
use crate::operation::replica::dead_letters::keep::NewLetter;
use crate::outcome::Outcome;
use crate::parked_record::ParkedRecord;

/// A closure of the user, which has no place for dead letters.
pub(super) struct Closure<F>(pub(super) F);

impl<T, F, Fut, B> Handler<T, B> for Closure<F>
where
    T: Send,
    F: Fn(Event<T>) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Outcome>> + Send,
    B: Send,
{
    const KEEPS: bool = false;
    const PARKS: bool = false;

    async fn handle(&self, events: Vec<Event<T>>, _: Vec<Origin<B>>) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(events.len());
        for event in events {
            outcomes.push((self.0)(event).await?);
        }
        Ok(outcomes)
    }

    async fn keep(&self, _: &[NewLetter]) -> Result<()> {
        Ok(())
    }

    async fn redrive(&self, _: Passing) -> Result<Option<(Redriven, i64)>> {
        Ok(None)
    }

    async fn execute(&self) -> Result<Option<NextDue>> {
        Ok(None)
    }

    async fn parked(&self, _: Option<String>, _: usize) -> Result<Vec<ParkedRecord>> {
        Ok(Vec::new())
    }
}
