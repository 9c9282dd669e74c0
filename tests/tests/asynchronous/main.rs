//! The front for `diesel-async`: the same life as on blocking connections, and what only futures can do wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::items_after_statements,
    clippy::too_many_lines,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

#[cfg(any(feature = "postgres", feature = "mysql"))]
mod abandoned;
mod dropped;
#[cfg(feature = "mysql")]
mod found_rows;
mod life;
#[cfg(feature = "postgres")]
mod pipeline;
mod scenarios;
#[cfg(feature = "brokers")]
mod waiters;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use versioned_core::Versioned;

diesel::table! {
    tickets {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

const TICKETS: &str =
    "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent, gap = "park")]
struct Copy {
    id: i64,
    price: i64,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(dependent, policy = "latest")]
struct Newest {
    id: i64,
    price: i64,
    version: i64,
}
