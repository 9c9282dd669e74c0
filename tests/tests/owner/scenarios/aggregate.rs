//! A parent that is touched in the same transaction as its children: the aggregate's root carries the version of all of it.

use diesel::connection::SimpleConnection as _;

use super::*;

diesel::table! {
    entries (ticket, number) {
        ticket -> BigInt,
        number -> BigInt,
        text -> VarChar,
    }
}

fn aggregate() -> (Db, Conn, Conn) {
    let sessions = two_sessions();
    let mut conn = sessions.0.connect();
    conn.batch_execute(
        "CREATE TABLE entries (ticket BIGINT NOT NULL REFERENCES tickets (id), number BIGINT NOT NULL, text VARCHAR(50) NOT NULL, PRIMARY KEY (ticket, number))",
    )
    .unwrap();
    Ticket::inserted(&mut conn);
    sessions
}

/// The recipe: children are written under their root's guard.
fn add_entry(ticket: &mut Ticket, text: &str, conn: &mut Conn) -> Result<(), Error> {
    transaction(conn, ticket, |conn, ticket| {
        ticket.touch(conn)?;
        let number: i64 = entries::table
            .filter(entries::ticket.eq(ticket.id))
            .count()
            .get_result(conn)?;
        diesel::insert_into(entries::table)
            .values((
                entries::ticket.eq(ticket.id),
                entries::number.eq(number),
                entries::text.eq(text),
            ))
            .execute(conn)?;
        Ok(())
    })
}

fn texts(conn: &mut Conn) -> Vec<String> {
    entries::table
        .select(entries::text)
        .order(entries::number)
        .load(conn)
        .unwrap()
}

#[test]
fn children_are_guarded_by_the_version_of_their_root() {
    let (_db, mut one, mut two) = aggregate();
    let mut mine = Ticket::find(&7, &mut one).unwrap();
    let mut theirs = Ticket::find(&7, &mut two).unwrap();
    add_entry(&mut theirs, "theirs", &mut two).unwrap();
    assert_eq!(theirs.version, 2);
    assert_stale(add_entry(&mut mine, "mine", &mut one), 1, 2);
    assert_eq!(mine.version, 1);
    assert_eq!(texts(&mut one), ["theirs"]);
    mine.reload(&mut one).unwrap();
    add_entry(&mut mine, "mine", &mut one).unwrap();
    assert_eq!(texts(&mut one), ["theirs", "mine"]);
    assert_eq!(Ticket::row(7, &mut one).unwrap().version, 3);
}

/// Semantics 8: one step for each call, never two.
#[test]
fn touch_and_save_in_one_transaction_move_the_version_once_each() {
    let (_db, mut conn, _) = aggregate();
    let mut ticket = Ticket::find(&7, &mut conn).unwrap();
    transaction(&mut conn, &mut ticket, |conn, ticket| {
        ticket.touch(conn)?;
        assert_eq!(ticket.version, 2);
        ticket.price = 25;
        ticket.save(conn)?;
        assert_eq!(ticket.version, 3);
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_eq!(Ticket::row(7, &mut conn), Some(ticket));
}
