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
struct Ticket(
    #[diesel(column_name = id)] i64,
    String,
    #[diesel(column_name = version)] i64,
);

fn main() {}
