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
#![allow(
    clippy::duplicate_mod,
    reason = "the scenarios are compiled for each backend"
)]
#![cfg_attr(
    not(all(feature = "postgres", feature = "mysql")),
    allow(dead_code, unused_imports, reason = "what the other backends need")
)]

mod rows;

versioned_tests::suite! {
    mod sqlite {
        mod plans;
        mod status;
    }
    mod postgres {
        mod plans;
        mod status;
    }
    mod mysql {
        mod plans;
        mod status;
    }
    mod async_sqlite { mod status; }
    mod async_postgres { mod status; }
    mod async_mysql { mod status; }
}
