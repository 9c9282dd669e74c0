//! What operators run beside a service: comparisons of a replica with its owner, and purges.

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

mod asynchronous;
mod blocking;
#[cfg(all(feature = "mysql", feature = "postgres"))]
mod kinds;

versioned_tests::suite! {
    mod sqlite {
        use super::blocking as front;
        mod scenarios;
    }
    mod postgres {
        use super::blocking as front;
        mod scenarios;
    }
    mod mysql {
        use super::blocking as front;
        mod scenarios;
    }
    mod async_sqlite {
        use super::asynchronous as front;
        mod scenarios;
    }
    mod async_postgres {
        use super::asynchronous as front;
        mod scenarios;
    }
    mod async_mysql {
        use super::asynchronous as front;
        mod scenarios;
    }
}
