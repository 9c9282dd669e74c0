use versioned_tests::asynchronous::postgres as backend;

#[path = "arrays.rs"]
mod arrays;
#[path = "scenarios/mod.rs"]
mod scenarios;
