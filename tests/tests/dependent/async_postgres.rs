use versioned_tests::nonblocking::postgres as backend;

#[path = "arrays.rs"]
mod arrays;
#[path = "scenarios/mod.rs"]
mod scenarios;
