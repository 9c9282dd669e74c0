//! What holds when a statement fails: every statement of every operation, in each way in which it can.
//!
//! `faulty.rs` is a connection that fails where it is told to; `trial.rs` finds an operation's statements, fails each of
//! them, and compares what the caller was told with what is in memory and in the database. The operations are in
//! `scenarios/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    clippy::too_many_lines,
    reason = "tests"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "the scenarios are compiled for each backend"
)]

mod faulty;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;
