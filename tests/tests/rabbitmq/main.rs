//! `RabbitMQ` as the broker, on a real server: what the publisher and the consumer promise.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    clippy::too_many_lines,
    clippy::large_futures,
    missing_docs,
    reason = "tests"
)]

mod consumer;
mod limits;
mod publisher;
mod replica;
mod shutdown;
mod topology;
mod trouble;

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use diesel_migrations::MigrationHarness as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicGetOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use serde::{Deserialize, Serialize};
use versioned_core::MIGRATIONS;
use versioned_core::outbox::OutboxRow;
use versioned_core::prelude::Versioned;
use versioned_core::rabbitmq::{RabbitMqPublisher, Servers};
use versioned_tests::postgres::Db;
use versioned_tests::rabbitmq;
use versioned_tests::waiting::{STUCK, until};

diesel::table! {
    tickets {
        id -> BigInt,
        note -> Text,
        version -> BigInt,
    }
}

const DDL: &str = "
    CREATE TABLE tickets (id BIGINT PRIMARY KEY, note TEXT NOT NULL, version BIGINT NOT NULL);
";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Ticket {
    id: i64,
    note: String,
    version: i64,
}

fn database() -> (Db, PgConnection) {
    let db = Db::fresh(DDL);
    let mut conn = db.connect();
    conn.run_pending_migrations(MIGRATIONS).unwrap();
    (db, conn)
}

async fn connect(db: &Db) -> AsyncPgConnection {
    AsyncPgConnection::establish(db.url()).await.unwrap()
}

/// An exchange with a queue for everything, under one name, and a client that looks at them.
struct Topology {
    connection: Connection,
    channel: Channel,
    name: String,
}

impl Topology {
    /// A topic exchange and a quorum queue.
    async fn quorum(url: &str) -> Self {
        let topology = Self::exchange(url).await;
        topology.queue(&[("x-queue-type", "quorum".into())]).await;
        topology.bind("#").await;
        topology
    }

    /// A topic exchange.
    async fn exchange(url: &str) -> Self {
        let connection = Connection::connect(url, ConnectionProperties::default());
        let connection = connection.await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let topology = Self {
            connection,
            channel,
            name: rabbitmq::name(),
        };
        topology.declare().await;
        topology
    }

    async fn declare(&self) {
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let (name, table) = (self.name.as_str().into(), FieldTable::default());
        let declared = self
            .channel
            .exchange_declare(name, ExchangeKind::Topic, durable, table);
        declared.await.unwrap();
    }

    async fn queue(&self, arguments: &[(&str, Argument)]) {
        let mut table = FieldTable::default();
        for (name, value) in arguments {
            table.insert((*name).into(), value.0.clone());
        }
        let durable = QueueDeclareOptions::durable();
        let name = self.name.as_str().into();
        let declared = self.channel.queue_declare(name, durable, table);
        declared.await.unwrap();
    }

    async fn bind(&self, pattern: &str) {
        let name = || self.name.as_str().into();
        let (options, table) = (QueueBindOptions::default(), FieldTable::default());
        let bound = self
            .channel
            .queue_bind(name(), name(), pattern.into(), options, table);
        bound.await.unwrap();
    }

    /// Takes all messages from the queue.
    async fn messages(&self) -> Vec<Delivery> {
        let mut messages = Vec::new();
        let options = BasicGetOptions { no_ack: true };
        while let Some(message) = self
            .channel
            .basic_get(self.name.as_str().into(), options)
            .await
            .unwrap()
        {
            messages.push(message.delivery);
        }
        messages
    }

    async fn ids(&self) -> Vec<String> {
        self.messages().await.iter().map(id).collect()
    }
}

/// A value of an argument.
struct Argument(AMQPValue);

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self(AMQPValue::LongString(text.into()))
    }
}

impl From<bool> for Argument {
    fn from(value: bool) -> Self {
        Self(AMQPValue::Boolean(value))
    }
}

impl From<i32> for Argument {
    fn from(number: i32) -> Self {
        Self(AMQPValue::LongInt(number))
    }
}

fn id(message: &Delivery) -> String {
    message.properties.message_id().clone().unwrap().to_string()
}

/// A publisher that does not wait for long.
fn publisher(url: &str, exchange: &str) -> RabbitMqPublisher {
    let servers = Servers::new([url]).unwrap();
    RabbitMqPublisher::new(servers, exchange).timeout(Duration::from_secs(20))
}

fn row(key: &str, version: i64) -> OutboxRow {
    OutboxRow {
        id: version,
        entity: "tickets".to_owned(),
        key: key.to_owned(),
        version,
        op: "updated".to_owned(),
        payload: format!("{{\"key\":{key:?},\"at\":\"2026-11-23T05:10:00Z\"}}"),
        attempts: 0,
    }
}
