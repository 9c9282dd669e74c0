use versioned_tests::asynchronous::postgres as backend;

#[path = "row_locks.rs"]
mod row_locks;
#[path = "scenarios/mod.rs"]
mod scenarios;
#[path = "serialization.rs"]
mod serialization;
