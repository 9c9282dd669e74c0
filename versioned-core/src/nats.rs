//! NATS JetStream, through `async-nats`. Requires the feature `nats`.
//!
//! A [`Relay`](crate::outbox::Relay) publishes to a [`JetStreamPublisher`], and a
//! [`JetStreamConsumer`] feeds a replica. The application connects the client, creates the stream
//! and chooses the names, for example the subject `events.>`.
//!
//! ```no_run
//! # use diesel::prelude::*;
//! # use diesel_async::{AsyncConnection, AsyncPgConnection};
//! # use versioned_core::prelude::{Versioned, Dependent};
//! use versioned_core::nats::{JetStreamConsumer, JetStreamPublisher};
//! use versioned_core::outbox::Relay;
//! # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
//! # #[derive(Queryable, Selectable, serde::Deserialize, Versioned)]
//! # #[diesel(table_name = ticket_copies)]
//! # #[versioned(dependent, entity = "tickets")]
//! # struct TicketCopy { id: i64, price: i64, version: i64 }
//! # #[cfg(feature = "postgres")]
//! # async fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!
//! let jetstream = async_nats::jetstream::new(async_nats::connect("nats://localhost").await?);
//! let stream = jetstream.get_or_create_stream(async_nats::jetstream::stream::Config {
//!     name: "EVENTS".to_owned(),
//!     subjects: vec!["events.>".to_owned()],
//!     ..Default::default()
//! }).await?;
//!
//! // At the owner:
//! let relay = Relay::new(JetStreamPublisher::new(jetstream, "events")).batch(1_000);
//! let connect = || AsyncPgConnection::establish("postgres:///tickets");
//! relay.run_async(connect, tokio::signal::ctrl_c()).await;
//!
//! // At the dependent, in any number of processes:
//! let consumer = JetStreamConsumer::durable(&stream, "orders", "events.tickets.*").await?;
//! let connect = || AsyncPgConnection::establish("postgres:///orders");
//! consumer.replicate::<TicketCopy, _>(connect, tokio::signal::ctrl_c()).await?;
//! # Ok(())
//! # }
//! ```

mod consumer;
mod durable;
mod late;
mod message;
mod messages;
mod names;
mod publisher;
mod requests;

pub use self::consumer::{JetStream, JetStreamConsumer};
pub use self::names::subject;
pub use self::publisher::JetStreamPublisher;
