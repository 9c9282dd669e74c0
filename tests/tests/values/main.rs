//! Keys and values in databases that compare, round, make or suppress them, on each backend and front.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::items_after_statements,
    clippy::needless_pass_by_value,
    clippy::struct_field_names,
    clippy::too_many_lines,
    reason = "tests"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "the scenarios are compiled for each backend"
)]

macro_rules! backends {
    ($($(#[$attribute:meta])* $name:ident = $backend:path $(, $types:literal)?;)*) => {$(
        $(#[$attribute])*
        #[path = "."]
        mod $name {
            use $backend as backend;

            #[path = "scenarios/mod.rs"]
            mod scenarios;
            $(
                #[path = $types]
                mod types;
            )?
        }
    )*};
}

backends! {
    sqlite = versioned_tests::sqlite;
    async_sqlite = versioned_tests::asynchronous::sqlite;
    #[cfg(feature = "postgres")]
    postgres = versioned_tests::postgres, "of_postgres.rs";
    #[cfg(feature = "postgres")]
    async_postgres = versioned_tests::asynchronous::postgres, "of_postgres.rs";
    #[cfg(feature = "mysql")]
    mysql = versioned_tests::mysql, "of_mysql.rs";
    #[cfg(feature = "mysql")]
    async_mysql = versioned_tests::asynchronous::mysql, "of_mysql.rs";
}
