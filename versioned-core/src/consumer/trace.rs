//! Spans and events of a consumer.

use super::ConsumerProblem;
use crate::error::Result;
use crate::event::Event;
use crate::outcome::Outcome;
#[cfg(feature = "tracing")]
use crate::trace::TARGET;

/// The events that a consumer handles together.
pub(crate) struct Consuming {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

#[cfg_attr(
    not(feature = "tracing"),
    allow(
        unused_variables,
        clippy::unused_self,
        reason = "used by the feature `tracing`"
    )
)]
impl Consuming {
    /// A span for one event, with the cause of the change at the owner, or for a batch.
    pub(crate) fn new<T>(events: &[Event<T>]) -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: match events {
                [event] => {
                    let (id, traceparent) = (event.id(), event.trace.as_deref());
                    tracing::info_span!(target: TARGET, "apply", event = id, traceparent)
                }
                events => {
                    tracing::info_span!(target: TARGET, "apply_all", events = events.len())
                }
            },
        }
    }

    /// Runs `handling` in the span, and records the outcomes.
    pub(crate) async fn applies<F>(self, handling: F) -> Result<Vec<Outcome>>
    where
        F: Future<Output = Result<Vec<Outcome>>>,
    {
        #[cfg(feature = "tracing")]
        let handling = tracing::Instrument::instrument(handling, self.span.clone());
        let outcomes = handling.await;
        #[cfg(feature = "tracing")]
        if let Ok(outcomes) = &outcomes {
            self.span.in_scope(|| {
                for outcome in outcomes {
                    tracing::debug!(target: TARGET, ?outcome, "consumer: event");
                }
            });
        }
        outcomes
    }
}

/// Reports a problem of a consumer.
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "used by the feature `tracing`")
)]
pub(crate) fn consumer_problem(problem: &ConsumerProblem<'_>) {
    #[cfg(feature = "tracing")]
    {
        match problem {
            ConsumerProblem::Unreadable { subject, reason } => {
                tracing::error!(target: TARGET, subject, reason, "consumer: a message is not an event");
            }
            ConsumerProblem::Refused { id, error } => {
                tracing::error!(target: TARGET, event = id, %error, "consumer: the replica rejected an event");
            }
            ConsumerProblem::Failed { id, error } => {
                tracing::warn!(target: TARGET, event = id, %error, "consumer: an event could not be applied");
            }
            ConsumerProblem::GaveUp {
                id,
                attempts,
                error,
            } => {
                tracing::error!(target: TARGET, event = id, attempts, %error, "consumer: an event became a dead letter");
            }
            ConsumerProblem::NotKept { error } => {
                tracing::error!(target: TARGET, %error, "consumer: dead letters could not be stored");
            }
            ConsumerProblem::NoDeadLetters { error } => {
                tracing::error!(target: TARGET, %error, "consumer: there is no table of dead letters");
            }
            ConsumerProblem::Waiting {
                record,
                current,
                received,
                waited,
            } => {
                tracing::warn!(target: TARGET, record, current, received, ?waited, "consumer: a record waits for a version");
            }
            ConsumerProblem::WaitOver { record, waited } => {
                tracing::info!(target: TARGET, record, ?waited, "consumer: a record goes on");
            }
            ConsumerProblem::NotListed { error } => {
                tracing::warn!(target: TARGET, %error, "consumer: the records that wait could not be listed");
            }
            ConsumerProblem::NotExecuted { error } => {
                tracing::error!(target: TARGET, %error, "consumer: the requests could not be executed");
            }
            ConsumerProblem::Paused { error } => {
                tracing::error!(target: TARGET, %error, "consumer: the database is unreachable");
            }
            ConsumerProblem::Resumed { after } => {
                tracing::info!(target: TARGET, ?after, "consumer: the database is reachable again");
            }
            ConsumerProblem::WindowFull { limit } => {
                tracing::error!(target: TARGET, limit, "consumer: early events fill the window of the durable consumer");
            }
            ConsumerProblem::StreamMissing { stream } => {
                tracing::error!(target: TARGET, stream, "consumer: the stream does not exist");
            }
            ConsumerProblem::DurableMissing { stream, durable } => {
                tracing::error!(target: TARGET, stream, durable, "consumer: the durable consumer does not exist");
            }
            ConsumerProblem::DurableFound { durable, after } => {
                tracing::info!(target: TARGET, durable, ?after, "consumer: the durable consumer exists again");
            }
            ConsumerProblem::Broker(reason) => {
                tracing::warn!(target: TARGET, reason, "consumer: a request to the broker failed");
            }
        }
    }
}

#[cfg(all(test, feature = "tracing"))]
mod tests {
    use std::fmt;
    use std::time::Duration;

    use super::{ConsumerProblem, consumer_problem};
    use crate::error::Error;
    use crate::trace::tests::said;

    #[test]
    fn an_operator_hears_of_each_problem_of_a_consumer() {
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
            consumer_problem(&ConsumerProblem::GaveUp {
                id: "tickets/7/1",
                attempts: 20,
                error: &error,
            });
            consumer_problem(&ConsumerProblem::NotKept { error: &error });
            consumer_problem(&ConsumerProblem::NoDeadLetters { error: &error });
            consumer_problem(&ConsumerProblem::Waiting {
                record: "tickets/7",
                current: 1,
                received: 3,
                waited: Duration::from_secs(30),
            });
            consumer_problem(&ConsumerProblem::WaitOver {
                record: "tickets/7",
                waited: Duration::from_secs(31),
            });
            consumer_problem(&ConsumerProblem::NotListed { error: &error });
            consumer_problem(&ConsumerProblem::NotExecuted { error: &error });
            consumer_problem(&ConsumerProblem::Paused { error: &error });
            consumer_problem(&ConsumerProblem::Resumed {
                after: Duration::from_secs(1),
            });
            consumer_problem(&ConsumerProblem::WindowFull { limit: 1_000 });
            consumer_problem(&ConsumerProblem::StreamMissing { stream: "EVENTS" });
            consumer_problem(&ConsumerProblem::DurableMissing {
                stream: "EVENTS",
                durable: "orders",
            });
            consumer_problem(&ConsumerProblem::DurableFound {
                durable: "orders",
                after: Duration::from_secs(1),
            });
            consumer_problem(&ConsumerProblem::Broker("away"));
        });
        assert_eq!(
            heard,
            [
                "ERROR consumer: a message is not an event",
                "ERROR consumer: the replica rejected an event",
                "WARN consumer: an event could not be applied",
                "ERROR consumer: an event became a dead letter",
                "ERROR consumer: dead letters could not be stored",
                "ERROR consumer: there is no table of dead letters",
                "WARN consumer: a record waits for a version",
                "INFO consumer: a record goes on",
                "WARN consumer: the records that wait could not be listed",
                "ERROR consumer: the requests could not be executed",
                "ERROR consumer: the database is unreachable",
                "INFO consumer: the database is reachable again",
                "ERROR consumer: early events fill the window of the durable consumer",
                "ERROR consumer: the stream does not exist",
                "ERROR consumer: the durable consumer does not exist",
                "INFO consumer: the durable consumer exists again",
                "WARN consumer: a request to the broker failed",
            ]
        );
    }
}
