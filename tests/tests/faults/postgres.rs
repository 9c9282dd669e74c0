use versioned_tests::postgres as backend;

#[path = "scenarios/mod.rs"]
mod scenarios;
#[path = "trial.rs"]
mod trial;
#[path = "world.rs"]
mod world;
