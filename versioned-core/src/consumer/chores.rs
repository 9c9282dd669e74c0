//! What a consumer does now and then, one at a time: it applies the dead letters again, and looks at
//! the records with parked events.

use std::time::Duration;

use serde::de::DeserializeOwned;

use super::parked::{After, PAGE};
use super::run::{Run, within};
use super::source::{Delivery, Handler};
use crate::dead_letter::Redriven;
use crate::error::Result;
use crate::operation::replica::dead_letters::Passing;
use crate::parked_record::ParkedRecord;

/// A chore that is due.
pub(super) enum Chore {
    Redrive(Passing),
    Look(After),
}

/// What became of it.
pub(super) enum Done {
    Redriven(Result<Option<(Redriven, i64)>>),
    LookedAt(Result<Vec<ParkedRecord>>),
}

impl Chore {
    pub(super) async fn do_with<T, B>(
        self,
        handler: &impl Handler<T, B>,
        deadline: Duration,
    ) -> Done {
        match self {
            Self::Redrive(pass) => Done::Redriven(within(deadline, handler.redrive(pass)).await),
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
        // Passes follow each other without a pause while they apply letters, and looks do not.
        match self.page_to_look_at(busy) {
            Some(after) => Some(Chore::Look(after)),
            None => self.pass_to_redrive(busy).map(Chore::Redrive),
        }
    }

    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Redriven(redriven) => self.redriven(redriven),
            Done::LookedAt(page) => self.looked_at(page),
        }
    }
}
