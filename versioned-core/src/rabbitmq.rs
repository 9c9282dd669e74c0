//! `RabbitMQ`, through `lapin`. Requires the feature `rabbitmq`, and Rust 1.88.
//!
//! A [`Relay`](crate::outbox::Relay) publishes to a [`RabbitMqPublisher`]. The application creates
//! the exchange, the queues and their bindings, or an operator does.
//!
//! ```no_run
//! # use diesel::prelude::*;
//! # use diesel_async::{AsyncConnection, AsyncPgConnection};
//! use versioned_core::outbox::Relay;
//! use versioned_core::rabbitmq::{RabbitMqPublisher, Servers};
//! # #[cfg(feature = "postgres")]
//! # async fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!
//! let servers = Servers::new(["amqp://relay:secret@rabbit-1/%2f"])?;
//! let relay = Relay::new(RabbitMqPublisher::new(servers, "events"));
//! let connect = || AsyncPgConnection::establish("postgres:///tickets");
//! relay.run_async(connect, tokio::signal::ctrl_c()).await;
//! # Ok(())
//! # }
//! ```

mod line;
mod link;
mod outgoing;
mod pauses;
mod publisher;
mod servers;

pub use self::outgoing::routing_key;
pub use self::publisher::RabbitMqPublisher;
pub use self::servers::Servers;
