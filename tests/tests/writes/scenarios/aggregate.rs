//! A parent whose version moves with its children: `touch` or `save` of the parent first, in the
//! transaction of the child.

use std::thread;

use super::super::backend::{self, LEVELS};
use super::*;

diesel::table! {
    orders {
        id -> BigInt,
        note -> VarChar,
        version -> BigInt,
    }
}

diesel::table! {
    lines {
        id -> BigInt,
        order_id -> BigInt,
        amount -> BigInt,
        version -> BigInt,
    }
}

diesel::allow_tables_to_appear_in_same_query!(orders, lines);

const ORDERS: &str = "CREATE TABLE orders (
    id BIGINT PRIMARY KEY,
    note VARCHAR(100) NOT NULL,
    version BIGINT NOT NULL
);
CREATE TABLE lines (
    id BIGINT PRIMARY KEY,
    order_id BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    version BIGINT NOT NULL,
    FOREIGN KEY (order_id) REFERENCES orders (id)
);";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = orders)]
#[versioned(owner, outbox)]
struct Order {
    id: i64,
    note: String,
    version: i64,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = lines)]
#[versioned(owner, outbox)]
struct Line {
    id: i64,
    order_id: i64,
    amount: i64,
    version: i64,
}

fn line(id: i64) -> Line {
    Line {
        id,
        order_id: 1,
        amount: 5,
        version: 0,
    }
}

/// An order with two lines.
fn order(conn: &mut Conn) -> (Order, Line, Line) {
    // A reserved word of MySQL.
    let lines = on("lines", "lines", "`lines`");
    conn.batch_execute(&ORDERS.replace("lines", lines)).unwrap();
    let mut order = Order {
        id: 1,
        note: String::new(),
        version: 0,
    };
    order.insert(conn).unwrap();
    let [mut one, mut two] = [1, 2].map(line);
    one.insert(conn).unwrap();
    two.insert(conn).unwrap();
    diesel::sql_query("DELETE FROM versioned_outbox")
        .execute(conn)
        .unwrap();
    (order, one, two)
}

/// Writes a line and moves its order.
fn amend(order: &mut Order, line: &mut Line, amount: i64, conn: &mut Conn) -> Result<(), Error> {
    transaction(conn, (order, line), |conn, (order, line)| {
        order.touch(conn)?;
        line.amount = amount;
        line.save(conn)?;
        Ok(())
    })
}

#[test]
fn a_write_of_any_child_conflicts_with_an_older_parent() {
    let (_db, mut conn) = fresh("");
    let conn = &mut conn;
    let (mut mine, mut one, mut two) = order(conn);
    let mut theirs = mine.clone();
    amend(&mut theirs, &mut one, 6, conn).unwrap();
    assert_eq!((theirs.version, one.version), (2, 2));
    // Parent and child are announced, in the order of their writes.
    let events = [("1", 2), ("1", 2)];
    assert_eq!(
        told(conn),
        events.map(|(key, version)| ("updated".to_owned(), key.to_owned(), version))
    );

    // Another child, from an older parent.
    let refused = amend(&mut mine, &mut two, 7, conn).unwrap_err();
    assert_eq!(
        refused.conflict().map(Conflict::kind),
        Some(ConflictKind::Stale)
    );
    assert_eq!((mine.version, two.version), (1, 1));
    assert_eq!(Line::find(&2, conn).unwrap().amount, 5);
    assert_eq!(told(conn).len(), 2);

    // A conflict of the child takes the parent back, in the row and in memory.
    Line::at(2, 1).touch(conn).unwrap();
    let refused = amend(&mut theirs, &mut two, 7, conn).unwrap_err();
    assert_eq!(refused.conflict().and_then(Conflict::table), Some("lines"));
    assert_eq!((theirs.version, two.version), (2, 1));
    assert_eq!(Order::find(&1, conn).unwrap().version, 2);

    // The parent in memory followed, so that it can be deleted after its children.
    transaction(conn, (&mut theirs, &mut one), |conn, (order, line)| {
        order.touch(conn)?;
        Line::at(2, 2).delete(conn)?;
        line.delete(conn)?;
        order.delete(conn)?;
        Ok::<_, Error>(())
    })
    .unwrap();
    assert!(matches!(Order::find(&1, conn), Err(Error::NotFound { .. })));
}

#[test]
fn a_parent_that_changes_too_moves_once() {
    let (_db, mut conn) = fresh("");
    let conn = &mut conn;
    let (mut mine, mut one, _) = order(conn);
    // `save` in place of `touch`.
    transaction(conn, (&mut mine, &mut one), |conn, (order, line)| {
        order.note = "urgent".into();
        order.save(conn)?;
        line.amount += 1;
        line.save(conn)?;
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_eq!(Order::find(&1, conn).unwrap(), mine);
    assert_eq!((mine.version, one.version), (2, 2));
}

/// Some sessions write the parent and its children, some add children whose foreign key locks the
/// parent, and some come from a child and move the parent without having loaded it.
#[test]
fn parent_and_child_from_two_sides_do_not_deadlock() {
    const WORKERS: i64 = 6;
    const WRITES: i64 = 8;
    for level in LEVELS {
        let (db, mut conn) = fresh("");
        order(&mut conn);
        thread::scope(|scope| {
            for worker in 0..WORKERS {
                let mut conn = db.connect();
                backend::isolate(&mut conn, level);
                scope.spawn(move || {
                    for write in 0..WRITES {
                        let id = 100 + worker * WRITES + write;
                        while !from_a_side(worker, id, &mut conn) {}
                    }
                });
            }
        });
        let (parent, rows) = (Order::find(&1, &mut conn).unwrap(), WORKERS * WRITES);
        assert_eq!(parent.version, 1 + rows, "{level}");
        let (moves, amount): (i64, i64) = lines::table
            .select((lines::version, lines::amount))
            .load(&mut conn)
            .unwrap()
            .into_iter()
            .fold((0, 0), |(moves, sum), (version, amount): (i64, i64)| {
                (moves + version, sum + amount)
            });
        assert_eq!((moves, amount), (2 + rows, 10 + rows), "{level}");
    }
}

fn from_a_side(worker: i64, id: i64, conn: &mut Conn) -> bool {
    let mut parent = Order::find(&1, conn).unwrap();
    let done = match worker % 3 {
        0 => {
            let mut one = Line::find(&1, conn).unwrap();
            transaction(conn, (&mut parent, &mut one), |conn, (order, line)| {
                order.note = format!("note {id}");
                order.save(conn)?;
                line.amount += 1;
                line.save(conn)?;
                Ok::<_, Error>(())
            })
        }
        1 => transaction(conn, &mut parent, |conn, order| {
            order.touch(conn)?;
            let mut new = line(id);
            new.amount = 1;
            new.insert(conn)?;
            Ok::<_, Error>(())
        }),
        _ => {
            let mut one = Line::find(&1, conn).unwrap();
            transaction(conn, &mut one, |conn, line| {
                Order::at(line.order_id, parent.version).touch(conn)?;
                line.amount += 1;
                line.save(conn)?;
                Ok::<_, Error>(())
            })
        }
    };
    let Err(error) = done else { return true };
    assert!(error.is_conflict(), "{error:?}");
    let cause = error.conflict().and_then(Conflict::cause);
    let cause = cause.map(ToString::to_string).unwrap_or_default();
    assert!(!cause.to_lowercase().contains("deadlock"), "{cause}");
    false
}
