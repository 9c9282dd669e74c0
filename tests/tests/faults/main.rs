//! What holds when a statement fails: every statement of every operation, in each way in which it can.
//!
//! `faulty.rs` is a connection that fails where it is told to; `trial.rs` finds an operation's statements, fails each of
//! them, and compares what the caller was told with what is in memory and in the database. The operations are in
//! `scenarios/`.

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
#![cfg_attr(
    not(all(feature = "postgres", feature = "mysql")),
    allow(dead_code, unused_imports, reason = "what the other backends need")
)]

/// What not every file takes in: the async front runs the same operations, and instantiating them all once more would take
/// minutes. Everywhere are the kinds of models that take the most statements; on MariaDB all kinds of copies, too.
macro_rules! take_in {
    ($($items:item)*) => { $($items)* };
}
macro_rules! leave_out {
    ($($items:item)*) => {};
}
use {leave_out, take_in};

/// A test of these operations for each of these kinds.
macro_rules! tests {
    ($($module:ident::$operations:ident $kinds:tt;)+) => {$(
        mod $operations {
            use super::*;

            tests!(@ $module $operations $kinds);
        }
    )+};
    (@ $module:ident $operations:ident ($($name:ident $kind:ident),+)) => {$(
        #[test]
        fn $name() {
            let mut trials = super::Trials::new();
            super::scenarios::$module::$operations::<$kind>(&mut trials);
            trials.end();
        }
    )+};
}

mod asynchronous;
mod blocking;
mod faulty;
mod habits;

versioned_tests::suite! {
    mod sqlite {
        use super::blocking as front;
        use super::{take_in as other_copies, take_in as other_owners};
        type Line = super::faulty::Faulty<backend::Conn>;
        mod kinds;
        mod scenarios;
        mod trial;
        mod world;
    }
    mod postgres {
        use super::blocking as front;
        use super::{take_in as other_copies, take_in as other_owners};
        type Line = super::faulty::Faulty<backend::Conn>;
        mod kinds;
        mod scenarios;
        mod trial;
        mod world;
    }
    mod mysql {
        use super::blocking as front;
        use super::{leave_out as other_owners, take_in as other_copies};
        type Line = super::faulty::Faulty<backend::Conn>;
        mod kinds;
        mod scenarios;
        mod trial;
        mod world;
    }
    mod async_sqlite {
        use super::asynchronous as front;
        use super::{leave_out as other_copies, leave_out as other_owners};
        type Line = front::Within;
        mod kinds;
        mod scenarios;
        mod trial;
        mod world;
    }
    mod async_postgres {
        use super::asynchronous as front;
        use super::{leave_out as other_copies, leave_out as other_owners};
        type Line = front::Around<backend::Conn>;
        mod kinds;
        mod scenarios;
        mod trial;
        mod world;
    }
    mod async_mysql {
        use super::asynchronous as front;
        use super::{leave_out as other_copies, leave_out as other_owners};
        type Line = front::Around<backend::Conn>;
        mod kinds;
        mod scenarios;
        mod trial;
        mod world;
    }
}
