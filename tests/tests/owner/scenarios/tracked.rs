//! `Tracked`: what changed is written, what both sides changed is found (T13, T14, T16).

use diesel::connection::SimpleConnection as _;
use versioned_core::{Keep, Tracked};

use super::statements::{Log, sql};
use super::*;

fn tracked(conn: &mut Conn) -> Tracked<Ticket> {
    Ticket::inserted(conn);
    Tracked::new(Ticket::find(&7, conn).unwrap())
}

fn ran(log: &Log) -> Vec<String> {
    log.take()
        .into_iter()
        .filter(|line| !line.starts_with("prepare "))
        .collect()
}

#[test]
fn a_transaction_keeps_what_it_committed_and_takes_back_what_it_did_not() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = tracked(&mut conn);
    ticket.price = 25;
    transaction(&mut conn, &mut ticket, |conn, ticket| {
        ticket.save(conn)?;
        Ok::<_, Error>(())
    })
    .unwrap();
    assert_eq!(ticket.version, 2);
    assert_eq!(Ticket::row(7, &mut conn).as_ref(), Some(&*ticket));
    // There is nothing left to write.
    assert!(ticket.save(&mut conn).unwrap().is_none());

    ticket.price = 30;
    let rolled_back = transaction(&mut conn, &mut ticket, |conn, ticket| {
        ticket.save(conn)?;
        Err::<(), _>(Error::other("no"))
    });
    assert!(matches!(rolled_back, Err(Error::Other(_))));
    assert_eq!((ticket.version, ticket.price), (2, 30));
    assert_eq!(ticket.save(&mut conn).unwrap().unwrap().version(), 3);
    assert_eq!(Ticket::row(7, &mut conn).as_ref(), Some(&*ticket));
}

#[test]
fn only_the_changed_columns_are_written() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = tracked(&mut conn);
    let log = Log::on(&mut conn);
    ticket.price = 25;
    let change = ticket.save(&mut conn).unwrap().unwrap();
    assert_eq!((change.price, change.version()), (25, 2));
    let one =
        sql("UPDATE 'tickets' SET 'price' = ?, 'version' = ? WHERE 'id' = ? AND 'version' = ?");
    assert_eq!(ran(&log), std::slice::from_ref(&one));
    ticket.note = None;
    ticket.title = "opera".into();
    ticket.save(&mut conn).unwrap();
    let two = sql(
        "UPDATE 'tickets' SET 'title' = ?, 'note' = ?, 'version' = ? WHERE 'id' = ? AND 'version' = ?",
    );
    assert_eq!(ran(&log), [two]);
    ticket.price = 26;
    ticket.save(&mut conn).unwrap();
    assert_eq!(log.take(), [one], "it is prepared already");
    assert_eq!(ticket.version, 4);
    assert_eq!(Ticket::row(7, &mut conn).as_ref(), Some(&*ticket));
    assert_eq!(ticket.original(), &*ticket);
}

#[test]
fn t14_when_nothing_changed_nothing_is_written_and_a_stale_row_is_reported() {
    let (_db, mut conn, mut other) = two_sessions();
    let mut ticket = tracked(&mut conn);
    let log = Log::on(&mut conn);
    assert!(ticket.save(&mut conn).unwrap().is_none());
    ticket.price = 99;
    ticket.price = 20;
    assert!(ticket.save(&mut conn).unwrap().is_none());
    let lines = ran(&log);
    assert!(
        lines.iter().all(|line| line.starts_with("SELECT")) && lines.len() == 2,
        "{lines:?}"
    );
    assert_eq!(ticket.version, 1);
    Ticket::at(7, 1).touch(&mut other).unwrap();
    assert_stale(ticket.save(&mut conn), 1, 2);
    Ticket::at(7, 2).delete(&mut other).unwrap();
    assert_deleted(ticket.save(&mut conn), 1);
}

#[test]
fn a_stale_save_changes_nothing_and_fails_again() {
    let (_db, mut conn, mut other) = two_sessions();
    let mut ticket = tracked(&mut conn);
    Ticket::at(7, 1).touch(&mut other).unwrap();
    ticket.price = 25;
    let before = ticket.clone();
    for _ in 0..2 {
        assert_stale(ticket.save(&mut conn), 1, 2);
        assert_eq!(ticket, before);
    }
    assert_eq!(Ticket::row(7, &mut conn).unwrap().price, 20);
}

