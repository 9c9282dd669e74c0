//! A path to a type may have them; Diesel passes them on, to rustc's surprise.

use versioned_core::prelude::*;

#[derive(Versioned)]
#[diesel(table_name = tickets<u8>)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    version: i64,
}

fn main() {}
