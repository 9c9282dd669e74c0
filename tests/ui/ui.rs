//! What compiles, and runs on an `SQLite` database in memory: `pass`. What does not, and what rustc then says: `fail/<topic>`,
//! one mistake per file.
//!
//! `TRYBUILD=overwrite cargo test -p versioned-ui` overwrites the messages: read what it wrote. They are those of one version
//! of rustc.

use trybuild::TestCases;

#[test]
fn pass() {
    TestCases::new().pass("pass/*.rs");
}

/// Apart from what compiles: so all of them are one run of cargo.
#[test]
fn fail() {
    TestCases::new().compile_fail("fail/*/*.rs");
}
