//! Consumers on tasks of their own.

use std::marker::PhantomData;

use diesel::pg::Pg;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use serde::de::DeserializeOwned;
use tokio::task::JoinHandle;
use versioned_core::Event;
use versioned_core::async_prelude::Dependent;
use versioned_core::consumer::{Consumed, Consumer, ConsumerError, Source};
use versioned_core::outbox::Shutdown;

use crate::applied::apply_and_note_at;

/// A consumer of events about `M`, on a task of its own.
#[derive(Debug)]
pub struct Running<M> {
    shutdown: Shutdown,
    task: JoinHandle<Result<Consumed, ConsumerError>>,
    model: PhantomData<fn() -> M>,
}

impl<M: Dependent<Pg> + DeserializeOwned> Running<M> {
    /// With `replicate`.
    pub fn replica<S: Source>(consumer: Consumer<S>, url: &str) -> Self {
        let shutdown = Shutdown::new();
        let (stop, url) = (shutdown.clone(), url.to_owned());
        let task = tokio::spawn(async move {
            let connect = || AsyncPgConnection::establish(&url);
            consumer.replicate::<M, _>(connect, stop).await
        });
        Self {
            shutdown,
            task,
            model: PhantomData,
        }
    }

    /// With a closure, which notes each event that it applies in its transaction.
    pub fn noting<S: Source>(consumer: Consumer<S>, url: &str) -> Self {
        let shutdown = Shutdown::new();
        let (stop, url) = (shutdown.clone(), url.to_owned());
        let task = tokio::spawn(async move {
            let handle = async |event: Event<M>| apply_and_note_at(&event, &url).await;
            consumer.run(handle, stop).await
        });
        Self {
            shutdown,
            task,
            model: PhantomData,
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    ///
    /// Those of the consumer.
    ///
    /// # Panics
    ///
    /// When it panics.
    pub async fn ended(self) -> Result<Consumed, ConsumerError> {
        self.task.await.expect("no panic")
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Panics
    ///
    /// When it fails.
    pub async fn stop(self) -> Consumed {
        self.shutdown.stop();
        self.ended().await.expect("no error")
    }

    /// As a process that is killed: nothing is settled, and the broker is not told.
    ///
    /// # Panics
    ///
    /// When it has ended already.
    pub async fn abandon(self) {
        self.task.abort();
        assert!(self.task.await.is_err_and(|error| error.is_cancelled()));
    }
}
