//! What many connections at once, and a server's settings, do to the toolkit's own tables and statements.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
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

versioned_tests::suite! {
    mod sqlite {
        mod caches;
    }
    mod postgres {
        mod caches;
        mod locks;
    }
    mod async_postgres {
        mod locks;
    }
    mod mysql {
        mod caches;
        mod locks;
        mod safe_updates;
    }
    mod async_mysql {
        mod locks;
        mod safe_updates;
    }
}
