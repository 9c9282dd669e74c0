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

macro_rules! backends {
    ($($(#[$attribute:meta])* $name:ident = $backend:path, $($module:ident)+;)*) => {$(
        $(#[$attribute])*
        #[path = "scenarios"]
        mod $name {
            use $backend as backend;

            $(mod $module;)+
        }
    )*};
}

backends! {
    sqlite = versioned_tests::sqlite, caches;
    #[cfg(feature = "postgres")]
    postgres = versioned_tests::postgres, caches locks;
    #[cfg(feature = "postgres")]
    async_postgres = versioned_tests::asynchronous::postgres, locks;
    #[cfg(feature = "mysql")]
    mysql = versioned_tests::mysql, caches locks safe_updates;
    #[cfg(feature = "mysql")]
    async_mysql = versioned_tests::asynchronous::mysql, locks safe_updates;
}
