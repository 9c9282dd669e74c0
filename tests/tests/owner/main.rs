//! What an owner guarantees, on each backend: the scenarios are written once, in `scenarios/`.

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

#[cfg(feature = "postgres")]
mod arrays;
#[cfg(feature = "mysql")]
mod json_table;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

#[cfg(all(feature = "mysql", feature = "postgres"))]
mod multi;
