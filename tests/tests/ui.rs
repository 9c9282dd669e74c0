//! What compiles, and runs on an `SQLite` database in memory: `ui/pass`. What does not, and what rustc then says:
//! `ui/fail/<topic>`, one mistake per file.
//!
//! `TRYBUILD=overwrite cargo test --test ui` writes the messages anew: read what it wrote. They are those of one
//! version of rustc.

#[cfg_attr(
    any(feature = "postgres", feature = "mysql"),
    ignore = "with more backends rustc lists more types: run it without"
)]
#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*/*.rs");
}
