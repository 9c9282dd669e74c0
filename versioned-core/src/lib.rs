//! Optimistic locking for Diesel models, and ordered replication between services.
//!
//! The crate adds one version column and one derive to a model. The derive has two modes:
//!
//! - An **owner** is a record of the service itself. A write checks the version that was loaded and
//!   increments it. A write against an older version returns [`Error::Conflict`].
//! - A **dependent** is a replica of another service's record. An event carries the version that
//!   the owner gave the change, and event N is applied only on top of version N−1.
//!
//! ```text
//!         owner                                        dependent
//! +--------------------+          +--------+    +-----------------------+
//! | tickets            |  relay   |        |    | ticket_copies         |
//! | versioned_outbox   | -------> | broker | -> | versioned_positions   |
//! +--------------------+          +--------+    +-----------------------+
//!     one transaction                               one transaction
//! ```
//!
//! | to | read |
//! | --- | --- |
//! | guard the writes of a model | [`guide::first_steps::owner`] |
//! | keep a replica of another service's records | [`guide::first_steps::dependent`] |
//! | publish events that survive a crash | [`guide::how_to::outbox`] |
//! | feed a replica without a broker | [`guide::how_to::direct`] |
//! | read and write messages of other systems | [`guide::how_to::foreign_messages`] |
//! | find what a replica has otherwise than its owner | [`guide::how_to::compare`] |
//! | test code that writes or consumes events | [`guide::how_to::testing`] |
//! | understand a compiler error | [`guide::reference::mistakes`] |
//! | look after replicas and outboxes | [`guide::how_to::command_line`] |
//! | know what is not guaranteed | [`guide::reference::limits`] |
//!
//! The [guide] has a chapter for each task, and one that [compares](guide::related::comparison) the
//! crate with other libraries.
//!
//! # Owner
//!
//! ```
//! # use diesel::connection::SimpleConnection;
//! use diesel::prelude::*;
//! use versioned_core::prelude::*;
//!
//! diesel::table! {
//!     tickets {
//!         id -> BigInt,
//!         title -> Text,
//!         price -> BigInt,
//!         version -> BigInt,
//!     }
//! }
//!
//! #[derive(Debug, Clone, Queryable, Selectable, Versioned)]
//! #[diesel(table_name = tickets)]
//! #[versioned(owner)]
//! struct Ticket { id: i64, title: String, price: i64, version: i64 }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let conn = &mut SqliteConnection::establish(":memory:")?;
//! # conn.batch_execute(
//! #     "CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL,
//! #      price BIGINT NOT NULL, version BIGINT NOT NULL)",
//! # )?;
//! let title = "concert".to_owned();
//! let mut mine = Ticket { id: 7, title, price: 20, version: 0 };
//! mine.insert(conn)?; // the row and the model are at version 1
//!
//! let mut theirs = Ticket::find(&7, conn)?; // another writer loads the row
//! theirs.price = 30;
//! // UPDATE tickets SET .., version = 2 WHERE id = 7 AND version = 1
//! theirs.save(conn)?;
//!
//! mine.price = 25;
//! let error = mine.save(conn).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "tickets 7 is stale: expected version 1, found 2",
//! );
//!
//! // Loads, changes and saves the row, and repeats that after a conflict.
//! let saved = Ticket::update_with(&7, conn, |ticket| {
//!     ticket.price += 5;
//!     Ok(())
//! })?;
//! assert_eq!((saved.price, saved.version), (35, 3));
//! # Ok(())
//! # }
//! ```
//!
//! [`prelude::OwnerDsl`] has the methods and shows the SQL of each. [`Error`] lists what can fail,
//! with what to do next.
//!
//! # Dependent
//!
//! ```
//! # use diesel::connection::SimpleConnection;
//! use diesel::prelude::*;
//! use versioned_core::prelude::*;
//! use versioned_core::{Event, MIGRATIONS, Outcome};
//!
//! diesel::table! {
//!     ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, }
//! }
//!
//! #[derive(Debug, Clone, Queryable, Selectable, Versioned)]
//! #[derive(serde::Deserialize)]
//! #[diesel(table_name = ticket_copies)]
//! #[versioned(dependent, entity = "tickets")]
//! struct TicketCopy { id: i64, price: i64, version: i64 }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # use diesel_migrations::MigrationHarness;
//! # let conn = &mut SqliteConnection::establish(":memory:")?;
//! # conn.batch_execute(
//! #     "CREATE TABLE ticket_copies (id BIGINT PRIMARY KEY,
//! #      price BIGINT NOT NULL, version BIGINT NOT NULL)",
//! # )?;
//! conn.run_pending_migrations(MIGRATIONS)?; // creates versioned_positions
//!
//! let created: Event<TicketCopy> = serde_json::from_str(
//!     r#"{ "entity": "tickets", "key": "7", "version": 1, "op": "created",
//!          "data": { "id": 7, "price": 20, "version": 1 } }"#,
//! )?;
//! let updated: Event<TicketCopy> = serde_json::from_str(
//!     r#"{ "entity": "tickets", "key": "7", "version": 2, "op": "updated",
//!          "data": { "id": 7, "price": 25, "version": 2 } }"#,
//! )?;
//!
//! // Version 1 is missing: do not acknowledge the event.
//! let gap = Outcome::Gap { current: 0, received: 2 };
//! assert_eq!(TicketCopy::apply(&updated, conn)?, gap);
//!
//! assert_eq!(TicketCopy::apply(&created, conn)?, Outcome::Applied);
//! // The broker redelivers the other event.
//! assert_eq!(TicketCopy::apply(&updated, conn)?, Outcome::Applied);
//!
//! let duplicate = Outcome::Duplicate { current: 2 };
//! assert_eq!(TicketCopy::apply(&created, conn)?, duplicate);
//! assert_eq!(TicketCopy::find(&7, conn)?.price, 25);
//! # Ok(())
//! # }
//! ```
//!
//! [`prelude::DependentDsl`] has the methods. The guard of a replica is the record's row in
//! `versioned_positions`. Every event of the record locks it, and it outlives a deletion of the
//! record. It holds at READ COMMITTED and above.
//!
//! # Isolation levels
//!
//! The guard of an owner is part of the `UPDATE` or `DELETE` statement itself. Of several writers
//! that loaded the same version, exactly one succeeds at every isolation level. The level
//! determines only the [kind](ConflictKind) of the conflict that the others get. At REPEATABLE READ
//! and SERIALIZABLE, PostgreSQL rejects their writes with a serialization failure. The library
//! returns it as a [`Conflict`] of kind [`Serialization`](ConflictKind::Serialization), and the
//! caller must retry the transaction. The guide has a [table](guide::reference::isolation) of all
//! cases.
//!
//! # Statements
//!
//! The [derive](derive@Versioned) generates metadata and walks over the columns. This crate builds
//! every statement from these walks. The statement of a single write depends only on the type of
//! the model, so Diesel prepares it once per connection. The statement of a [`Tracked`] save also
//! depends on the set of changed columns.
//!
//! # Features
//!
//! | feature | contents |
//! | --- | --- |
//! | `derive` (default) | [`Versioned`](derive@Versioned), [`SequentialVersion`], [`version_field`] |
//! | `sqlite`, `postgres`, `mysql` | the backends; `mysql` includes MariaDB. The application chooses Diesel's driver |
//! | `async` | [`async_prelude`]: the same methods on connections of `diesel-async` |
//! | `http` | [`etag`]: versions as `ETag` and `If-Match` |
//! | `formats` | [`format`](mod@format): messages of other systems: CloudEvents, Debezium, plain JSON |
//! | `consumer` | `versioned_core::consumer`: what the consumers of all brokers share, and `wait::Waiters`; includes `async` and `formats`. The brokers switch it on |
//! | `nats` | `versioned_core::nats`: NATS JetStream as the broker; includes `consumer` |
//! | `kafka` | `versioned_core::kafka`: Kafka as the broker, on librdkafka, which is built with make and a C compiler; includes `consumer` |
//! | `rabbitmq` | `versioned_core::rabbitmq`: RabbitMQ as the broker; includes `consumer`; needs Rust 1.88 |
//! | `testing` | `versioned_core::testing`: a test kit for applications: every order of deliveries, the events of a closure, and with `consumer` a broker in memory |
//! | `cli-sqlite`, `cli-postgres`, `cli-mysql` | the command-line tool [`versioned`](guide::how_to::command_line), with Diesel's driver for the database. `cli` is what they share, and is not switched on alone |
//! | `tracing` | spans and events |
//! | `metrics` | `versioned_core::metrics`: counters, gauges and histograms, on the facade `metrics` |
//! | `chrono`, `time`, `uuid` | timestamps or UUIDs as the versions of an owner |

