//! A relay that is woken by PostgreSQL: a trigger on the outbox, and a connection that listens.
//!
//! This is what an application can do itself with [`Relay::waker`](versioned_core::outbox::Relay::waker). If the relay
//! listens by itself, this is the place to ask it to.

use diesel::connection::SimpleConnection as _;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, NoTls};
use versioned_core::outbox::RelayWaker;
use versioned_tests::postgres::Db;

/// At most one transaction at a time notifies, because a notification takes a lock of the whole server at the commit. The
/// others are found in the pass that this notification starts, or in the polls that follow it closely.
const TRIGGER: &str = "
    CREATE FUNCTION wake_the_relay() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF pg_try_advisory_xact_lock(7239) THEN
            PERFORM pg_notify('outbox', '');
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER wake_the_relay AFTER INSERT ON versioned_outbox
        FOR EACH STATEMENT EXECUTE FUNCTION wake_the_relay();
";

/// Makes writes to the outbox of this database notify.
pub(crate) fn notify(db: &Db) {
    db.connect().batch_execute(TRIGGER).unwrap();
}

/// Wakes the relay at each notification.
pub(crate) async fn wake(db: &Db, waker: RelayWaker) -> JoinHandle<()> {
    listen(db, "outbox", move |_| waker.wake()).await
}

/// Calls `heard` with each notification on the channel, until the task is aborted.
pub(crate) async fn listen(
    db: &Db,
    channel: &str,
    mut heard: impl FnMut(&str) + Send + 'static,
) -> JoinHandle<()> {
    let (client, mut connection) = tokio_postgres::connect(db.url(), NoTls).await.unwrap();
    let mut messages = stream::poll_fn(move |task| connection.poll_message(task));
    let listening = tokio::spawn(async move {
        // The database is dropped with its connections, at the end.
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notification) = message {
                heard(notification.payload());
            }
        }
    });
    client
        .batch_execute(&format!("LISTEN {channel}"))
        .await
        .unwrap();
    // The connection ends with its client.
    tokio::spawn(async move {
        listening.await.ok();
        drop(client);
    })
}
