//! Messages of other systems, from end to end: what real producers sent becomes the rows that they
//! held, and what this crate writes in a form becomes the rows of its owner.

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
#![cfg_attr(
    not(all(feature = "nats", feature = "mysql")),
    allow(dead_code, unused_imports, reason = "what the other backends need")
)]

#[cfg(feature = "nats")]
mod broker;
mod messages;
#[cfg(feature = "nats")]
mod nats;
mod own_forms;

versioned_tests::suite! {
    mod sqlite {
        #[cfg(feature = "nats")]
        use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

        #[cfg(feature = "nats")]
        type AsyncConn = SyncConnectionWrapper<diesel::SqliteConnection>;

        mod scenarios;
        #[cfg(feature = "nats")]
        pub(crate) mod stream;
    }
    mod postgres {
        #[cfg(feature = "nats")]
        use diesel_async::AsyncPgConnection as AsyncConn;

        mod scenarios;
        #[cfg(feature = "nats")]
        pub(crate) mod stream;
        mod uuids;
    }
    mod mysql {
        #[cfg(feature = "nats")]
        use diesel_async::AsyncMysqlConnection as AsyncConn;

        mod scenarios;
        #[cfg(feature = "nats")]
        pub(crate) mod stream;
    }
}
