//! `RabbitMQ`, through `lapin`. Requires the feature `rabbitmq`, and Rust 1.88.
//!
//! A [`Relay`](crate::outbox::Relay) publishes to a [`RabbitMqPublisher`], and a
//! [`RabbitMqConsumer`] feeds a replica. An operator, or the application, creates the exchange and
//! the queues.
//!
//! ```no_run
//! # use diesel::prelude::*;
//! # use diesel_async::{AsyncConnection, AsyncPgConnection};
//! # use versioned_core::prelude::{Versioned, Dependent};
//! use versioned_core::outbox::Relay;
//! use versioned_core::rabbitmq::{Queue, RabbitMqConsumer, RabbitMqPublisher, Servers};
//! # diesel::table! { ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, } }
//! # #[derive(Queryable, Selectable, serde::Deserialize, Versioned)]
//! # #[diesel(table_name = ticket_copies)]
//! # #[versioned(dependent, entity = "tickets")]
//! # struct TicketCopy { id: i64, price: i64, version: i64 }
//! # #[cfg(feature = "postgres")]
//! # async fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!
//! let servers = Servers::new(["amqp://shop:secret@rabbit-1/%2f", "amqp://shop:secret@rabbit-2/%2f"])?;
//!
//! // At the owner:
//! let relay = Relay::new(RabbitMqPublisher::new(servers.clone(), "events"));
//! let connect = || AsyncPgConnection::establish("postgres:///tickets");
//! relay.run_async(connect, tokio::signal::ctrl_c()).await;
//!
//! // At the dependent, in any number of processes:
//! let queue = Queue::declared("orders", "dead-letters").bound_to("events", "tickets.*");
//! let consumer = RabbitMqConsumer::new(servers, queue);
//! let connect = || AsyncPgConnection::establish("postgres:///orders");
//! consumer.replicate::<TicketCopy, _>(connect, tokio::signal::ctrl_c()).await?;
//! # Ok(())
//! # }
//! ```

mod consumer;
mod ledger;
mod line;
mod link;
mod message;
mod outgoing;
mod pauses;
mod publisher;
mod queue;
mod receiver;
mod servers;
mod session;

pub use self::consumer::{RabbitMq, RabbitMqConsumer};
pub use self::outgoing::routing_key;
pub use self::publisher::RabbitMqPublisher;
pub use self::queue::Queue;
pub use self::servers::Servers;
