//! What an owner guarantees, on each backend: the scenarios are written once, in `scenarios/`.

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

#[cfg(feature = "postgres")]
mod arrays;
#[cfg(feature = "mysql")]
mod json_table;
#[cfg(all(feature = "mysql", feature = "postgres"))]
mod multi;

versioned_tests::suite! {
    mod sqlite {
        mod lock_timeouts;
        mod raised;
        mod save_changes;
        mod scenarios;
    }
    mod postgres {
        mod row_locks;
        mod save_changes;
        mod scenarios;
        mod serialization;
    }
    mod mysql {
        mod lock_timeouts;
        mod row_locks;
        mod save_changes;
        mod scenarios;
        mod snapshots;
        mod use_database;
    }
}
