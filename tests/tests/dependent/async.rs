//! The same scenarios as in `main.rs`, by way of the async front: all of them, the statements and the stress too.
//! `positions::purge_tombstones` and `positions::rebuild` are the blocking ones, on diesel-async's blocking wrapper of the
//! connection.
//!
//! Left out are `multi.rs`, for there is no `MultiConnection` and no r2d2 of `diesel-async`, and `explorer.rs`: it walks
//! through the orders of deliveries, in which the fronts cannot differ, as they run the same operations.

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
        mod arrays;
        mod scenarios;
    }
    mod async_mysql {
        mod scenarios;
    }
}
