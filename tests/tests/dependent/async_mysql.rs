use versioned_tests::asynchronous::mysql as backend;

#[path = "scenarios/mod.rs"]
mod scenarios;
