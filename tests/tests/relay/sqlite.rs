use versioned_tests::sqlite as backend;

#[path = "scenarios/mod.rs"]
mod scenarios;
