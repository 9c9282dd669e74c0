//! The command-line tool, as a process: what it prints, its exit codes, and what it leaves in the database.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    clippy::too_many_lines,
    reason = "tests"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "the scenarios are compiled for each backend"
)]

mod pipes;
mod rights;
mod secrets;
mod terminal;
mod tool;
mod usage;

versioned_tests::suite! {
    mod sqlite { mod scenarios; mod writing; mod redrive; mod kept; mod compared; }
    mod postgres { mod scenarios; mod writing; mod redrive; mod kept; mod compared; mod pooled; }
    mod mysql { mod scenarios; mod writing; mod redrive; mod kept; mod compared; }
    mod async_sqlite { mod fronts; }
    mod async_postgres { mod fronts; }
    mod async_mysql { mod fronts; }
}
