use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets (a, b, c, d, e, f, g) {
        a -> BigInt,
        b -> BigInt,
        c -> BigInt,
        d -> BigInt,
        e -> BigInt,
        f -> BigInt,
        g -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets, primary_key(a, b, c, d, e, f, g))]
#[versioned(owner)]
struct Ticket {
    a: i64,
    b: i64,
    c: i64,
    d: i64,
    e: i64,
    f: i64,
    g: i64,
    title: String,
    version: i64,
}

// Nothing is said about this: the mistake is above.
fn save(ticket: &mut Ticket, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    ticket.title.push('!');
    ticket.save(conn)?;
    ticket.reload(conn)
}

fn main() {}
