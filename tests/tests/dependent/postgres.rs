use versioned_tests::postgres as backend;

#[path = "arrays.rs"]
mod arrays;
#[path = "parking.rs"]
mod parking;
#[path = "scenarios/mod.rs"]
mod scenarios;
