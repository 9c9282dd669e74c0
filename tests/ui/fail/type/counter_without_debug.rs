use versioned_core::SequentialVersion;

#[derive(Clone, PartialEq, SequentialVersion)]
struct Rev(i64);

fn main() {}