#![cfg_attr(docsrs, feature(doc_cfg))]

mod arrival;
mod backlog;
mod change;
mod clock;
pub mod compare;
mod compared;
mod comparison;
pub mod connection;
#[cfg(feature = "consumer")]
#[cfg_attr(
    not(any(feature = "nats", feature = "kafka", feature = "rabbitmq")),
    allow(dead_code, unused_imports, reason = "used by the brokers")
)]
pub mod consumer;
mod counters;
mod dead_letter;
pub mod dead_letters;
mod dependent;
mod dialect;
pub mod direct;
mod error;
#[cfg(any(feature = "nats", feature = "rabbitmq"))]
mod escape;
#[cfg(feature = "http")]
pub mod etag;
mod event;
mod executor;
mod filter;
pub mod format;
mod front;
mod guard_trigger;
#[cfg(any(doc, doctest))]
pub mod guide;
pub mod health;
mod hex;
pub mod inspect;
mod inspected;
#[cfg(feature = "kafka")]
pub mod kafka;
mod loadable;
#[cfg(feature = "metrics")]
mod meters;
#[cfg(feature = "metrics")]
pub mod metrics;
mod migrations;
pub mod model;
#[cfg(feature = "nats")]
pub mod nats;
mod notify_trigger;
mod operation;
pub mod outbox;
mod outcome;
mod owner;
pub mod parked;
mod parked_record;
pub mod positions;
mod purged;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
mod request;
pub mod requests;
pub mod retention;
mod retry;
mod runner;
mod statement;
pub mod status;
mod table_name;
pub mod tables;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
mod tracked;
mod transaction;
mod trigger;
pub mod version;
mod version_trigger;
pub mod wait;

