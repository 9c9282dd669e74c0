//! A version as an `ETag`: the example service over real HTTP, and the header's grammar.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod client;
mod grammar;
mod service;
