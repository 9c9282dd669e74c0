//! `at(..).filter(..)`: further conditions in a guard.

use diesel::dsl::sql;
use diesel::sql_types::{Bool, Nullable};

use super::*;

const NOT_MET: ConflictKind = ConflictKind::Filtered;

fn filtered(version: i64) -> (ConflictKind, String, i64, Option<i64>) {
    (NOT_MET, "7".into(), version, Some(version))
}

#[test]
fn a_write_finds_the_row_only_if_the_condition_holds() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    Ticket::new(7).insert(conn).unwrap();
    Ticket::new(8).insert(conn).unwrap();

    let mine = || Ticket::at(7, 1).filter(tickets::tenant.eq(1));
    let others = || Ticket::at(7, 1).filter(tickets::tenant.eq(2));
    assert_eq!(
        conflict(others().update(tickets::price.eq(9), conn)),
        filtered(1)
    );
    assert_eq!(conflict(others().touch(conn)), filtered(1));
    assert_eq!(conflict(others().delete(conn)), filtered(1));
    assert_eq!(row(7, conn), Some((1, "concert".into(), 20, 1)));

    let updated = mine()
        .update((tickets::price.eq(25), tickets::tenant.eq(3)), conn)
        .unwrap();
    assert_eq!(
        updated,
        Ticket {
            price: 25,
            tenant: 3,
            version: 2,
            ..Ticket::new(7)
        }
    );
    // Stale, whatever the condition says; and gone.
    let stale = (ConflictKind::Stale, "7".to_owned(), 1, Some(2));
    assert_eq!(conflict(mine().touch(conn)), stale);
    assert_eq!(conflict(others().delete(conn)), stale);
    let third = || Ticket::at(7, 2).filter(tickets::tenant.eq(3));
    assert_eq!(third().touch(conn).unwrap().version, 3);
    assert_eq!(
        Ticket::at(7, 3)
            .filter(tickets::tenant.eq(3))
            .delete(conn)
            .unwrap(),
        4
    );
    let deleted = (ConflictKind::Deleted, "7".to_owned(), 2, None);
    assert_eq!(
        conflict(third().update(tickets::price.eq(9), conn)),
        deleted
    );
    assert_eq!(
        row(8, conn),
        Some((1, "concert".into(), 20, 1)),
        "another record"
    );
}

#[test]
fn several_conditions_must_all_hold() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    Ticket::new(7).insert(conn).unwrap();
    let at = |tenant, below| {
        Ticket::at(7, 1)
            .filter(tickets::tenant.between(tenant, tenant))
            .filter(tickets::price.lt(below))
            .filter(tickets::title.like("con%"))
    };
    for (tenant, below) in [(2, 30), (1, 20), (2, 20)] {
        assert_eq!(
            conflict(at(tenant, below).touch(conn)),
            filtered(1),
            "{tenant} {below}"
        );
    }
    assert_eq!(at(1, 30).touch(conn).unwrap().version, 2);
}

/// A condition that is not known counts as one that does not hold.
#[test]
fn null_does_not_hold() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    Ticket::new(7).insert(conn).unwrap();
    let unknown = Ticket::at(7, 1).filter(sql::<Nullable<Bool>>("NULL = 1"));
    assert_eq!(conflict(unknown.touch(conn)), filtered(1));
    let lists = Ticket::at(7, 1).filter(tickets::tenant.eq_any(vec![1, 2, 3]));
    assert_eq!(lists.touch(conn).unwrap().version, 2);
    let empty = Ticket::at(7, 2).filter(tickets::tenant.eq_any(Vec::<i64>::new()));
    assert_eq!(conflict(empty.touch(conn)), filtered(2));
    assert_eq!(row(7, conn).unwrap().3, 2);
}

