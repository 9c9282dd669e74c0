use versioned_core::prelude::*;

#[version_field]
struct Ticket {
    id: i64,
    version: i64,
}

fn main() {}
