//! Kafka, through `rdkafka`. Requires the feature `kafka`.
//!
//! A [`Relay`](crate::outbox::Relay) publishes to a [`KafkaPublisher`], and a [`KafkaConsumer`]
//! feeds a replica. The application creates the topics. The
//! [guide](crate::guide::how_to::kafka) says what to configure, and what is guaranteed.
//!
//! ```no_run
//! # use diesel::prelude::*;
//! # use diesel_async::{AsyncConnection, AsyncPgConnection};
//! # use versioned_core::prelude::{Versioned, Dependent};
//! use versioned_core::kafka::{KafkaConfig, KafkaConsumer, KafkaPublisher};
//! use versioned_core::outbox::Relay;
//! # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
//! # #[derive(Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
//! # #[diesel(table_name = ticket_copies)]
//! # #[versioned(dependent, entity = "tickets", gap = "park")]
//! # struct TicketCopy { id: i64, price: i64, version: i64 }
//! # #[cfg(feature = "postgres")]
//! # async fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!
//! let config = KafkaConfig::new("localhost:9092");
//!
//! // At the owner:
//! let publisher = KafkaPublisher::new(&config, "events")?;
//! let connect = || AsyncPgConnection::establish("postgres:///tickets");
//! Relay::new(&publisher).run_async(connect, tokio::signal::ctrl_c()).await;
//! publisher.close(std::time::Duration::from_secs(5)).await?;
//!
//! // At the dependent, in any number of processes:
//! let consumer = KafkaConsumer::subscribe(&config, "orders", ["events.tickets"])?;
//! let connect = || AsyncPgConnection::establish("postgres:///orders");
//! consumer.replicate::<TicketCopy, _>(connect, tokio::signal::ctrl_c()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # TLS and SASL
//!
//! The librdkafka that is built speaks neither. For them, the application depends on the same
//! `rdkafka` with its feature `ssl`, which needs OpenSSL, or `ssl-vendored`, with which
//! `ssl.ca.location` must be set to `probe` or to a file. Cargo builds one librdkafka with all
//! features.

mod client;
mod config;
mod consumer;
mod context;
mod ledger;
mod message;
mod producer;
mod publisher;
mod shared;
mod topics;

pub use self::config::{KafkaConfig, KafkaConfigError};
pub use self::consumer::{Kafka, KafkaConsumer};
pub use self::publisher::KafkaPublisher;
pub use self::topics::topic;
