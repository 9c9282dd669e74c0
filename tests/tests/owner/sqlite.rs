use versioned_tests::sqlite as backend;

#[path = "lock_timeouts.rs"]
mod lock_timeouts;
#[path = "raised.rs"]
mod raised;
#[path = "scenarios/mod.rs"]
mod scenarios;
