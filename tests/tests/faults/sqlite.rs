use versioned_tests::sqlite as backend;

#[path = "scenarios/mod.rs"]
mod scenarios;
#[path = "trial.rs"]
mod trial;
#[path = "world.rs"]
mod world;
