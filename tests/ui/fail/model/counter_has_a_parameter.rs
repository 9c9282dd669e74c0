use versioned_core::SequentialVersion;

#[derive(Debug, Clone, PartialEq, SequentialVersion)]
struct Rev<T>(T);

fn main() {}
