use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
enum Ticket {
    Sold,
    Free,
}

// Nothing is said about this: the mistake is above.
fn check() {
    let _ = <Ticket as versioned_core::Versioned>::TABLE;
}

fn main() {}
