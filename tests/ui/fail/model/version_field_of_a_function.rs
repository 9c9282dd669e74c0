use versioned_core::prelude::*;

#[version_field]
fn ticket() {}

fn main() {}
