//! What a consumer reports.

use std::sync::{Arc, Mutex, PoisonError};

use versioned_core::consumer::ConsumerProblem;

/// What a consumer reports, as text. The clones share it.
#[derive(Debug, Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    /// For `Consumer::on_problem`.
    pub fn hook(&self) -> impl Fn(&ConsumerProblem<'_>) + Send + Sync + 'static {
        let theirs = Arc::clone(&self.0);
        move |problem: &ConsumerProblem<'_>| {
            let mut all = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(problem.to_string());
        }
    }

    /// All that was reported.
    pub fn all(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether a report has this text in it.
    pub fn has(&self, text: &str) -> bool {
        self.all().iter().any(|heard| heard.contains(text))
    }

    /// How many reports begin so.
    pub fn count(&self, start: &str) -> usize {
        let all = self.all();
        all.iter().filter(|heard| heard.starts_with(start)).count()
    }
}
