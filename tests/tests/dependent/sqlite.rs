use versioned_tests::sqlite as backend;

#[path = "explorer.rs"]
mod explorer;
#[path = "lock_timeouts.rs"]
mod lock_timeouts;
#[path = "scenarios/mod.rs"]
mod scenarios;
