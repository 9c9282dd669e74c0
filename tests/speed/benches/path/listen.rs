//! A connection that listens to notifications.

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, NoTls};
use versioned_tests::postgres::Db;

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
