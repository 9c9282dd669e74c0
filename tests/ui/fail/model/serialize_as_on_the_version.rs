use diesel::prelude::*;
use versioned_core::prelude::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        version -> BigInt,
    }
}

#[derive(Clone)]
struct Wrapper(i64);

impl From<Wrapper> for i64 {
    fn from(wrapper: Wrapper) -> Self {
        wrapper.0
    }
}

impl From<i64> for Wrapper {
    fn from(number: i64) -> Self {
        Self(number)
    }
}

#[derive(Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    #[diesel(deserialize_as = i64)]
    #[diesel(serialize_as = i64)]
    version: Wrapper,
}

// Nothing is said about this: the mistake is above.
fn save(ticket: &mut Ticket, conn: &mut SqliteConnection) -> versioned_core::Result<()> {
    ticket.title.push('!');
    ticket.save(conn)?;
    ticket.reload(conn)
}

fn main() {}
