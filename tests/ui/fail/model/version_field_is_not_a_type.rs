use versioned_core::prelude::*;

#[version_field("i32")]
struct Ticket {
    id: i64,
}

fn main() {}