#[test]
fn a_rebase_keeps_what_only_one_side_changed() {
    let (_db, mut conn, mut other) = two_sessions();
    let mut mine = tracked(&mut conn);
    let mut theirs = tracked_again(&mut other);
    theirs.title = "opera".into();
    theirs.note = None;
    theirs.save(&mut other).unwrap();
    mine.price = 25;
    mine.note = None;
    assert_stale(mine.save(&mut conn), 1, 2);
    mine.rebase(&mut conn).unwrap();
    let merged = Ticket {
        id: 7,
        title: "opera".into(),
        price: 25,
        note: None,
        version: 2,
    };
    assert_eq!(*mine, merged);
    let log = Log::on(&mut conn);
    mine.save(&mut conn).unwrap();
    assert_eq!(
        ran(&log),
        [sql(
            "UPDATE 'tickets' SET 'price' = ?, 'version' = ? WHERE 'id' = ? AND 'version' = ?"
        )]
    );
    assert_eq!(
        Ticket::row(7, &mut conn).unwrap(),
        Ticket {
            version: 3,
            ..merged
        }
    );
}

fn tracked_again(conn: &mut Conn) -> Tracked<Ticket> {
    Ticket::find(&7, conn).unwrap().into()
}

#[test]
fn a_rebase_names_what_both_sides_changed_and_lets_the_caller_choose() {
    let (_db, mut conn, mut other) = two_sessions();
    let mut mine = tracked(&mut conn);
    let mut theirs = tracked_again(&mut other);
    theirs.title = "opera".into();
    theirs.price = 30;
    theirs.save(&mut other).unwrap();
    mine.title = "ballet".into();
    mine.price = 25;
    mine.note = Some("back row".into());
    let before = mine.clone();
    match mine.rebase(&mut conn) {
        Err(Error::BothChanged { table, id, columns }) => {
            assert_eq!((table, id.as_str()), ("tickets", "7"));
            assert_eq!(columns, ["title", "price"]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(mine, before);
    let mut asked = Vec::new();
    mine.rebase_with(&mut conn, |column, mine, theirs| {
        asked.push((column, mine.price, theirs.price));
        if column == "price" {
            Keep::Mine
        } else {
            Keep::Theirs
        }
    })
    .unwrap();
    assert_eq!(asked, [("title", 25, 30), ("price", 25, 30)]);
    mine.save(&mut conn).unwrap();
    let merged = Ticket {
        id: 7,
        title: "opera".into(),
        price: 25,
        note: Some("back row".into()),
        version: 3,
    };
    assert_eq!(Ticket::row(7, &mut conn), Some(merged));
}

#[test]
fn a_deleted_row_is_a_conflict_for_a_rebase() {
    let (_db, mut conn, mut other) = two_sessions();
    let mut ticket = tracked(&mut conn);
    Ticket::at(7, 1).delete(&mut other).unwrap();
    ticket.price = 25;
    let before = ticket.clone();
    assert_deleted(ticket.rebase(&mut conn), 1);
    assert_eq!(ticket, before);
    ticket.revert();
    assert!(matches!(
        ticket.reload(&mut conn),
        Err(Error::NotFound { .. })
    ));
}

#[test]
fn t13_a_changed_key_is_refused() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = tracked(&mut conn);
    ticket.id = 8;
    ticket.price = 99;
    let log = Log::on(&mut conn);
    for refused in [ticket.save(&mut conn).map(drop), ticket.rebase(&mut conn)] {
        match refused {
            Err(Error::KeyChanged { table, id }) => {
                assert_eq!((table, id.as_str()), ("tickets", "7"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(log.take(), Vec::<String>::new());
}

#[test]
fn a_rollback_makes_the_changes_unsaved_again() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = tracked(&mut conn);
    ticket.price = 25;
    let before = ticket.clone();
    let rolled_back = transaction(&mut conn, &mut ticket, |conn, ticket| {
        ticket.save(conn)?;
        assert_eq!((ticket.version, ticket.original().price), (2, 25));
        Err::<(), _>(Error::other("no"))
    });
    assert!(rolled_back.is_err());
    assert_eq!(ticket, before);
    ticket.save(&mut conn).unwrap();
    assert_eq!(Ticket::row(7, &mut conn).as_ref(), Some(&*ticket));
    assert_eq!((ticket.price, ticket.version), (25, 2));
}

/// A write that bypasses the tracking is found by the version: all columns are written then.
#[test]
fn what_is_written_through_the_model_is_not_taken_for_known() {
    let (_db, mut conn, _) = two_sessions();
    let mut ticket = tracked(&mut conn);
    ticket.price = 25;
    let rolled_back = transaction(&mut conn, &mut *ticket, |conn, ticket| {
        ticket.save(conn)?;
        Err::<(), _>(Error::other("no"))
    });
    assert!(rolled_back.is_err());
    // Not `ticket.touch(..)`, which the tracking hears of.
    Ticket::touch(&mut ticket, &mut conn).unwrap();
    assert_eq!(Ticket::row(7, &mut conn).unwrap().price, 20);
    let log = Log::on(&mut conn);
    ticket.save(&mut conn).unwrap();
    assert_eq!(
        ran(&log),
        [sql(
            "UPDATE 'tickets' SET 'title' = ?, 'price' = ?, 'note' = ?, 'version' = ? WHERE 'id' = ? AND 'version' = ?"
        )]
    );
    assert_eq!(
        (ticket.version, Ticket::row(7, &mut conn).unwrap().price),
        (3, 25)
    );
    assert!(ticket.save(&mut conn).unwrap().is_none());
}

/// `#[versioned(excluded)]`
mod excluded {
    use versioned_tests::pages::{PAGES, Page, pages};

    use super::*;

    fn page() -> (Db, Conn, Tracked<Page>) {
        let db = Db::fresh(PAGES);
        let mut conn = db.connect();
        let mut page = Page::hello();
        page.insert(&mut conn).unwrap();
        (db, conn, Tracked::new(page))
    }

    #[test]
    fn t16_a_change_of_what_is_excluded_is_written_unguarded_and_moves_no_version() {
        let (_db, mut conn, mut page) = page();
        let log = Log::on(&mut conn);
        page.hits = 5;
        assert!(page.save(&mut conn).unwrap().is_none());
        assert_eq!(
            ran(&log),
            [sql("UPDATE 'pages' SET 'hits' = ? WHERE 'id' = ?")]
        );
        assert_eq!(Page::find(&1, &mut conn).unwrap(), *page);
        assert_eq!(page.version, 1);

        // Another session saves: excluded columns are still written, and others still conflict.
        Page::at(1, 1)
            .update(pages::body.eq("theirs"), &mut conn)
            .unwrap();
        page.hits = 6;
        assert!(page.save(&mut conn).unwrap().is_none());
        let row = Page::find(&1, &mut conn).unwrap();
        assert_eq!((row.body.as_str(), row.hits, row.version), ("theirs", 6, 2));
        page.body = "mine".into();
        assert_eq!(
            conflict(page.save(&mut conn)).found(),
            Some(Token::Number(2))
        );
        page.rebase(&mut conn).unwrap_err();
        page.rebase_with(&mut conn, |_, _, _| Keep::Mine).unwrap();
        page.hits = 7;
        page.save(&mut conn).unwrap();
        let row = Page::find(&1, &mut conn).unwrap();
        assert_eq!((row.body.as_str(), row.hits, row.version), ("mine", 7, 3));

        Page::at(1, 3).delete(&mut conn).unwrap();
        page.hits = 8;
        assert_eq!(conflict(page.save(&mut conn)).kind(), ConflictKind::Deleted);
    }
}

/// Each of many columns alone is kept prepared; larger sets of them are not.
mod many_columns {
    use super::*;

    diesel::table! {
        wide {
            id -> BigInt,
            c1 -> BigInt, c2 -> BigInt, c3 -> BigInt, c4 -> BigInt, c5 -> BigInt, c6 -> BigInt,
            c7 -> BigInt, c8 -> BigInt, c9 -> BigInt, c10 -> BigInt, c11 -> BigInt,
            version -> BigInt,
        }
    }

    #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
    #[diesel(table_name = wide)]
    #[versioned(owner)]
    struct Wide {
        id: i64,
        c1: i64,
        c2: i64,
        c3: i64,
        c4: i64,
        c5: i64,
        c6: i64,
        c7: i64,
        c8: i64,
        c9: i64,
        c10: i64,
        c11: i64,
        version: i64,
    }

    #[test]
    fn few_changes_are_kept_prepared_and_many_are_not() {
        let db = Db::fresh("");
        let mut conn = db.connect();
        let columns: Vec<String> = (1..=11).map(|n| format!("c{n} BIGINT NOT NULL")).collect();
        conn.batch_execute(&format!(
            "CREATE TABLE wide (id BIGINT PRIMARY KEY, {}, version BIGINT NOT NULL)",
            columns.join(", ")
        ))
        .unwrap();
        let mut wide = Wide {
            id: 1,
            c1: 0,
            c2: 0,
            c3: 0,
            c4: 0,
            c5: 0,
            c6: 0,
            c7: 0,
            c8: 0,
            c9: 0,
            c10: 0,
            c11: 0,
            version: 0,
        };
        wide.insert(&mut conn).unwrap();
        let mut wide = Tracked::new(wide);
        let log = Log::on(&mut conn);
        let prepared = |log: &Log| {
            log.take()
                .iter()
                .filter(|line| line.starts_with("prepare "))
                .count()
        };
        for expected in [1, 0] {
            wide.c1 += 1;
            wide.c11 += 1;
            wide.save(&mut conn).unwrap();
            assert_eq!(prepared(&log), expected);
        }
        for _ in 0..2 {
            wide.c1 += 1;
            wide.c2 += 1;
            wide.c3 += 1;
            wide.save(&mut conn).unwrap();
            assert_eq!(prepared(&log), 0, "it is not kept");
        }
        assert_eq!(Wide::find(&1, &mut conn).unwrap(), *wide);
    }
}