pub use self::change::Change;
pub use self::dependent::Dependent;
pub use self::error::{Conflict, ConflictKind, Error, OptionalExt, Result, RowConflict};
pub use self::event::{Event, EventError, Op};
#[cfg(feature = "async")]
pub use self::front::asynchronous::At as AsyncAt;
pub use self::front::blocking::At;
pub use self::front::blocking::transaction;
pub use self::guard_trigger::guard_trigger;
pub use self::migrations::{MIGRATIONS, Migrations};
pub use self::model::{InScope, Scoped, Versioned};
pub use self::notify_trigger::notify_trigger;
pub use self::outcome::Outcome;
pub use self::owner::Owner;
pub use self::retry::Retry;
pub use self::statement::{Bump, Changes, Condition, Conditions, NewRow, NewRows};
pub use self::tracked::{ColumnChange, ColumnClash, Keep, Tracked};
pub use self::transaction::{Models, Shape};
pub use self::trigger::Trigger;
pub use self::version_trigger::version_trigger;
/// Implements the traits of a counter for a newtype of a counter.
///
/// ```
/// #[derive(Debug, Clone, Copy, PartialEq, versioned_core::SequentialVersion)]
/// struct Rev(i64);
/// ```
///
#[cfg(feature = "derive")]
pub use versioned_derive::SequentialVersion;
/// Makes a Diesel model an owner or a replica. This model is an owner:
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// # diesel::table! { tickets { id -> BigInt, title -> Text, version -> BigInt, } }
/// #[derive(Queryable, Selectable, Versioned)]
/// #[diesel(table_name = tickets)]
/// #[versioned(owner)]
/// struct Ticket { id: i64, title: String, version: i64 }
/// ```
///
#[cfg(feature = "derive")]
pub use versioned_derive::Versioned;
/// Adds a version field to a struct.
///
/// ```
/// #[versioned_core::version_field]
/// #[derive(Debug)]
/// struct Ticket { id: i64 }
/// assert_eq!(Ticket { id: 7, version: 1 }.version, 1);
/// ```
///
#[cfg(feature = "derive")]
pub use versioned_derive::version_field;

/// The derive and the methods for Diesel's own, blocking connections.
///
/// ```
/// use versioned_core::prelude::*;
/// ```
///
/// | item | purpose |
/// | --- | --- |
/// | [`Versioned`](derive@crate::Versioned), [`version_field`] | declare a model |
/// | [`OwnerDsl`](prelude::OwnerDsl), [`TrackedDsl`](prelude::TrackedDsl) | write an owner |
/// | [`DependentDsl`](prelude::DependentDsl) | apply events to a replica |
/// | [`transaction()`] | restore the versions in memory after a rollback |
/// | [`Owner`], [`Dependent`], Diesel's `LoadConnection` | bounds of generic code |
pub mod prelude {
    pub use crate::dependent::Dependent;
    pub use crate::error::OptionalExt as _;
    pub use crate::front::blocking::transaction;
    pub use crate::front::blocking::{DependentDsl, OwnerDsl, TrackedDsl};
    pub use crate::owner::Owner;
    pub use diesel::connection::LoadConnection;
    #[cfg(feature = "derive")]
    pub use versioned_derive::{Versioned, version_field};
}

/// The derive and the methods for the connections of `diesel-async`.
///
/// ```
/// use versioned_core::async_prelude::*;
/// ```
///
/// It has the same items as the [`prelude`]; the methods return futures.
#[cfg(feature = "async")]
pub mod async_prelude {
    pub use crate::dependent::Dependent;
    pub use crate::error::OptionalExt as _;
    pub use crate::front::asynchronous::{DependentDsl, OwnerDsl, TrackedDsl, transaction};
    pub use crate::owner::Owner;
    pub use diesel_async::AsyncConnection;
    #[cfg(feature = "derive")]
    pub use versioned_derive::{Versioned, version_field};
}

/// Compiles and runs the code of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
