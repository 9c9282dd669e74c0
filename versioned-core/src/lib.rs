//! Versions for the records of Diesel models: two writers never overwrite each other without noticing, and the replicas
//! that other services keep are never wrong.
//!
//! # Owner
//!
//! ```
//! # use diesel::connection::SimpleConnection;
//! use diesel::prelude::*;
//! use versioned_core::prelude::*;
//!
//! diesel::table! {
//!     tickets { id -> BigInt, title -> Text, price -> BigInt, version -> BigInt, }
//! }
//!
//! #[derive(Debug, Clone, Queryable, Selectable, Versioned)]
//! #[diesel(table_name = tickets)]
//! #[versioned(owner)]
//! struct Ticket { id: i64, title: String, price: i64, version: i64 }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let conn = &mut SqliteConnection::establish(":memory:")?;
//! # conn.batch_execute("CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT, price BIGINT, version BIGINT NOT NULL)")?;
//! let mut ticket = Ticket { id: 7, title: "concert".into(), price: 20, version: 0 };
//! ticket.insert(conn)?; // row and model are at version 1
//!
//! let mut theirs = Ticket::find(&7, conn)?; // somebody else loads it, too
//! theirs.price = 30;
//! theirs.save(conn)?; // UPDATE .. SET .., version = 2 WHERE id = 7 AND version = 1
//!
//! ticket.price = 25;
//! let error = ticket.save(conn).unwrap_err();
//! assert_eq!(error.to_string(), "tickets 7 is stale: expected version 1, found 2");
//!
//! let saved = Ticket::update_with(&7, conn, |ticket| {
//!     ticket.price += 5;
//!     Ok(())
//! })?;
//! assert_eq!((saved.price, saved.version), (35, 3));
//! # Ok(())
//! # }
//! ```
//!
//! The [guide] has a chapter for each task, and one that [compares](guide::related::comparison).
//!
//! The methods are those of [`prelude::OwnerDsl`]; what can go wrong is [`Error`]. The
//! [derive](derive@Versioned) writes metadata and walks over the columns. Every statement is built
//! in this crate, from these walks. That of a single write depends on the model's type alone, so
//! that Diesel prepares it once per connection; that of a [`Tracked`] save also depends on the set
//! of changed columns.
//!
//! # Dependent
//!
//! ```
//! # use diesel::connection::SimpleConnection;
//! use diesel::prelude::*;
//! use versioned_core::prelude::*;
//! use versioned_core::{Event, Outcome};
//!
//! diesel::table! {
//!     ticket_copies { id -> BigInt, price -> BigInt, version -> BigInt, }
//! }
//!
//! #[derive(Debug, Clone, Queryable, Selectable, serde::Deserialize, Versioned)]
//! #[diesel(table_name = ticket_copies)]
//! #[versioned(dependent, entity = "tickets")]
//! struct TicketCopy { id: i64, price: i64, version: i64 }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! # use diesel_migrations::MigrationHarness;
//! # let conn = &mut SqliteConnection::establish(":memory:")?;
//! # conn.batch_execute("CREATE TABLE ticket_copies (id BIGINT PRIMARY KEY, price BIGINT, version BIGINT NOT NULL)")?;
//! conn.run_pending_migrations(versioned_core::MIGRATIONS)?;
//!
//! let created: Event<TicketCopy> = serde_json::from_str(r#"{ "entity": "tickets", "key": "7", "version": 1,
//!     "op": "created", "data": { "id": 7, "title": "concert", "price": 20, "version": 1 } }"#)?;
//! let updated: Event<TicketCopy> = serde_json::from_str(r#"{ "entity": "tickets", "key": "7", "version": 2,
//!     "op": "updated", "data": { "id": 7, "title": "concert", "price": 25, "version": 2 } }"#)?;
//!
//! assert_eq!(TicketCopy::apply(&updated, conn)?, Outcome::Gap { current: 0, received: 2 }); // do not acknowledge
//! assert_eq!(TicketCopy::apply(&created, conn)?, Outcome::Applied);
//! assert_eq!(TicketCopy::apply(&updated, conn)?, Outcome::Applied); // it was delivered again
//! assert_eq!(TicketCopy::apply(&created, conn)?, Outcome::Duplicate { current: 2 });
//! assert_eq!(TicketCopy::find(&7, conn)?.price, 25);
//! # Ok(())
//! # }
//! ```
//!
//! The methods are those of [`prelude::DependentDsl`]. The guard of a replica is one row that every operation of a record
//! locks, its position; it outlives the record. It holds at READ COMMITTED and above.
//!
//! # Isolation levels
//!
//! The owner's guard is in the `UPDATE` or `DELETE` itself, and that is enough at each level: PostgreSQL at READ COMMITTED looks
//! at the row again after waiting for its lock, InnoDB writes to the row as it is and not as the snapshot shows it,
//! `SQLite` has one writer at a time. At REPEATABLE READ and SERIALIZABLE PostgreSQL refuses what comes too late by a
//! serialization failure instead; that is a [`Conflict`] of kind [`Serialization`](ConflictKind::Serialization), after
//! which the transaction must be run again.
//!
//! # Features
//!
//! `derive` (default); the backends `postgres`, `sqlite` and `mysql`; `async` for [`async_prelude`]; `http` for [`etag`];
//! `nats` for `nats::JetStreamPublisher` and `nats::JetStreamConsumer`; `tracing` for spans and events; `chrono`, `time` and
//! `uuid` for versions that are timestamps or UUIDs.

