use versioned_tests::postgres as backend;

#[path = "scenarios/mod.rs"]
mod scenarios;

#[path = "several.rs"]
mod several;
