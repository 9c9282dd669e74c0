//! Consumers on tasks of their own.

use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use versioned_core::async_prelude::*;
use versioned_core::consumer::{Consumed, Consumer, Source};
use versioned_core::outbox::Shutdown;
use versioned_core::{Error, Event, Outcome, Result};

use crate::broker::{Copy, applied};

pub(crate) struct Running {
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<Consumed>,
}

impl Running {
    /// With `replicate`.
    pub(crate) fn replica<S: Source>(consumer: Consumer<S>, url: &str) -> Self {
        let shutdown = Shutdown::new();
        let (stop, url) = (shutdown.clone(), url.to_owned());
        let task = tokio::spawn(async move {
            let connect = || AsyncPgConnection::establish(&url);
            consumer.replicate::<Copy, _>(connect, stop).await.unwrap()
        });
        Self { shutdown, task }
    }

    /// With a closure, which notes each event that it applies in its transaction.
    pub(crate) fn closure<S: Source>(consumer: Consumer<S>, url: &str) -> Self {
        let shutdown = Shutdown::new();
        let (stop, url) = (shutdown.clone(), url.to_owned());
        let task = tokio::spawn(async move {
            let handle = async |event: Event<Copy>| apply_and_note(&event, &url).await;
            consumer.run(handle, stop).await.unwrap()
        });
        Self { shutdown, task }
    }

    pub(crate) async fn stop(self) -> Consumed {
        self.shutdown.stop();
        self.task.await.unwrap()
    }
}

/// Applies an event on a connection of its own, and notes it.
pub(crate) async fn apply_and_note(event: &Event<Copy>, url: &str) -> Result<Outcome> {
    let conn = AsyncPgConnection::establish(url).await;
    let mut conn = conn.map_err(Error::other)?;
    let note = async |conn: &mut AsyncPgConnection, event: &Event<Copy>| {
        let row = (
            applied::key.eq(event.key.clone()),
            applied::version.eq(event.version),
        );
        let insert = diesel::insert_into(applied::table).values(row);
        diesel_async::RunQueryDsl::execute(insert, conn).await?;
        Ok(())
    };
    Copy::apply_with(event, &mut conn, note).await
}

/// The events that were noted, sorted.
pub(crate) fn noted(conn: &mut PgConnection) -> Vec<(i64, i64)> {
    let noted: Vec<(String, i64)> = applied::table.load(conn).unwrap();
    let noted = noted.into_iter();
    let mut noted: Vec<_> = noted
        .map(|(key, version)| (key.parse().unwrap(), version))
        .collect();
    noted.sort_unstable();
    noted
}
