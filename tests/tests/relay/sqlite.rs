use versioned_tests::sqlite as backend;

#[path = "one_writer.rs"]
mod one_writer;
#[path = "scenarios/mod.rs"]
mod scenarios;
