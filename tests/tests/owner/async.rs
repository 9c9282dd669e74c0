//! The same scenarios as in `main.rs`, by way of the async front: all of them, the statements and the locks too.
//!
//! Left out is what no async connection has: `multi.rs`, for there is no `MultiConnection` and no r2d2 of `diesel-async`.
//! What only futures can do wrong (not `Send`, dropped, pooled) is in `tests/asynchronous`.

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

versioned_tests::suite! {
    mod async_sqlite {
        mod lock_timeouts;
        mod scenarios;
    }
    mod async_postgres {
        mod row_locks;
        mod scenarios;
        mod serialization;
    }
    mod async_mysql {
        mod lock_timeouts;
        mod row_locks;
        mod scenarios;
        mod snapshots;
    }
}
