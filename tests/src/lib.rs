//! A fresh database for each test, on each backend.
//!
//! The modules [`sqlite`], `postgres` and `mysql` have the same items, so that a scenario is written once and compiled
//! for each: `Conn`, `Backend`, `NAME`, `Db`, `server_pid` and `prelude`; so have those in [`asynchronous`], for the async
//! front. The servers start when a test first asks, once per test process, and end with it, also when it is killed.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test helper: a broken set-up must fail the test, loudly"
)]

#[cfg(feature = "brokers")]
pub mod applied;
pub mod asynchronous;
#[cfg(feature = "brokers")]
pub mod heard;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod messages;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "nats")]
pub mod nats;
pub mod pages;
#[cfg(feature = "postgres")]
pub mod pgbouncer;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "nats", feature = "kafka", feature = "rabbitmq"))]
pub mod proxy;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
pub mod random;
#[cfg(feature = "brokers")]
pub mod running;
#[cfg(any(
    feature = "postgres",
    feature = "mysql",
    feature = "nats",
    feature = "kafka",
    feature = "rabbitmq"
))]
pub mod server;
#[cfg(feature = "brokers")]
pub mod soak;
pub mod sqlite;
mod suite;
#[cfg(any(
    feature = "postgres",
    feature = "mysql",
    feature = "nats",
    feature = "kafka",
    feature = "rabbitmq"
))]
mod supervisor;
pub mod waiting;
