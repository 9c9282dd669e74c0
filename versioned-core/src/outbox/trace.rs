//! Spans and events of a relay.

use std::time::Duration;

use super::{Pass, RelayProblem};
#[cfg(feature = "tracing")]
use crate::trace::TARGET;

/// A pass of a relay has published something, or tried to.
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "used by the feature `tracing`")
)]
pub(crate) fn relay_pass(pass: Pass, time: Duration) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: TARGET,
        published = pass.published,
        duplicates = pass.duplicates,
        rejected = pass.rejected,
        unavailable = pass.unavailable,
        milliseconds = time.as_secs_f64() * 1e3,
        "relay: batch",
    );
}

/// Something goes wrong at a relay.
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "used by the feature `tracing`")
)]
pub(crate) fn relay_problem(problem: &RelayProblem<'_>) {
    #[cfg(feature = "tracing")]
    match problem {
        RelayProblem::Rejected { row, reason } => tracing::warn!(
            target: TARGET,
            event = row.event_id(),
            attempts = row.attempts + 1,
            reason,
            "relay: the broker rejected an event",
        ),
        RelayProblem::Unavailable { events, reason } => {
            tracing::warn!(target: TARGET, events, reason, "relay: the broker is unavailable");
        }
        RelayProblem::NotConnected(reason) => {
            tracing::error!(target: TARGET, reason, "relay: cannot connect to the outbox database");
        }
        RelayProblem::NotListening(reason) => {
            tracing::warn!(target: TARGET, reason, "relay: the listener failed");
        }
        RelayProblem::Failed(error) => {
            tracing::error!(target: TARGET, %error, "relay: the outbox database failed");
        }
    }
}

#[cfg(all(test, feature = "tracing"))]
mod tests {
    use std::fmt;

    use super::{RelayProblem, relay_problem};
    use crate::error::Error;
    use crate::outbox::OutboxRow;
    use crate::trace::tests::said;

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
            relay_problem(&RelayProblem::NotListening("away"));
            relay_problem(&RelayProblem::Failed(&failed));
        });
        assert_eq!(
            heard,
            [
                "WARN relay: the broker rejected an event",
                "WARN relay: the broker is unavailable",
                "ERROR relay: cannot connect to the outbox database",
                "WARN relay: the listener failed",
                "ERROR relay: the outbox database failed",
            ]
        );
    }
}
