use versioned_core::prelude::*;

#[version_field]
struct Ticket(i64);

fn main() {}
