//! The outbox: with `#[versioned(owner, outbox)]` each write also writes its event, in the same transaction.
//!
//! Whoever writes a record and then tells a broker about it does two things of which the second may fail. With an outbox
//! the event is a row of the same database, committed or rolled back with the record, and a relay publishes it later.
//!
//! # What is written
//!
//! One row of `versioned_outbox` (see [`MIGRATIONS`](crate::MIGRATIONS)) for each write of the record: insert, create, import,
//! save, touch, delete, and what `at(..)` does. A write whose guard found no row writes no event. On PostgreSQL insert, save
//! and delete are one statement with their event:
//!
//! ```sql
//! WITH written AS (UPDATE tickets SET title = $1, version = $2 WHERE id = $3 AND version = $4 RETURNING 1)
//! INSERT INTO versioned_outbox (entity, key, version, op, payload, at) SELECT $5, $6, $7, $8, $9, $10 FROM written
//! ```
//!
//! Elsewhere they are two statements in a transaction (a savepoint inside of one). Where the event must be made of the
//! row as the database has it (`create`, `touch`, `at(..)`, and models with fields that are not written), the row is read
//! back in that transaction first.
//!
//! `payload` is the [`Event`](crate::Event) as JSON. It shows the model as it is written: what a trigger of the database
//! changes on the way it does not show.
//!
//! An id that is used again after a deletion must go on from the deleted version, or replicas take its events for old
//! ones: add `tombstones`.
//!
//! # What becomes of it
//!
//! A [`Relay`] publishes the events through a [`Publisher`], the only thing that knows a broker, and deletes those that the
//! broker has. [`Lag::load`] says how far it is behind.

mod context;
mod database;
mod lag;
mod publisher;
mod relay;
mod shutdown;
pub(crate) mod trace;

pub use self::context::Context;
pub use self::database::SupportedBackend;
pub use self::lag::Lag;
pub use self::publisher::{OutboxRow, PublishError, Publisher};
pub use self::relay::{Pass, Relay, RelayProblem, Totals};
pub use self::shutdown::Shutdown;
