use versioned_tests::mysql as backend;

#[path = "in_between.rs"]
mod in_between;
#[path = "parking.rs"]
mod parking;
#[path = "scenarios/mod.rs"]
mod scenarios;
