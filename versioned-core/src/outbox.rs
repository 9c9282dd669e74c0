//! The outbox: `#[versioned(owner, outbox)]` makes each write also insert its event, in the same
//! transaction.
//!
//! Writing a row and publishing an event are two operations, and a crash in between loses the
//! event. With an outbox, the event is a row of the same database. It is committed or rolled back
//! with the record, and a relay publishes it later.
//!
//! # The rows of the outbox
//!
//! Each write of a record inserts one row into `versioned_outbox` (see
//! [`MIGRATIONS`](crate::MIGRATIONS)): insert, create, import, save, touch, delete, and the writes
//! of `at(..)`. A write whose guard found no row inserts no event. On PostgreSQL, insert, save and
//! delete are one statement with their event:
//!
//! ```sql
//! WITH written AS (UPDATE tickets SET title = $1, version = $2 WHERE id = $3 AND version = $4 RETURNING 1)
//! INSERT INTO versioned_outbox (entity, key, version, op, payload, at) SELECT $5, $6, $7, $8, $9, .. FROM written
//! ```
//!
//! On other databases they are two statements in a transaction, or in a savepoint if a transaction
//! is open. Sometimes the event must contain the row as the database has it: for `create`, `touch`
//! and `at(..)`, for models with fields that are not written, and for models with a column whose
//! type may change a value, such as `NUMERIC` or `TIMESTAMP`. The library then first reads the row
//! back in that transaction.
//!
//! `payload` is the [`Event`](crate::Event) as JSON. Unless the row is read back, it shows the
//! model as it was written, and not the changes of a database trigger.
//!
//! If keys are reused after a deletion, add `tombstones`. The versions of a reused key must
//! continue from the deleted version, or replicas treat its events as old.
//!
//! # Publishing
//!
//! A [`Relay`] publishes the events through a [`Publisher`], which connects it to a broker. It
//! deletes the events that the broker has acknowledged. On PostgreSQL a [`Listener`] wakes it when a
//! transaction with events commits. [`Lag::load`] returns how far the relay is behind.

mod context;
mod lag;
mod listener;
pub(crate) mod meters;
mod problem;
mod publisher;
mod rejected;
mod relay;
mod shutdown;
mod supported_backend;
pub(crate) mod trace;
mod waker;

pub use self::context::Context;
pub use self::lag::Lag;
pub use self::listener::Listener;
pub use self::problem::RelayProblem;
pub use self::publisher::{OutboxRow, PublishError, Publisher};
pub use self::rejected::Rejected;
pub use self::relay::{Pass, Relay, Totals};
pub use self::shutdown::Shutdown;
pub use self::supported_backend::SupportedBackend;
pub use self::waker::RelayWaker;
