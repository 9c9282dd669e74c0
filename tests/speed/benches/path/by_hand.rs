//! The path wired by hand: what is left when nothing may be lost on the way. The event is published from memory after the
//! commit; a crash in between loses it.

use std::collections::HashMap;

use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Stream;
use async_nats::jetstream::{Context, Message};
use futures_util::StreamExt as _;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use versioned_core::Event;

use crate::services::{Latest, json};

/// Saves a ticket.
pub(crate) const SAVE: &str =
    "UPDATE tickets SET title = $1, price = $2, version = $3 WHERE id = $4 AND version = $5";
/// Saves a ticket and stores its event, in one statement.
pub(crate) const SAVE_WITH_OUTBOX: &str = "WITH written AS \
    (UPDATE tickets SET title = $1, price = $2, version = $3 WHERE id = $4 AND version = $5 RETURNING 1) \
    INSERT INTO versioned_outbox (entity, key, version, op, payload, at) SELECT 'tickets', $6, $3, 'updated', $7, 1 FROM written";
/// Many rows, whose columns are arrays.
pub(crate) const UPSERT_ALL: &str = "INSERT INTO ticket_copies (id, title, price, version) \
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) \
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, price = excluded.price, version = excluded.version \
    WHERE ticket_copies.version < excluded.version";
const BATCH: usize = 1_000;

/// A durable consumer of everything that the stream has.
pub(crate) async fn durable(stream: &Stream, name: &str) -> PullConsumer {
    let config = pull::Config {
        durable_name: Some(name.to_owned()),
        ack_policy: AckPolicy::Explicit,
        max_ack_pending: -1,
        ..pull::Config::default()
    };
    stream.create_consumer(config).await.unwrap()
}

/// Publishes an event, and does not wait for the answer, which is looked at later.
pub(crate) async fn publish(context: &Context, prefix: &str, id: i64, version: i64) {
    let message = PublishMessage::build()
        .message_id(format!("tickets/{id}/{version}"))
        .payload(json(id, version).into());
    let subject = format!("{prefix}.tickets.{id}");
    let answer = context.send_publish(subject, message).await.unwrap();
    tokio::spawn(async move { answer.await.unwrap() });
}

/// Applies what is there, as it comes.
pub(crate) async fn consume(consumer: PullConsumer, client: Client) {
    let upsert = client.prepare(UPSERT_ALL).await.unwrap();
    let messages = consumer.messages().await.unwrap();
    let mut chunks = messages.map(Result::unwrap).ready_chunks(BATCH);
    while let Some(messages) = chunks.next().await {
        apply(&messages, &client, &upsert).await;
    }
}

/// Applies a thousand messages at a time, until there were so many.
pub(crate) async fn consume_all(consumer: PullConsumer, client: Client, events: usize) {
    let upsert = client.prepare(UPSERT_ALL).await.unwrap();
    let mut done = 0;
    while done < events {
        let fetch = consumer.fetch().max_messages(BATCH).messages().await;
        let messages: Vec<Message> = fetch.unwrap().map(Result::unwrap).collect().await;
        apply(&messages, &client, &upsert).await;
        done += messages.len();
    }
}

async fn apply(messages: &[Message], client: &Client, upsert: &Statement) {
    let rows = Rows::newest(messages.iter().map(row));
    rows.write(client, upsert).await;
    for message in messages {
        message.ack().await.unwrap();
    }
}

fn row(message: &Message) -> Latest {
    let event: Event<Latest> = serde_json::from_slice(&message.payload).unwrap();
    event.data.unwrap()
}

/// The columns of rows.
#[derive(Default)]
pub(crate) struct Rows {
    ids: Vec<i64>,
    titles: Vec<String>,
    prices: Vec<i64>,
    versions: Vec<i64>,
}

impl Rows {
    /// The newest of each record, because a statement may write each row only once.
    fn newest(rows: impl Iterator<Item = Latest>) -> Self {
        let (mut newest, mut places) = (Self::default(), HashMap::new());
        for row in rows {
            let end = newest.ids.len();
            let place = *places.entry(row.id).or_insert(end);
            if place == end {
                newest.push(row);
            } else if newest.versions[place] < row.version {
                newest.titles[place] = row.title;
                newest.prices[place] = row.price;
                newest.versions[place] = row.version;
            }
        }
        newest
    }

    pub(crate) fn push(&mut self, row: Latest) {
        self.ids.push(row.id);
        self.titles.push(row.title);
        self.prices.push(row.price);
        self.versions.push(row.version);
    }

    /// Writes them with a statement that has their columns as parameters, and returns the number of those written.
    pub(crate) async fn write(&self, client: &Client, statement: &Statement) -> u64 {
        let binds: [&(dyn ToSql + Sync); 4] =
            [&self.ids, &self.titles, &self.prices, &self.versions];
        client.execute(statement, &binds).await.unwrap()
    }
}
