//! What a consumer does now and then, one at a time: it applies the dead letters again, executes
//! requests, and looks at the records with parked events.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::parked::{After, PAGE};
use super::run::{Run, within};
use super::source::{Delivery, Handler, NextDue};
use crate::dead_letter::Redriven;
use crate::error::Result;
use crate::operation::replica::dead_letters::Passing;
use crate::parked_record::ParkedRecord;

/// A chore that is due.
pub(super) enum Chore {
    Redrive(Passing),
    Look(After),
    Execute,
}

/// What became of it.
pub(super) enum Done {
    Redriven(Result<Option<(Redriven, i64)>>),
    LookedAt(Result<Vec<ParkedRecord>>),
    Executed(Result<Option<NextDue>>),
}

impl Chore {
    pub(super) async fn do_with<T, B>(
        self,
        handler: &impl Handler<T, B>,
        deadline: Duration,
    ) -> Done {
        match self {
            Self::Redrive(pass) => Done::Redriven(within(deadline, handler.redrive(pass)).await),
            Self::Execute => Done::Executed(within(deadline, handler.execute()).await),
            Self::Look(After(key)) => {
                Done::LookedAt(within(deadline, handler.parked(key, PAGE)).await)
            }
        }
    }
}

impl<T, D> Run<'_, T, D>
where
    T: DeserializeOwned + Send,
    D: Delivery,
{
    /// Returns the chore that is due, while so many things are being done.
    pub(super) fn next_chore(&mut self, busy: usize) -> Option<Chore> {
        // Passes and requests follow each other without a pause while they apply letters, and looks
        // do not.
        if let Some(after) = self.page_to_look_at(busy) {
            return Some(Chore::Look(after));
        }
        // The one that was due first.
        let is_request = match (self.requests.next_look(), self.letters.next_pass()) {
            (Some(request), Some(pass)) => request <= pass,
            (request, _) => request.is_some(),
        };
        if is_request && self.requests_to_execute(busy) {
            return Some(Chore::Execute);
        }
        let pass = self.pass_to_redrive(busy).map(Chore::Redrive);
        pass.or_else(|| self.requests_to_execute(busy).then_some(Chore::Execute))
    }

    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Redriven(redriven) => self.redriven(redriven),
            Done::LookedAt(page) => self.looked_at(page),
            Done::Executed(due) => self.executed(due),
        }
    }
}
