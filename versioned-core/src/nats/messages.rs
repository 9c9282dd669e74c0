//! The messages of a durable consumer: of the current request, and of those that are over.

use super::durable::Durable;
use super::late::Late;
use super::message::Held;
use super::requests::{Requests, Step};
use crate::consumer::{Incoming, Intake};

/// The messages of a durable consumer.
pub(super) struct Messages<'c> {
    requests: Requests<'c>,
    late: Late,
}

impl<'c> Messages<'c> {
    pub(super) fn new(durable: &'c Durable, intake: Intake<'c>) -> Self {
        Self {
            requests: Requests::new(durable, intake),
            late: Late::default(),
        }
    }

    /// The next message. `None` after the consumer began to shut down and its last request is over.
    /// A message that is late then is redelivered after the `ack_wait` of the durable consumer.
    pub(super) async fn next(&mut self) -> Option<Incoming<Held>> {
        loop {
            tokio::select! {
                biased;
                message = self.late.next() => return Some(self.requests.late(message)),
                step = self.requests.next() => match step? {
                    Step::Incoming(incoming) => return Some(incoming),
                    Step::Silent(batch) => self.late.add(batch, self.requests.incarnation()),
                },
            }
        }
    }
}
