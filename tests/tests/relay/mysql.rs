use versioned_tests::mysql as backend;

#[path = "scenarios/mod.rs"]
mod scenarios;

#[path = "several.rs"]
mod several;
