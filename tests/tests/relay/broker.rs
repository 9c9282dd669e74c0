//! A broker in memory, which does as it is told.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use versioned_core::outbox::{OutboxRow, PublishError, Publisher};

type Answer = Result<(), PublishError>;
type First = Box<dyn Fn(&[OutboxRow]) + Send + Sync>;
type Refuse = Box<dyn Fn(&OutboxRow) -> Answer + Send + Sync>;

/// Keeps what it was sent, unless `refuse` says otherwise.
#[derive(Default)]
pub(crate) struct Broker {
    pub(crate) log: Mutex<Vec<OutboxRow>>,
    pub(crate) batches: Mutex<Vec<usize>>,
    pub(crate) away: AtomicBool,
    /// Does this before it answers; a panic is a crash.
    pub(crate) first: Option<First>,
    pub(crate) refuse: Option<Refuse>,
    /// Never answers for a batch with this key in it.
    pub(crate) hangs_at: Option<&'static str>,
}

impl Broker {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn refusing(refuse: impl Fn(&OutboxRow) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            refuse: Some(Box::new(refuse)),
            ..Self::default()
        }
    }

    pub(crate) fn doing_first(first: impl Fn(&[OutboxRow]) + Send + Sync + 'static) -> Self {
        Self {
            first: Some(Box::new(first)),
            ..Self::default()
        }
    }

    /// The ids of the events, in the order in which they came.
    pub(crate) fn ids(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter().map(OutboxRow::event_id).collect()
    }

    pub(crate) fn sorted_ids(&self) -> Vec<String> {
        let mut ids = self.ids();
        ids.sort_by_key(|id| (id.len(), id.clone()));
        ids
    }

    pub(crate) fn versions(&self) -> HashMap<String, Vec<i64>> {
        let mut versions: HashMap<_, Vec<i64>> = HashMap::new();
        for row in self.log.lock().unwrap().iter() {
            versions
                .entry(row.key.clone())
                .or_default()
                .push(row.version);
        }
        versions
    }
}

impl Publisher for Broker {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Answer> {
        self.batches.lock().unwrap().push(batch.len());
        if let Some(first) = &self.first {
            first(batch);
        }
        if batch
            .iter()
            .any(|row| Some(row.key.as_str()) == self.hangs_at)
        {
            std::future::pending::<()>().await;
        }
        let away = self.away.load(Ordering::SeqCst);
        batch
            .iter()
            .map(|row| {
                if away {
                    return Err(PublishError::unavailable("gone fishing"));
                }
                self.refuse.as_ref().map_or(Ok(()), |refuse| refuse(row))?;
                self.log.lock().unwrap().push(row.clone());
                Ok(())
            })
            .collect()
    }
}

/// Answers from another thread, a little later: its future really waits.
pub(crate) struct Later(pub(crate) Broker);

impl Publisher for Later {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Answer> {
        let answers = self.0.publish(batch).await;
        let (done, later) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            done.send(answers)
        });
        later.await.unwrap()
    }
}
