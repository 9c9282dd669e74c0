//! Reports of problems, for the application and for traces.

use std::sync::Arc;

use super::problem::ConsumerProblem;
use super::trace;

/// Hears of the problems of a consumer.
pub(crate) type Hook = Arc<dyn Fn(&ConsumerProblem<'_>) + Send + Sync>;

pub(crate) fn report(hook: &Hook, problem: &ConsumerProblem<'_>) {
    trace::consumer_problem(problem);
    hook(problem);
}

pub(crate) fn report_broker(hook: &Hook, problem: &str) {
    report(hook, &ConsumerProblem::Broker(problem));
}
