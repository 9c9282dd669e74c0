use versioned_core::SequentialVersion;

#[derive(Debug, Clone, PartialEq, SequentialVersion)]
struct Rev(i64, i64);

// Nothing is said about this: the mistake is above.
fn check(rev: &Rev) {
    let _ = versioned_core::version::Version::token(rev);
}

fn main() {}
