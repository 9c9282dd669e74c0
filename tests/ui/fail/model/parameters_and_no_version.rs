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
struct Ticket<'a, T, const N: usize = 3>
where
    T: Clone,
{
    id: i64,
    title: &'a [T; N],
}

// Nothing is said about this: the mistake is above.
fn check(ticket: &Ticket<'_, i32>) -> i64 {
    versioned_core::Versioned::id(ticket)
}

fn main() {}
