//! The trigger moves versions for other writers, and changes nothing for those of this crate.

use diesel::connection::SimpleConnection as _;
use versioned_core::{Tracked, Trigger, version_trigger};

use super::backend::Backend;
use versioned_tests::pages::{PAGES, Page};

use super::guard_trigger::{make_schema, quoted, run};
use super::*;

/// SQLite's trigger writes to its own row.
fn recurse(triggers: &str, conn: &mut Conn) {
    if backend::NAME == "sqlite" {
        conn.batch_execute(&format!("PRAGMA recursive_triggers = {triggers}"))
            .unwrap();
    }
}

fn by_hand(sql: &str, conn: &mut Conn) -> usize {
    diesel::sql_query(sql)
        .execute(conn)
        .unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn installed() -> (Db, Conn, Trigger) {
    let (db, mut conn, _) = two_sessions();
    let trigger = version_trigger::<Ticket, Backend>().unwrap();
    run(&trigger.up, &mut conn);
    (db, conn, trigger)
}

#[test]
fn an_update_that_knows_nothing_of_versions_moves_them() {
    for triggers in ["OFF", "ON"] {
        let (_db, mut conn, trigger) = installed();
        recurse(triggers, &mut conn);
        let mut ticket = Ticket::inserted(&mut conn);
        let other = Ticket {
            id: 8,
            title: "opera".into(),
            ..Ticket::concert()
        };
        other.import(&mut conn).unwrap();

        let mut version = 1;
        for set in [
            "price = 21",
            "price = price",
            "version = version",
            "price = 20, version = 1",
            "version = version - 1",
            "version = -5",
        ] {
            let sql = format!("UPDATE tickets SET {set} WHERE id = 7");
            assert_eq!(by_hand(&sql, &mut conn), 1);
            version += 1;
            assert_eq!(Ticket::row(7, &mut conn).unwrap().version, version, "{set}");
        }
        assert_stale(ticket.save(&mut conn), 1, version);
        assert_stale(ticket.touch(&mut conn), 1, version);
        assert_stale(ticket.delete(&mut conn), 1, version);
        ticket.reload(&mut conn).unwrap();
        ticket.save(&mut conn).unwrap();
        assert_eq!(ticket.version, version + 1);

        for (forward, version) in [("version = version + 1", 9), ("version = 40", 40)] {
            let sql = format!("UPDATE tickets SET {forward} WHERE id = 7");
            assert_eq!(by_hand(&sql, &mut conn), 1);
            assert_eq!(Ticket::row(7, &mut conn).unwrap().version, version);
        }
        assert_eq!(Ticket::row(8, &mut conn), Some(other));
        assert_eq!(by_hand("UPDATE tickets SET price = 1", &mut conn), 2);
        let versions = [7, 8].map(|id| Ticket::row(id, &mut conn).unwrap().version);
        assert_eq!(versions, [41, 1]);
        let insert = "INSERT INTO tickets (id, title, price, version) VALUES (9, 'play', 1, 5)";
        assert_eq!(by_hand(insert, &mut conn), 1);
        assert_eq!(Ticket::row(9, &mut conn).unwrap().version, 5);

        run(&trigger.down, &mut conn);
        assert_eq!(by_hand("UPDATE tickets SET price = 2", &mut conn), 3);
        assert_eq!(Ticket::row(7, &mut conn).unwrap().version, 41);
    }
}

#[test]
fn a_key_may_change() {
    let (_db, mut conn, _) = installed();
    Ticket::inserted(&mut conn);
    by_hand("UPDATE tickets SET id = 70", &mut conn);
    assert_eq!(Ticket::row(70, &mut conn).unwrap().version, 2);
}

#[test]
fn writes_of_this_crate_move_the_version_by_one() {
    let (_db, mut conn, _) = installed();
    let mut ticket = Ticket::inserted(&mut conn);
    ticket.price = 25;
    ticket.save(&mut conn).unwrap();
    assert_eq!(Ticket::row(7, &mut conn).as_ref(), Some(&ticket));
    ticket.touch(&mut conn).unwrap();
    assert_eq!(Ticket::row(7, &mut conn).as_ref(), Some(&ticket));
    let updated = Ticket::at(7, 3)
        .update(tickets::price.eq(26_i64), &mut conn)
        .unwrap();
    assert_eq!((updated.price, updated.version), (26, 4));
    assert_eq!(Ticket::at(7, 4).touch(&mut conn).unwrap().version, 5);
    diesel::update(tickets::table)
        .set((tickets::price.eq(27_i64), Ticket::bump()))
        .execute(&mut conn)
        .unwrap();
    assert_eq!(Ticket::row(7, &mut conn).unwrap().version, 6);
    let saved = Ticket::update_with(&7, &mut conn, |ticket| {
        ticket.price += 1;
        Ok(())
    });
    let mut tracked = Tracked::new(saved.unwrap());
    assert_eq!((tracked.price, tracked.version), (28, 7));
    tracked.price = 29;
    tracked.save(&mut conn).unwrap();
    tracked.touch(&mut conn).unwrap();
    assert!(tracked.save(&mut conn).unwrap().is_none());
    assert_eq!(tracked.version, 9);
    assert_eq!(Ticket::row(7, &mut conn).as_ref(), Some(&*tracked));
    assert_eq!(tracked.delete(&mut conn).unwrap().version(), 10);
    assert_eq!(Ticket::row(7, &mut conn), None);
}

#[test]
fn batches_of_this_crate_move_each_version_by_one() {
    let (_db, mut conn, _) = installed();
    let mut batch: Vec<Ticket> = (1..=60)
        .map(|id| Ticket {
            id,
            title: format!("show {id}"),
            ..Ticket::concert()
        })
        .collect();
    Ticket::insert_all(&mut batch, &mut conn).unwrap();
    Ticket::save_all(&mut batch, &mut conn).unwrap();
    for saved in Ticket::save_each(&mut batch, &mut conn).unwrap() {
        saved.unwrap();
    }
    assert!(batch.iter().all(|ticket| ticket.version == 3));
    let rows: Vec<Ticket> = tickets::table
        .order(tickets::id)
        .select(Ticket::as_select())
        .load(&mut conn)
        .unwrap();
    assert_eq!(rows, batch);

    by_hand("UPDATE tickets SET price = 1 WHERE id = 30", &mut conn);
    match Ticket::delete_all(&mut batch, &mut conn) {
        Err(Error::Conflicts(conflicts)) => {
            let [row] = &*conflicts else {
                panic!("{conflicts:?}");
            };
            assert_eq!((row.row, row.conflict.kind()), (29, ConflictKind::Stale));
            assert_eq!(row.conflict.found(), Some(Token::Number(4)));
        }
        other => panic!("{other:?}"),
    }
    batch[29].reload(&mut conn).unwrap();
    Ticket::delete_all(&mut batch, &mut conn).unwrap();
}

#[test]
fn what_is_excluded_moves_no_version() {
    for triggers in ["OFF", "ON"] {
        let db = Db::fresh(PAGES);
        let mut conn = db.connect();
        recurse(triggers, &mut conn);
        run(&version_trigger::<Page, Backend>().unwrap().up, &mut conn);
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
        by_hand("UPDATE pages SET hits = 6", &mut conn);
        let version = |conn: &mut Conn| Page::find(&1, conn).unwrap().version;
        assert_eq!((page.version, version(&mut conn)), (1, 1));
        page.body = "bye".into();
        page.save(&mut conn).unwrap();
        assert_eq!((page.version, version(&mut conn)), (2, 2));
        by_hand("UPDATE pages SET body = 'x', hits = 7", &mut conn);
        assert_eq!(version(&mut conn), 3);
        by_hand("UPDATE pages SET version = 1", &mut conn);
        assert_eq!(version(&mut conn), 4);
        // Here it is the value that counts, and there the name.
        by_hand("UPDATE pages SET body = body, hits = 8", &mut conn);
        assert_eq!(
            version(&mut conn),
            if backend::NAME == "mysql" { 4 } else { 5 }
        );
    }
}

/// On SQLite triggers cannot assign to their row: they update it.
#[test]
fn another_trigger_of_sqlite_that_updates_the_row_may_write_what_is_excluded() {
    if backend::NAME != "sqlite" {
        return;
    }
    let db = Db::fresh(PAGES);
    let mut conn = db.connect();
    run(&version_trigger::<Page, Backend>().unwrap().up, &mut conn);
    conn.batch_execute(
        "CREATE TRIGGER counts AFTER UPDATE OF body ON pages
         BEGIN UPDATE pages SET hits = hits + 1 WHERE id = NEW.id; END",
    )
    .unwrap();
    let mut page = Page {
        id: 1,
        body: "hello".into(),
        hits: 0,
        version: 0,
    };
    page.insert(&mut conn).unwrap();
    page.save(&mut conn).unwrap();
    by_hand("UPDATE pages SET body = 'x'", &mut conn);
    page.reload(&mut conn).unwrap();
    assert_eq!((page.hits, page.version), (2, 3));

    // The limit that the docs name.
    conn.batch_execute(
        "CREATE TRIGGER shouts AFTER UPDATE OF hits ON pages
         BEGIN UPDATE pages SET body = 'X' WHERE id = NEW.id; END",
    )
    .unwrap();
    let mut tracked = Tracked::new(page.clone());
    tracked.hits = 9;
    tracked.save(&mut conn).unwrap();
    assert_eq!(tracked.version, 3);
    assert!(page.save(&mut conn).unwrap_err().is_conflict());
}

/// A schema, names with quotes, dots and commas, a key of two columns, a small version.
mod odd {
    use super::*;

    diesel::table! {
        #[sql_name = "it's a \"log\", of `x`.y"]
        version_one.logs (id, part) {
            id -> BigInt,
            #[sql_name = "a.b, \"c\" `d` 'e'"]
            part -> VarChar,
            body -> VarChar,
            #[sql_name = "ver\"si`on"]
            version -> SmallInt,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = logs, primary_key(id, part))]
    #[versioned(owner)]
    struct Log {
        id: i64,
        part: String,
        body: String,
        version: i16,
    }

    #[test]
    fn a_table_may_have_any_names() {
        let db = Db::fresh("");
        let mut conn = db.connect();
        recurse("ON", &mut conn);
        make_schema("version_one", &mut conn);
        let [table, part, version] = [
            "it's a \"log\", of `x`.y",
            "a.b, \"c\" `d` 'e'",
            "ver\"si`on",
        ]
        .map(quoted);
        let options = if backend::NAME == "sqlite" {
            "WITHOUT ROWID"
        } else {
            ""
        };
        conn.batch_execute(&format!(
            "CREATE TABLE version_one.{table} (id BIGINT, {part} VARCHAR(50), \
             body VARCHAR(50) NOT NULL, \
             {version} SMALLINT NOT NULL, PRIMARY KEY (id, {part})) {options}"
        ))
        .unwrap();
        let trigger = version_trigger::<Log, Backend>().unwrap();
        run(&trigger.up, &mut conn);
        let mut all = ["a", "b"].map(|part| Log {
            id: 1,
            part: part.into(),
            body: "hello".into(),
            version: 0,
        });
        Log::insert_all(&mut all, &mut conn).unwrap();
        let [a, b] = &mut all;
        a.save(&mut conn).unwrap();
        diesel::update(logs::table.filter(logs::part.eq("a")))
            .set((logs::body.eq("x"), logs::version.eq(1_i16)))
            .execute(&mut conn)
            .unwrap();
        let conflict = conflict(a.save(&mut conn));
        assert_eq!(conflict.kind(), ConflictKind::Stale);
        assert_eq!(conflict.id(), Some("1,a"));
        assert_eq!(conflict.expected(), Some(Token::Number(2)));
        assert_eq!(conflict.found(), Some(Token::Number(3)));
        b.save(&mut conn).unwrap();
        assert_eq!(b.version, 2);

        if backend::NAME != "sqlite" {
            let last = Log {
                id: 2,
                version: i16::MAX,
                ..b.clone()
            };
            last.import(&mut conn).unwrap();
            let row = logs::table.filter(logs::id.eq(2_i64));
            let over = diesel::update(row).set(logs::body.eq("x"));
            let text = over.execute(&mut conn).unwrap_err().to_string();
            assert!(text.to_lowercase().contains("out of range"), "{text}");
        }
        run(&trigger.down, &mut conn);
        if backend::NAME == "mysql" {
            conn.batch_execute("DROP DATABASE version_one").unwrap();
        }
    }
}

/// A model whose key is not the table's.
mod other_key {
    use super::*;

    diesel::table! {
        seats {
            id -> BigInt,
            place -> BigInt,
            version -> Integer,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = seats, primary_key(place))]
    #[versioned(owner)]
    struct Seat {
        place: i64,
        version: i32,
    }

    #[test]
    fn only_rows_that_the_update_writes_are_moved() {
        let db = Db::fresh(
            "CREATE TABLE seats (id BIGINT PRIMARY KEY, place BIGINT NOT NULL, version INT)",
        );
        let mut conn = db.connect();
        run(&version_trigger::<Seat, Backend>().unwrap().up, &mut conn);
        by_hand(
            "INSERT INTO seats VALUES (1, 5, 1), (2, 5, 1), (3, 6, 1)",
            &mut conn,
        );
        by_hand("UPDATE seats SET place = 5 WHERE id = 1", &mut conn);
        let versions: Vec<i32> = seats::table
            .order(seats::id)
            .select(seats::version)
            .load(&mut conn)
            .unwrap();
        assert_eq!(versions, [2, 1, 1]);
        let mut seat = Seat::find(&6, &mut conn).unwrap();
        seat.touch(&mut conn).unwrap();
        assert_eq!(Seat::find(&6, &mut conn).unwrap(), seat);
    }
}
