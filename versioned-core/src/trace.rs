//! Spans and events of `tracing`, if that feature is enabled.

/// The target of all spans and events.
#[cfg(feature = "tracing")]
pub(crate) const TARGET: &str = "versioned_core";

/// Reports a parked event whose turn has come and that cannot be applied.
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "used by the feature `tracing`")
)]
pub(crate) fn parked_event_refused(entity: &str, key: &str, version: i64, reason: &str) {
    #[cfg(feature = "tracing")]
    tracing::error!(target: TARGET, entity, key, version, reason, "replica: a parked event cannot be applied");
}

/// Reports rows that a purge has deleted.
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "used by the feature `tracing`")
)]
pub(crate) fn purged(
    entity: &str,
    tombstones: usize,
    dead_letters: usize,
    parked: usize,
    requests: usize,
) {
    #[cfg(feature = "tracing")]
    tracing::info!(
        target: TARGET,
        entity,
        tombstones,
        dead_letters,
        parked,
        requests,
        "purged"
    );
}

/// Runs `future` in the span of a published batch.
#[cfg_attr(
    not(feature = "tracing"),
    allow(unused_variables, reason = "used by the feature `tracing`")
)]
pub(crate) fn publishing<F: Future>(events: usize, future: F) -> impl Future<Output = F::Output> {
    #[cfg(feature = "tracing")]
    let future = tracing::Instrument::instrument(
        future,
        tracing::info_span!(target: TARGET, "publish", events),
    );
    future
}

#[cfg(feature = "tracing")]
#[cfg(test)]
pub(crate) mod tests {
    use std::fmt;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::TARGET;

    /// Records the level and the message of each event.
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

    /// Returns the messages that were logged while `run` ran.
    pub(crate) fn said(run: impl FnOnce()) -> Vec<String> {
        let ears = Ears::default();
        tracing::subscriber::with_default(ears.clone(), run);
        std::mem::take(&mut *ears.0.lock().unwrap())
    }
}
