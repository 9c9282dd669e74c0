//! Reports of problems, for the application and for traces.

use std::sync::Arc;

use super::problem::ConsumerProblem;
use super::trace;
use crate::health::Health;

/// Hears of the problems of a consumer.
pub(crate) type Hook = Arc<dyn Fn(&ConsumerProblem<'_>) + Send + Sync>;

pub(crate) fn report(hook: &Hook, problem: &ConsumerProblem<'_>) {
    trace::consumer_problem(problem);
    hook(problem);
}

/// The hook, and before it the health of the consumer.
pub(crate) fn noting(health: &Health, hook: &Hook) -> Hook {
    let (health, hook) = (health.clone(), Arc::clone(hook));
    Arc::new(move |problem| {
        note(&health, problem);
        hook(problem);
    })
}

fn note(health: &Health, problem: &ConsumerProblem<'_>) {
    match problem {
        // The breaker has opened after several failures.
        ConsumerProblem::Paused { error } => health.database_is_away(&error.to_string()),
        ConsumerProblem::Resumed { .. } => health.database_answered(),
        ConsumerProblem::StreamMissing { .. }
        | ConsumerProblem::DurableMissing { .. }
        | ConsumerProblem::Broker(_) => health.broker_failed(&problem.to_string()),
        ConsumerProblem::DurableFound { .. } => health.broker_answered(),
        _ => {}
    }
}

pub(crate) fn report_broker(hook: &Hook, problem: &str) {
    report(hook, &ConsumerProblem::Broker(problem));
}
