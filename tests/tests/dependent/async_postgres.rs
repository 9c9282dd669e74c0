use versioned_tests::nonblocking::postgres as backend;

#[path = "scenarios/mod.rs"]
mod scenarios;
