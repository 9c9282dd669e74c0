//! What a dependent guarantees, on each backend: the scenarios are written once, in `scenarios/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

#[cfg(all(feature = "mysql", feature = "postgres"))]
mod multi;
