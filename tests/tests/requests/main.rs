//! Stored requests: one process asks, another one acts. The scenarios are written once, in `scenarios/`, and run on each
//! backend and each front.

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

#[cfg(all(feature = "nats", feature = "postgres"))]
mod consumer;

versioned_tests::suite! {
    mod sqlite {
        #[path = "blocking.rs"]
        mod front;
        mod scenarios;
    }
    mod postgres {
        mod cut;
        #[path = "blocking.rs"]
        mod front;
        pub(crate) mod scenarios;
    }
    mod mysql {
        mod cut;
        #[path = "blocking.rs"]
        mod front;
        mod scenarios;
    }
    mod async_sqlite {
        #[path = "awaited.rs"]
        mod front;
        mod interrupted;
        mod scenarios;
    }
    mod async_postgres {
        #[path = "awaited.rs"]
        mod front;
        mod interrupted;
        mod scenarios;
    }
    mod async_mysql {
        #[path = "awaited.rs"]
        mod front;
        mod interrupted;
        mod scenarios;
    }
}
