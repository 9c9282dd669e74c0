use versioned_tests::asynchronous::sqlite as backend;

#[path = "lock_timeouts.rs"]
mod lock_timeouts;
#[path = "scenarios/mod.rs"]
mod scenarios;
