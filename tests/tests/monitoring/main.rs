//! What operators see: what waits, as figures, metrics and health.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    missing_docs,
    reason = "tests"
)]
#![allow(clippy::float_cmp, reason = "what is counted and what is set is exact")]
#![allow(
    clippy::duplicate_mod,
    reason = "the scenarios are compiled for each backend"
)]
#![cfg_attr(
    not(all(feature = "postgres", feature = "mysql")),
    allow(dead_code, unused_imports, reason = "what the other backends need")
)]

#[cfg(feature = "nats")]
mod consumers;
mod exported;
mod names;
mod rows;

versioned_tests::suite! {
    mod sqlite {
        mod gauges;
        mod healths;
        mod plans;
        mod relays;
        mod status;
        mod upkeep;
    }
    mod postgres {
        mod gauges;
        mod healths;
        mod large;
        mod plans;
        mod relays;
        mod status;
        mod upkeep;
    }
    mod mysql {
        mod gauges;
        mod plans;
        mod relays;
        mod status;
        mod upkeep;
    }
    mod async_sqlite {
        mod gauges;
        mod status;
    }
    mod async_postgres {
        mod gauges;
        mod status;
    }
    mod async_mysql {
        mod gauges;
        mod status;
    }
}
