use versioned_tests::asynchronous::mysql as backend;

#[path = "lock_timeouts.rs"]
mod lock_timeouts;
#[path = "row_locks.rs"]
mod row_locks;
#[path = "scenarios/mod.rs"]
mod scenarios;
#[path = "snapshots.rs"]
mod snapshots;
