//! The guard in the database: hand-written SQL cannot go round it, and what goes through this crate does not feel it.

use diesel::connection::SimpleConnection as _;
use versioned_core::{Tracked, guard_trigger};

use super::backend::Backend;
use super::*;

diesel::table! {
    pages {
        id -> BigInt,
        body -> VarChar,
        hits -> BigInt,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = pages)]
#[versioned(owner)]
struct Page {
    id: i64,
    body: String,
    #[versioned(excluded)]
    hits: i64,
    version: i64,
}

#[test]
fn what_does_not_move_the_version_by_one_is_rejected() {
    let (_db, mut conn, _) = two_sessions();
    let trigger = guard_trigger::<Ticket, Backend>().unwrap();
    for statement in &trigger.up {
        conn.batch_execute(statement).unwrap();
    }
    let mut ticket = Ticket::inserted(&mut conn);
    ticket.price = 25;
    ticket.save(&mut conn).unwrap();
    ticket.touch(&mut conn).unwrap();
    Ticket::at(7, 3)
        .update(tickets::price.eq(26_i64), &mut conn)
        .unwrap();
    diesel::update(tickets::table)
        .set((tickets::price.eq(27_i64), Ticket::bump()))
        .execute(&mut conn)
        .unwrap();
    ticket.reload(&mut conn).unwrap();
    Ticket::save_all(std::slice::from_mut(&mut ticket), &mut conn).unwrap();
    let mut tracked = Tracked::new(ticket);
    tracked.price = 28;
    tracked.save(&mut conn).unwrap();
    let before = Ticket::row(7, &mut conn).unwrap();
    assert_eq!((before.price, before.version), (28, 7));

    for by_hand in [
        "price = 0",
        "version = version",
        "price = 0, version = version + 2",
        "version = version - 1",
        "version = 1",
    ] {
        let refused = diesel::sql_query(format!("UPDATE tickets SET {by_hand} WHERE id = 7"))
            .execute(&mut conn);
        let text = refused.unwrap_err().to_string();
        assert!(
            text.contains("tickets: an update must move the version by one"),
            "{by_hand}: {text}"
        );
    }
    assert_eq!(Ticket::row(7, &mut conn), Some(before));
    for statement in &trigger.down {
        conn.batch_execute(statement).unwrap();
    }
    conn.batch_execute("UPDATE tickets SET price = 0 WHERE id = 7")
        .unwrap();
}

#[test]
fn what_is_excluded_goes_through() {
    let db = Db::fresh("");
    let mut conn = db.connect();
    conn.batch_execute(
        "CREATE TABLE pages (id BIGINT PRIMARY KEY, body VARCHAR(50) NOT NULL, hits BIGINT NOT NULL, version BIGINT NOT NULL)",
    )
    .unwrap();
    for statement in guard_trigger::<Page, Backend>().unwrap().up {
        conn.batch_execute(&statement).unwrap();
    }
    let mut page = Page {
        id: 1,
        body: "hello".into(),
        hits: 0,
        version: 0,
    };
    page.insert(&mut conn).unwrap();
    let mut page = Tracked::new(page);
    page.hits = 5;
    page.save(&mut conn).unwrap();
    page.body = "bye".into();
    page.hits = 6;
    page.save(&mut conn).unwrap();
    assert_eq!(Page::find(&1, &mut conn).unwrap(), *page);
    for by_hand in ["body = 'x', hits = 7", "version = 9"] {
        assert!(
            conn.batch_execute(&format!("UPDATE pages SET {by_hand} WHERE id = 1"))
                .is_err()
        );
    }
    conn.batch_execute("UPDATE pages SET hits = 7 WHERE id = 1")
        .unwrap();
}