mod change;
mod clock;
pub mod connection;
mod dependent;
mod dialect;
mod error;
#[cfg(feature = "http")]
pub mod etag;
mod event;
mod executor;
mod front;
mod guard_trigger;
#[cfg(any(doc, doctest))]
pub mod guide;
mod loadable;
mod migrations;
pub mod model;
#[cfg(feature = "nats")]
pub mod nats;
mod operation;
pub mod outbox;
mod outcome;
mod owner;
pub mod positions;
mod retry;
mod runner;
mod statement;
mod table_name;
mod trace;
mod tracked;
mod transaction;
pub mod version;

pub use self::change::Change;
pub use self::dependent::Dependent;
pub use self::error::{Conflict, ConflictKind, Error, OptionalExt, Result, RowConflict};
pub use self::event::{Event, EventError, Op};
pub use self::front::blocking::At;
pub use self::front::blocking::transaction;
pub use self::guard_trigger::{GuardTrigger, guard_trigger};
pub use self::migrations::{MIGRATIONS, Migrations};
pub use self::model::Versioned;
pub use self::outcome::Outcome;
pub use self::owner::Owner;
pub use self::retry::Retry;
pub use self::statement::{Bump, Changes, NewRow};
pub use self::tracked::{Keep, Tracked};
pub use self::transaction::{Models, Shape};
/// A newtype as a version that counts:
///
/// ```
/// #[derive(Debug, Clone, Copy, PartialEq, versioned_core::SequentialVersion)]
/// struct Rev(i64);
/// ```
///
#[cfg(feature = "derive")]
pub use versioned_derive::SequentialVersion;
/// A Diesel model as the owner of its record:
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
/// A struct with a version field:
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

/// The methods for Diesel's own, blocking connections.
///
/// ```
/// use versioned_core::prelude::*;
/// ```
///
/// The derive, the methods of [owners](prelude::OwnerDsl), of [dependents](prelude::DependentDsl) and of [`Tracked`] models, [`transaction`], and
/// the bounds of generic code: [`Owner`], [`Dependent`], Diesel's `LoadConnection`.
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

/// The same methods for the connections of `diesel-async`.
///
/// ```
/// use versioned_core::async_prelude::*;
/// ```
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

/// The code of the README compiles and runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
