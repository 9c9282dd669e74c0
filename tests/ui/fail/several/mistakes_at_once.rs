//! All that is wrong with a struct is said at once, each on its own token.

use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> Nullable<BigInt>,
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets, primary_key(id, shop))]
#[versioned(owner, entitiy = "orders", initial = -1, policy = "latest", owner)]
struct Ticket {
    #[diesel(serialize_as = i64)]
    id: i64,
    #[versioned(verison)]
    title: String,
    #[versioned(precision = "hours")]
    version: Option<i64>,
}

// Nothing is said about this: the mistake is above.
fn save(ticket: &mut Ticket, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    ticket.title.push('!');
    ticket.save(conn)?;
    ticket.reload(conn)
}

fn main() {}
