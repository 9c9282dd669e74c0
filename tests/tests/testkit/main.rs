//! The test kit for applications: `versioned_core::testing`. The scenarios are written once, for each backend and on both
//! fronts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    missing_docs,
    clippy::similar_names,
    reason = "tests"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "the scenarios are compiled for each backend"
)]

mod asynchronous;
mod blocking;
#[cfg(feature = "brokers")]
mod broker;

versioned_tests::suite! {
    mod sqlite {
        use crate::blocking as front;
        mod all_orders;
        mod events;
        mod orders;
        mod resets;
    }
    mod postgres {
        use crate::blocking as front;
        mod events;
        mod orders;
        mod resets;
    }
    mod mysql {
        use crate::blocking as front;
        mod events;
        mod orders;
        mod resets;
    }
    mod async_sqlite {
        use crate::asynchronous as front;
        mod events;
        mod orders;
        mod resets;
    }
    mod async_postgres {
        use crate::asynchronous as front;
        mod events;
        mod orders;
        mod resets;
    }
    mod async_mysql {
        use crate::asynchronous as front;
        mod events;
        mod orders;
        mod resets;
    }
}

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

diesel::table! {
    totals {
        id -> BigInt,
        total -> BigInt,
    }
}

diesel::table! {
    seats {
        id -> BigInt,
        ticket -> BigInt,
    }
}

/// The tables of the tests. MariaDB has no foreign keys in a column.
const TABLES: &str = "
    CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL);
    CREATE TABLE totals (id BIGINT PRIMARY KEY, total BIGINT NOT NULL);
    CREATE TABLE seats (id BIGINT PRIMARY KEY, ticket BIGINT NOT NULL, FOREIGN KEY (ticket) REFERENCES tickets (id));
    INSERT INTO totals VALUES (1, 0);
";

macro_rules! replicas {
    ($($name:ident($($keys:tt)*))+) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = tickets)]
        #[versioned($($keys)*)]
        struct $name {
            id: i64,
            price: i64,
            version: i64,
        }

        impl $name {
            fn new(id: i64, price: i64, version: i64) -> Self {
                Self { id, price, version }
            }
        }
    )+};
}

replicas! {
    Ticket(owner, outbox)
    Copy(dependent)
    Parking(dependent, gap = "park")
    Latest(dependent, policy = "latest")
}
