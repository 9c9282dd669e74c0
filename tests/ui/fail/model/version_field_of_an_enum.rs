use versioned_core::prelude::*;

#[version_field]
enum Ticket {
    Sold,
}

fn main() {}
