//! The relay: what waits in the outbox is published, at least once, whatever happens. The scenarios are written once, in
//! `scenarios/`, for each backend on the blocking front; `asynchronous` has what differs on the other one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    clippy::too_many_lines,
    missing_docs,
    reason = "tests"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "the scenarios are compiled for each backend"
)]
#![cfg_attr(
    not(all(feature = "postgres", feature = "mysql")),
    allow(dead_code, unused_imports, reason = "what the other backends need")
)]

mod asynchronous;
mod broker;
#[cfg(all(feature = "mysql", feature = "postgres"))]
mod multi;

versioned_tests::suite! {
    mod sqlite {
        mod one_writer;
        mod scenarios;
        mod watching;
    }
    mod postgres {
        mod scenarios;
        mod several;
        mod woken;
    }
    mod mysql {
        mod scenarios;
        mod several;
    }
}

use diesel::prelude::*;
use serde::Serialize;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    versioned_outbox {
        id -> BigInt,
        entity -> VarChar,
        key -> VarChar,
        version -> BigInt,
        payload -> Text,
        at -> BigInt,
        attempts -> Integer,
        due -> BigInt,
        error -> Nullable<Text>,
    }
}

const TICKETS: &str =
    "CREATE TABLE tickets (id BIGINT PRIMARY KEY, price BIGINT NOT NULL, version BIGINT NOT NULL)";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox)]
struct Ticket {
    id: i64,
    price: i64,
    version: i64,
}

/// Inserts these tickets; their events wait.
fn announce<C: LoadConnection>(ids: impl IntoIterator<Item = i64>, conn: &mut C)
where
    Ticket: Owner<C::Backend>,
{
    for id in ids {
        let mut ticket = Ticket {
            id,
            price: id * 10,
            version: 0,
        };
        ticket.insert(conn).unwrap();
    }
}

/// The ids of the events that insert these tickets.
fn created(ids: impl IntoIterator<Item = i64>) -> Vec<String> {
    ids.into_iter()
        .map(|id| format!("tickets/{id}/1"))
        .collect()
}
