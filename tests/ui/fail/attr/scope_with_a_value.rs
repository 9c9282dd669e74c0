use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        tenant -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    #[versioned(scope = "tenant")]
    tenant: i64,
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
