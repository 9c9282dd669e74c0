use versioned_tests::nonblocking::mysql as backend;

#[path = "scenarios/mod.rs"]
mod scenarios;
