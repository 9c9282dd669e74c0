use versioned_tests::postgres as backend;

#[path = "arrays.rs"]
mod arrays;
#[path = "scenarios/mod.rs"]
mod scenarios;
