//! What does not compile, and what rustc then says: `fail/<topic>`, one mistake per file. What compiles is in `pass`.
//!
//! `TRYBUILD=overwrite cargo test -p versioned-ui` overwrites the messages: read what it wrote. They are those of one version
//! of rustc.

use trybuild::TestCases;

#[test]
fn fail() {
    TestCases::new().compile_fail("fail/*/*.rs");
}
