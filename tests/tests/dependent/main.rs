//! What a dependent guarantees, on each backend: the scenarios are written once, in `scenarios/`.

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

#[cfg(all(feature = "mysql", feature = "postgres"))]
mod multi;

versioned_tests::suite! {
    mod sqlite {
        mod explorer;
        mod lock_timeouts;
        mod scenarios;
    }
    mod postgres {
        mod arrays;
        mod parking;
        mod scenarios;
    }
    mod mysql {
        mod broken_results;
        mod in_between;
        mod parking;
        mod scenarios;
    }
}
