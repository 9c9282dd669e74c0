//! What an operator sees: spans and events of `tracing`, with the feature of that name; nothing without.

use std::time::Duration;

use crate::outbox::{Pass, RelayProblem};

/// The target of all spans and events.
#[cfg(feature = "tracing")]
const TARGET: &str = "versioned_core";

/// A pass of a relay has published something, or tried to.
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nobody listens")
)]
pub(crate) fn relay_pass(pass: Pass, time: Duration) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: TARGET,
        published = pass.published,
        rejected = pass.rejected,
        unavailable = pass.unavailable,
        milliseconds = time.as_secs_f64() * 1e3,
        "relay: batch",
    );
}

/// Something goes wrong at a relay.
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nobody listens")
)]
pub(crate) fn relay_problem(problem: &RelayProblem<'_>) {
    #[cfg(feature = "tracing")]
    match problem {
        RelayProblem::Rejected { row, reason } => tracing::warn!(
            target: TARGET,
            event = row.event_id(),
            attempts = row.attempts + 1,
            reason,
            "relay: the broker refuses an event",
        ),
        RelayProblem::Unavailable { events, reason } => {
            tracing::warn!(target: TARGET, events, reason, "relay: the broker takes no events");
        }
        RelayProblem::NotConnected(reason) => {
            tracing::error!(target: TARGET, reason, "relay: no connection to the outbox");
        }
        RelayProblem::Failed(error) => {
            tracing::error!(target: TARGET, %error, "relay: the outbox failed");
        }
    }
}

/// A parked event has its turn, and cannot be applied.
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nobody listens")
)]
pub(crate) fn parked_event_refused(entity: &str, key: &str, version: i64, reason: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, entity, key, version, reason, "replica: a parked event cannot be applied");
}

/// A batch is published: what the publisher says belongs to it.
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nobody listens")
)]
pub(crate) fn publishing<F: Future>(events: usize, future: F) -> impl Future<Output = F::Output> {
    #[cfg(feature = "tracing")]
    let future = tracing::Instrument::instrument(
        future,
        tracing::info_span!(target: TARGET, "publish", events),
    );
    future
}

/// An event that a consumer has in hand.
#[cfg(feature = "nats")]
pub(crate) struct Consuming {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[cfg(feature = "nats")]
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, clippy::unused_self, reason = "nobody listens")
)]
impl Consuming {
    /// `traceparent` is what caused the change at the owner.
    pub(crate) fn new(event: &str, traceparent: Option<&str>) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::info_span!(target: TARGET, "apply", event, traceparent),
        }
    }

    /// Whatever `handling` says belongs to the event, and so does what it ends in.
    pub(crate) async fn applies<F>(self, handling: F) -> crate::Result<crate::Outcome>
    where
        F: Future<Output = crate::Result<crate::Outcome>>,
    {
        #[cfg(feature = "tracing")]
        let handling = tracing::Instrument::instrument(handling, self.span.clone());
        let outcome = handling.await;
        #[cfg(feature = "tracing")]
        if let Ok(outcome) = &outcome {
            self.span
                .in_scope(|| tracing::debug!(target: TARGET, ?outcome, "consumer: event"));
        }
        outcome
    }
}

/// Something goes wrong at a consumer.
#[cfg(feature = "nats")]
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "nobody listens")
)]
pub(crate) fn consumer_problem(problem: &crate::nats::ConsumerProblem<'_>) {
    #[cfg(feature = "tracing")]
    {
        use crate::nats::ConsumerProblem;
        match problem {
            ConsumerProblem::Unreadable { subject, reason } => {
                tracing::error!(target: TARGET, subject, reason, "consumer: a message is no event");
            }
            ConsumerProblem::Refused { id, error } => {
                tracing::error!(target: TARGET, event = id, %error, "consumer: an event is not for this replica");
            }
            ConsumerProblem::Failed { id, error } => {
                tracing::warn!(target: TARGET, event = id, %error, "consumer: an event could not be applied");
            }
            ConsumerProblem::Broker(reason) => {
                tracing::warn!(target: TARGET, reason, "consumer: the broker");
            }
        }
    }
}

#[cfg(feature = "tracing")]
#[cfg(test)]
pub(crate) mod tests {
    use std::fmt;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;
    use crate::error::Error;
    use crate::outbox::OutboxRow;

    /// Notes the level of each event, and what it says.
    #[derive(Clone, Default)]
    struct Ears(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Ears {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == TARGET
        }

        fn new_span(&self, _span: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _span: &Id, _values: &Record<'_>) {}

        fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut message = Message(event.metadata().level().to_string());
            event.record(&mut message);
            self.0.lock().unwrap().push(message.0);
        }

        fn enter(&self, _span: &Id) {}

        fn exit(&self, _span: &Id) {}
    }

    struct Message(String);

    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            if field.name() == "message" {
                self.0 = format!("{} {value:?}", self.0);
            }
        }
    }

    /// What is said while this runs.
    pub(crate) fn said(run: impl FnOnce()) -> Vec<String> {
        let ears = Ears::default();
        tracing::subscriber::with_default(ears.clone(), run);
        std::mem::take(&mut *ears.0.lock().unwrap())
    }

    #[test]
    fn an_operator_hears_of_each_problem_of_a_relay() {
        let row = OutboxRow {
            id: 1,
            entity: "tickets".into(),
            key: "7".into(),
            version: 1,
            op: "created".into(),
            payload: String::new(),
            attempts: 0,
        };
        let failed = Error::other(fmt::Error);
        let heard = said(|| {
            relay_problem(&RelayProblem::Rejected {
                row: &row,
                reason: "no",
            });
            relay_problem(&RelayProblem::Unavailable {
                events: 2,
                reason: "away",
            });
            relay_problem(&RelayProblem::NotConnected("away"));
            relay_problem(&RelayProblem::Failed(&failed));
        });
        assert_eq!(
            heard,
            [
                "WARN relay: the broker refuses an event",
                "WARN relay: the broker takes no events",
                "ERROR relay: no connection to the outbox",
                "ERROR relay: the outbox failed",
            ]
        );
    }

    #[cfg(feature = "nats")]
    #[test]
    fn an_operator_hears_of_each_problem_of_a_consumer() {
        use crate::nats::ConsumerProblem;

        let error = Error::other(fmt::Error);
        let heard = said(|| {
            consumer_problem(&ConsumerProblem::Unreadable {
                subject: "events.tickets.7",
                reason: "no JSON",
            });
            consumer_problem(&ConsumerProblem::Refused {
                id: "tickets/7/1",
                error: &error,
            });
            consumer_problem(&ConsumerProblem::Failed {
                id: "tickets/7/1",
                error: &error,
            });
            consumer_problem(&ConsumerProblem::Broker("away"));
        });
        assert_eq!(
            heard,
            [
                "ERROR consumer: a message is no event",
                "ERROR consumer: an event is not for this replica",
                "WARN consumer: an event could not be applied",
                "WARN consumer: the broker",
            ]
        );
    }
}