/// With an outbox and tombstones, a write that does not happen is not announced or remembered.
#[test]
fn only_what_was_written_is_announced() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    Announced::new(7).insert(conn).unwrap();
    let at = |version, tenant: i64| Announced::at(7, version).filter(tickets::tenant.eq(tenant));
    assert_eq!(
        conflict(at(1, 2).update(tickets::price.eq(9), conn)),
        filtered(1)
    );
    assert_eq!(conflict(at(1, 2).touch(conn)), filtered(1));
    assert_eq!(conflict(at(1, 2).delete(conn)), filtered(1));
    at(1, 1).update(tickets::price.eq(9), conn).unwrap();
    at(2, 1).touch(conn).unwrap();
    assert_eq!(at(3, 1).delete(conn).unwrap(), 4);
    let events: Vec<_> = told(conn)
        .into_iter()
        .map(|(op, _, version)| (op, version))
        .collect();
    let expected = [
        ("created", 1),
        ("updated", 2),
        ("updated", 3),
        ("deleted", 4),
    ];
    assert_eq!(
        events,
        expected.map(|(op, version)| (op.to_owned(), version))
    );
    // The tombstone is at the version of the deletion.
    Announced::new(7).insert(conn).unwrap();
    assert_eq!(row(7, conn).unwrap().3, 5);
}

/// In a transaction of the caller's, the rest goes on.
#[test]
fn a_condition_that_does_not_hold_leaves_the_transaction_usable() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    Ticket::new(7).insert(conn).unwrap();
    let mut another = Ticket::new(8);
    transaction(conn, &mut another, |conn, another| {
        another.insert(conn)?;
        let others = Ticket::at(7, 1).filter(tickets::tenant.eq(2));
        assert_eq!(conflict(others.delete(conn)), filtered(1));
        Ticket::at(7, 1)
            .filter(tickets::tenant.eq(1))
            .touch(conn)
            .map(drop)
    })
    .unwrap();
    assert_eq!(row(7, conn).unwrap().3, 2);
    assert_eq!(row(8, conn).unwrap().3, 1);
}

/// What a trigger suppresses is told apart from a condition.
#[test]
fn a_write_that_was_suppressed_is_not_the_conditions_fault() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    Ticket::new(7).insert(conn).unwrap();
    match NAME {
        "sqlite" => conn.batch_execute(
            "CREATE TRIGGER never BEFORE UPDATE ON tickets BEGIN SELECT RAISE(IGNORE); END",
        ),
        "postgres" => conn.batch_execute(
            "CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
             CREATE TRIGGER never BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION never()",
        ),
        // A trigger of MySQL can only fail.
        _ => return,
    }
    .unwrap();
    let at = |tenant: i64| Ticket::at(7, 1).filter(tickets::tenant.eq(tenant));
    let kind = |error: Error| error.conflict().map(Conflict::kind);
    assert_eq!(
        at(1).touch(conn).map_err(kind),
        Err(Some(ConflictKind::Suppressed))
    );
    assert_eq!(at(2).touch(conn).map_err(kind), Err(Some(NOT_MET)));
}

/// The statement is kept prepared for each type of condition, not for each value.
#[test]
fn the_statement_is_kept_by_the_type_of_the_condition() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    Ticket::new(7).insert(conn).unwrap();
    let texts = |conn: &mut Conn, from: i64| {
        for version in from..from + 20 {
            let at = Ticket::at(7, version).filter(tickets::tenant.ne(-version));
            at.update((tickets::tenant.eq(0), tickets::price.eq(version)), conn)
                .unwrap();
        }
    };
    texts(conn, 1);
    let before = prepared(conn);
    texts(conn, 21);
    assert_eq!(prepared(conn), before);
    // A list of any length has many texts.
    for length in 1..20 {
        let list = (0..length).collect::<Vec<i64>>();
        Ticket::at(7, 40 + length)
            .filter(tickets::tenant.eq_any(list))
            .touch(conn)
            .unwrap();
    }
    let more = prepared(conn) - before;
    assert!(more <= 2, "{more} more statements");
}

/// The number of statements that this connection keeps prepared on the server. `SQLite` has no server.
fn prepared(conn: &mut Conn) -> i64 {
    use diesel::dsl::sql;
    use diesel::sql_types::BigInt;
    match NAME {
        "postgres" => diesel::select(sql::<BigInt>(
            "(SELECT count(*) FROM pg_prepared_statements)",
        ))
        .first(conn)
        .unwrap(),
        _ => 0,
    }
}
