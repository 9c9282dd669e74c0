//! An owner's less common writes, on each backend and front.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    clippy::needless_pass_by_value,
    reason = "tests"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "the scenarios are compiled for each backend"
)]

versioned_tests::suite! {
    mod sqlite {
        mod scenarios;
    }
    mod async_sqlite {
        mod scenarios;
    }
    mod postgres {
        mod scenarios;
    }
    mod async_postgres {
        mod scenarios;
    }
    mod mysql {
        mod scenarios;
    }
    mod async_mysql {
        mod scenarios;
    }
}
