use versioned_tests::sqlite as backend;

#[path = "explorer.rs"]
mod explorer;
#[path = "scenarios/mod.rs"]
mod scenarios;
