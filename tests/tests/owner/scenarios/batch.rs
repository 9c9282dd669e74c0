//! T18: many rows at once, all or none, or each for itself.

use std::sync::Barrier;
use std::thread;

use versioned_core::{Op, RowConflict, Tracked};

use super::statements::Log;
use super::*;

fn tickets(ids: impl IntoIterator<Item = i64>) -> Vec<Ticket> {
    ids.into_iter()
        .map(|id| Ticket {
            id,
            title: format!("show {id}"),
            note: (id % 2 == 0).then(|| "even".into()),
            ..Ticket::concert()
        })
        .collect()
}

fn inserted(ids: impl IntoIterator<Item = i64>, conn: &mut Conn) -> Vec<Ticket> {
    let mut rows = tickets(ids);
    Ticket::insert_all(&mut rows, conn).unwrap();
    rows
}

/// The rows, in the order of their ids, read by Diesel alone.
fn rows(conn: &mut Conn) -> Vec<Ticket> {
    tickets::table
        .select(Ticket::as_select())
        .order(tickets::id)
        .load(conn)
        .unwrap()
}

#[track_caller]
fn conflicts<T>(result: Result<T, Error>) -> Vec<RowConflict> {
    match result {
        Err(Error::Conflicts(conflicts)) => conflicts,
        Err(error) => panic!("expected conflicts, got {error:?}"),
        Ok(_) => panic!("expected conflicts, but it went through"),
    }
}

#[test]
fn t18_a_batch_writes_all_rows_and_memory_follows() {
    let (_db, mut conn, _) = two_sessions();
    // Not in the order of their keys.
    let mut batch = tickets([9, 1, 10, 4, 2]);
    let changes = Ticket::insert_all(&mut batch, &mut conn).unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|change| (change.op(), change.id, change.version()))
        .collect();
    assert_eq!(told, [9, 1, 10, 4, 2].map(|id| (Op::Created, id, 1)));
    batch.sort_by_key(|ticket| ticket.id);
    assert_eq!(rows(&mut conn), batch);

    for (price, ticket) in (100..).zip(&mut batch) {
        ticket.price = price;
        ticket.note = None;
    }
    let changes = Ticket::save_all(&mut batch, &mut conn).unwrap();
    assert!(
        changes
            .iter()
            .all(|change| (change.op(), change.version()) == (Op::Updated, 2))
    );
    assert_eq!(rows(&mut conn), batch);

    let mut gone = batch.split_off(2);
    let changes = Ticket::delete_all(&mut gone, &mut conn).unwrap();
    assert!(
        changes
            .iter()
            .all(|change| (change.op(), change.version()) == (Op::Deleted, 3))
    );
    assert_eq!(rows(&mut conn), batch);
}

#[test]
fn t18_a_batch_writes_nothing_and_names_every_row_in_conflict() {
    let (_db, mut conn, mut other) = two_sessions();
    let mut batch = inserted(1..=6, &mut conn);
    batch.reverse();
    Ticket::at(5, 1).touch(&mut other).unwrap();
    Ticket::at(2, 1).touch(&mut other).unwrap();
    Ticket::at(2, 2).touch(&mut other).unwrap();
    Ticket::at(4, 1).delete(&mut other).unwrap();
    let before = (batch.clone(), rows(&mut conn));
    for ticket in &mut batch {
        ticket.price += 1;
    }
    let in_memory = batch.clone();

    let saved = Ticket::save_all(&mut batch, &mut conn).map(drop);
    let text = saved.as_ref().unwrap_err().to_string();
    assert_eq!(
        text,
        "3 of the batch's rows conflicted: tickets 5 is stale: expected version 1, found 2; \
         tickets 4 was deleted or never existed: expected version 1; \
         tickets 2 is stale: expected version 1, found 3"
    );
    let named: Vec<_> = conflicts(saved)
        .into_iter()
        .map(|RowConflict { row, conflict, .. }| (row, conflict.kind(), conflict.found()))
        .collect();
    let expected = [
        (1, ConflictKind::Stale, Some(Token::Number(2))),
        (2, ConflictKind::Deleted, None),
        (4, ConflictKind::Stale, Some(Token::Number(3))),
    ];
    assert_eq!(named, expected);
    assert_eq!(batch, in_memory);

    let deleted = Ticket::delete_all(&mut batch, &mut conn).map(drop);
    assert_eq!(conflicts(deleted).len(), 3);
    assert_eq!(batch, in_memory);
    assert_eq!(rows(&mut conn), before.1);
    // Saving again fails again.
    let again = Ticket::save_all(&mut batch, &mut conn).unwrap_err();
    assert!(again.is_conflict());
    assert_eq!(again.to_string(), text);
    assert_eq!(rows(&mut conn), before.1);

    // Three of them are told.
    let told = |batch: &mut [Ticket], conn: &mut Conn| {
        let error = Ticket::save_all(batch, conn).unwrap_err();
        let text = error.to_string();
        (text.matches("tickets").count(), text.ends_with("; .."))
    };
    assert_eq!(told(&mut batch[..3], &mut conn), (2, false));
    assert_eq!(told(&mut batch, &mut conn), (3, false));
    Ticket::at(1, 1).touch(&mut other).unwrap();
    assert_eq!(told(&mut batch, &mut conn), (3, true));
}

#[test]
fn t18_one_row_twice_is_refused_before_any_sql() {
    let (_db, mut conn, _) = two_sessions();
    let one = Ticket::inserted(&mut conn);
    let mut batch = [
        one.clone(),
        Ticket {
            id: 8,
            ..one.clone()
        },
        one.clone(),
    ];
    let log = Log::on(&mut conn);
    for refused in [
        Ticket::save_all(&mut batch, &mut conn).map(drop),
        Ticket::delete_all(&mut batch, &mut conn).map(drop),
        Ticket::insert_all(&mut batch, &mut conn).map(drop),
        Ticket::save_each(&mut batch, &mut conn).map(drop),
    ] {
        match refused {
            Err(Error::TwiceInBatch { table, id }) => {
                assert_eq!((table, id.as_str()), ("tickets", "7"));
            }
            other => panic!("{other:?}"),
        }
    }
    let mut last = [
        one.clone(),
        Ticket {
            id: 8,
            version: i64::MAX,
            ..one
        },
    ];
    for refused in [
        Ticket::save_all(&mut last, &mut conn).map(drop),
        Ticket::delete_all(&mut last, &mut conn).map(drop),
        Ticket::save_each(&mut last, &mut conn).map(drop),
    ] {
        assert!(
            matches!(refused, Err(Error::VersionExhausted { .. })),
            "{refused:?}"
        );
    }
    let none: &mut [Ticket] = &mut [];
    assert!(Ticket::save_all(none, &mut conn).unwrap().is_empty());
    assert!(Ticket::delete_all(none, &mut conn).unwrap().is_empty());
    assert!(Ticket::insert_all(none, &mut conn).unwrap().is_empty());
    assert!(Ticket::save_each(none, &mut conn).unwrap().is_empty());
    assert_eq!(log.take(), Vec::<String>::new());
}

#[test]
fn t18_save_each_keeps_the_good_rows() {
    for refused_by_a_check in [false, true] {
        let (_db, mut conn, mut other) = two_sessions();
        let mut batch = inserted(1..=5, &mut conn);
        batch.reverse();
        Ticket::at(4, 1).touch(&mut other).unwrap();
        Ticket::at(2, 1).delete(&mut other).unwrap();
        for ticket in &mut batch {
            ticket.price = 50;
        }
        if refused_by_a_check {
            batch[4].price = -1;
        }
        let outcomes = Ticket::save_each(&mut batch, &mut conn).unwrap();
        let kinds: Vec<_> = outcomes
            .iter()
            .map(|outcome| match outcome {
                Ok(change) => format!("version {}", change.version()),
                Err(Error::Conflict(conflict)) => format!("{:?}", conflict.kind()),
                Err(Error::Database(_)) => "the database".to_owned(),
                Err(error) => panic!("{error:?}"),
            })
            .collect();
        let last = if refused_by_a_check {
            "the database"
        } else {
            "version 2"
        };
        assert_eq!(kinds, ["version 2", "Stale", "version 2", "Deleted", last]);
        drop(outcomes);
        let versions: Vec<_> = batch.iter().map(|ticket| ticket.version).collect();
        let last = if refused_by_a_check { 1 } else { 2 };
        assert_eq!(versions, [2, 1, 2, 1, last]);
        let stored: Vec<_> = rows(&mut conn)
            .into_iter()
            .map(|row| (row.id, row.price, row.version))
            .collect();
        let first = if refused_by_a_check {
            (1, 20, 1)
        } else {
            (1, 50, 2)
        };
        assert_eq!(stored, [first, (3, 50, 2), (4, 20, 2), (5, 50, 2)]);
    }
}

#[test]
fn t18_save_each_inside_of_a_transaction_survives_a_refused_row() {
    let (_db, mut conn, _) = two_sessions();
    let mut batch = inserted(1..=3, &mut conn);
    batch[1].price = -1;
    let outcomes = transaction(&mut conn, &mut batch[..], |conn, batch| {
        let outcomes: Vec<bool> = Ticket::save_each(batch, conn)?
            .iter()
            .map(Result::is_ok)
            .collect();
        Ticket::at(2, 1).touch(conn)?;
        Ok::<_, Error>(outcomes)
    })
    .unwrap();
    assert_eq!(outcomes, [true, false, true]);
    assert_eq!(
        rows(&mut conn)
            .iter()
            .map(|row| row.version)
            .collect::<Vec<_>>(),
        [2, 2, 2]
    );
}

#[test]
fn t18_a_constraint_turns_the_whole_batch_away() {
    let (_db, mut conn, _) = two_sessions();
    let mut batch = inserted(1..=3, &mut conn);
    let before = rows(&mut conn);
    batch[2].price = -1;
    batch[0].price = 99;
    let memory = batch.clone();
    assert!(matches!(
        Ticket::save_all(&mut batch, &mut conn),
        Err(Error::Database(_))
    ));
    assert_eq!(batch, memory);
    let mut new = tickets([7, 8, 2]);
    assert!(matches!(
        Ticket::insert_all(&mut new, &mut conn),
        Err(Error::Database(_))
    ));
    assert_eq!(new, tickets([7, 8, 2]));
    assert_eq!(rows(&mut conn), before);
}

#[test]
fn t18_a_rollback_puts_every_version_back() {
    let (_db, mut conn, _) = two_sessions();
    let mut batch = inserted(1..=3, &mut conn);
    let before = rows(&mut conn);
    let rolled_back = transaction(&mut conn, &mut batch[..], |conn, batch| {
        Ticket::save_all(batch, conn)?;
        Ticket::save_each(batch, conn)?;
        Ticket::delete_all(batch, conn)?;
        assert_eq!(batch[0].version, 4);
        Err::<(), _>(Error::other("no"))
    });
    assert!(
        matches!(rolled_back, Err(Error::Other(_))),
        "{rolled_back:?}"
    );
    assert_eq!(batch, before);
    assert_eq!(rows(&mut conn), before);
}

/// `SQLite` would look at every row of the table for a DELETE of many keys.
#[test]
fn t18_many_rows_are_deleted_one_by_one_on_sqlite() {
    let (_db, mut conn, _) = two_sessions();
    let mut batch = inserted(1..=60, &mut conn);
    let log = Log::on(&mut conn);
    Ticket::delete_all(&mut batch, &mut conn).unwrap();
    let ran = log.take();
    let deletions = ran.iter().filter(|line| {
        let first = line.split(' ').next().unwrap_or_default();
        !["prepare", "BEGIN", "COMMIT"].contains(&first)
    });
    let expected = if backend::NAME == "sqlite" { 60 } else { 1 };
    assert_eq!(deletions.count(), expected);
    assert_eq!(rows(&mut conn), []);
}

/// More than a statement takes.
#[test]
fn t18_thousands_of_rows_are_one_batch() {
    const ROWS: i64 = 4_500;
    let (_db, mut conn, mut other) = two_sessions();
    let mut batch = inserted((1..=ROWS).rev(), &mut conn);
    assert_eq!(rows(&mut conn).len(), batch.len());
    for ticket in &mut batch {
        ticket.price = ticket.id;
    }
    Ticket::save_all(&mut batch, &mut conn).unwrap();
    batch.reverse();
    assert_eq!(rows(&mut conn), batch);

    Ticket::at(10, 2).touch(&mut other).unwrap();
    Ticket::at(4_321, 2).touch(&mut other).unwrap();
    let named = conflicts(Ticket::save_all(&mut batch, &mut conn).map(drop));
    assert_eq!(
        named
            .iter()
            .map(|conflict| conflict.row)
            .collect::<Vec<_>>(),
        [9, 4_320]
    );
    assert_eq!(
        rows(&mut conn)
            .iter()
            .filter(|row| row.version == 3)
            .count(),
        2
    );
    let outcomes = Ticket::save_each(&mut batch, &mut conn).unwrap();
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_err()).count(),
        2
    );
    drop(outcomes);
    assert!(rows(&mut conn).iter().all(|row| row.version == 3));
    Ticket::find(&10, &mut conn)
        .unwrap()
        .delete(&mut conn)
        .unwrap();
    Ticket::find(&4_321, &mut conn)
        .unwrap()
        .delete(&mut conn)
        .unwrap();
    batch.retain(|ticket| ticket.version == 3);
    Ticket::delete_all(&mut batch, &mut conn).unwrap();
    assert_eq!(rows(&mut conn), []);
}

#[test]
fn t18_of_fifty_writers_of_the_same_rows_each_row_has_one_winner() {
    const WRITERS: usize = 50;
    const ROWS: i64 = 8;
    let db = Db::fresh(TICKETS);
    inserted(1..=ROWS, &mut db.connect());
    let barrier = Barrier::new(WRITERS);
    let won: Vec<Vec<i64>> = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let mut conn = db.connect();
                let barrier = &barrier;
                scope.spawn(move || {
                    let mut batch = rows(&mut conn);
                    batch.rotate_left(writer % 8);
                    for ticket in &mut batch {
                        ticket.price = i64::try_from(writer).unwrap();
                    }
                    barrier.wait();
                    // A deadlock or a busy database is no outcome for a row: all of it again.
                    let outcomes = loop {
                        match Ticket::save_each(&mut batch, &mut conn) {
                            Ok(outcomes) => break outcomes,
                            Err(error) => assert!(error.is_conflict(), "{error:?}"),
                        }
                        thread::yield_now();
                    };
                    outcomes.iter().flatten().map(|change| change.id).collect()
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .collect()
    });
    let mut all: Vec<i64> = won.concat();
    all.sort_unstable();
    assert_eq!(
        all,
        (1..=ROWS).collect::<Vec<_>>(),
        "each row has one winner"
    );
    for row in rows(&mut db.connect()) {
        assert_eq!(row.version, 2);
        let winner = won.iter().position(|ids| ids.contains(&row.id)).unwrap();
        assert_eq!(row.price, i64::try_from(winner).unwrap());
    }
}

#[test]
fn t18_overlapping_batches_lose_no_update() {
    const WORKERS: i64 = 8;
    const BATCHES: i64 = 25;
    const ROWS: i64 = 20;
    let db = Db::fresh(TICKETS);
    let mut all = tickets(1..=ROWS);
    for ticket in &mut all {
        ticket.price = 0;
    }
    Ticket::insert_all(&mut all, &mut db.connect()).unwrap();
    thread::scope(|scope| {
        for worker in 0..WORKERS {
            let mut conn = db.connect();
            scope.spawn(move || {
                for batch in 0..BATCHES {
                    let first = (worker * 3 + batch * 7) % ROWS;
                    let ids: Vec<i64> = (0..10).map(|place| (first + place) % ROWS + 1).collect();
                    loop {
                        let mut batch: Vec<Ticket> = tickets::table
                            .filter(tickets::id.eq_any(&ids))
                            .select(Ticket::as_select())
                            .load(&mut conn)
                            .unwrap();
                        for ticket in &mut batch {
                            ticket.price += 1;
                        }
                        match Ticket::save_all(&mut batch, &mut conn) {
                            Ok(_) => break,
                            Err(error) => assert!(error.is_conflict(), "{error:?}"),
                        }
                    }
                }
            });
        }
    });
    let rows = rows(&mut db.connect());
    assert_eq!(
        rows.iter().map(|row| row.price).sum::<i64>(),
        WORKERS * BATCHES * 10
    );
    assert!(rows.iter().all(|row| row.version == row.price + 1));
}

/// What was run, without what was prepared for it.
fn ran(log: &Log) -> Vec<String> {
    log.take()
        .into_iter()
        .filter(|line| !line.starts_with("prepare "))
        .collect()
}

#[test]
fn t18_a_batch_is_a_constant_number_of_statements() {
    let (_db, mut conn, _) = two_sessions();
    match backend::NAME {
        "postgres" => by_arrays(&mut conn),
        "mysql" => by_a_table_in_json(&mut conn),
        _ => by_values(&mut conn),
    }
}

fn by_arrays(conn: &mut Conn) {
    let log = Log::on(conn);
    let mut batch = inserted(1..=300, conn);
    assert_eq!(
        ran(&log),
        [
            "WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, unnest($3) AS c2, unnest($4) AS c3, \
          unnest($5) AS c4), written AS (INSERT INTO \"tickets\" (\"id\", \"title\", \"price\", \"note\", \"version\") \
          SELECT c0, c1, c2, c3, c4 FROM given RETURNING 1) SELECT CASE WHEN (SELECT count(*) FROM written) >= $6 \
          THEN 1 ELSE CAST('versioned: rows written: ' || (SELECT count(*) FROM written) AS integer) END FROM given"
        ]
    );
    let given = "WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, unnest($3) AS c2, unnest($4) AS c3, \
         unnest($5) AS c4, unnest($6) AS c5";
    let guard =
        "WHERE target.\"version\" = ANY(ARRAY[given.c0]) AND target.\"id\" = ANY(ARRAY[given.c1])";
    let update = format!(
        "UPDATE \"tickets\" AS target SET \"title\" = given.c2, \"price\" = given.c3, \"note\" = given.c4, \
         \"version\" = given.c5 FROM given {guard}"
    );
    let held = |lock: &str| {
        format!(
            "held AS (SELECT 1 FROM \"tickets\" AS target, given {guard} ORDER BY given.place FOR {lock} OF target)"
        )
    };
    let first = format!(
        "{given}, generate_series(1, $7) AS place), {}",
        held("NO KEY UPDATE")
    );
    let all = "AND (SELECT count(*) FROM held) >=";
    // What is suppressed after it was locked fails the statement.
    let whole = |bind: u32| {
        format!(
            "SELECT CASE WHEN (SELECT count(*) FROM written) >= ${bind} THEN 1 ELSE CAST('versioned: rows written: ' || \
             (SELECT count(*) FROM written) AS integer) END FROM written"
        )
    };
    for rows in [100, 3, 1] {
        Ticket::save_all(&mut batch[..rows], conn).unwrap();
        assert_eq!(
            ran(&log),
            [format!(
                "{first}, written AS ({update} {all} $8 RETURNING given.place) {}",
                whole(9)
            )]
        );
    }
    Ticket::save_all(&mut batch, conn).unwrap();
    assert_eq!(
        ran(&log),
        [
            "BEGIN".into(),
            format!("{given}) {update}"),
            "COMMIT".into()
        ]
    );
    Ticket::save_each(&mut batch[..100], conn).unwrap();
    assert_eq!(
        ran(&log),
        [format!(
            "{first}, written AS ({update} {all} $8 RETURNING given.place) SELECT place FROM written"
        )]
    );
    Ticket::save_each(&mut batch, conn).unwrap();
    assert_eq!(
        ran(&log),
        [format!(
            "{given}, generate_series(1, $7) AS place), written AS ({update} RETURNING given.place) \
             SELECT place FROM written"
        )]
    );
    Ticket::delete_all(&mut batch[..100], conn).unwrap();
    assert_eq!(
        ran(&log),
        [format!(
            "WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, generate_series(1, $3) AS place), {}, \
             written AS (DELETE FROM \"tickets\" AS target USING given {guard} {all} $4 RETURNING given.place) {}",
            held("UPDATE"),
            whole(5)
        )]
    );
}

fn by_a_table_in_json(conn: &mut Conn) {
    let mut batch = inserted([3, 1, 2, 4], conn);
    let log = Log::on(conn);
    Ticket::save_all(&mut batch, conn).unwrap();
    let column = |place: usize, of: &str| format!("c{place} {of} PATH '$[{place}]' ERROR ON ERROR");
    let columns = [
        column(0, "BIGINT"),
        column(1, "BIGINT"),
        column(2, "LONGTEXT CHARACTER SET utf8mb4"),
        column(3, "BIGINT"),
        column(4, "LONGTEXT CHARACTER SET utf8mb4"),
        column(5, "BIGINT"),
    ];
    let columns = columns.join(", ");
    let statement = format!(
        "/*M!100100 SET STATEMENT sql_safe_updates = 0 FOR */ UPDATE /*+ SET_VAR(sql_safe_updates = 0) */ \
         JSON_TABLE(?, '$[*]' COLUMNS ({columns})) AS given STRAIGHT_JOIN `tickets` AS target \
         ON target.`version` = given.c0 AND target.`id` = given.c1 SET target.`title` = given.c2, \
         target.`price` = given.c3, target.`note` = given.c4, target.`version` = given.c5"
    );
    assert_eq!(ran(&log), ["BEGIN".into(), statement, "COMMIT".into()]);
    Ticket::delete_all(&mut batch, conn).unwrap();
    assert!(
        ran(&log)[1]
            .contains(" DELETE /*+ SET_VAR(sql_safe_updates = 0) */ target FROM JSON_TABLE(?, ")
    );
    Ticket::insert_all(&mut batch, conn).unwrap();
    assert!(ran(&log)[1].starts_with("INSERT INTO `tickets` (`id`, "));
    drop(log);
    in_a_loop(13, conn);
}

fn by_values(conn: &mut Conn) {
    let log = Log::on(conn);
    let mut batch = inserted(1..=102, conn);
    let lines = ran(&log);
    let many = "INSERT INTO `tickets` (`id`, `title`, `price`, `note`, `version`) VALUES (?, ?, ?, ?, ?), (";
    assert_eq!(
        lines.iter().filter(|line| line.starts_with(many)).count(),
        2
    );
    assert_eq!(lines.len(), 1 + 2 + 2 + 1, "{lines:?}");
    Ticket::save_all(&mut batch, conn).unwrap();
    let lines = ran(&log);
    let many = "WITH given (c0, c1, c2, c3, c4, c5) AS (VALUES (?, ?, ?, ?, ?, ?), (";
    let update = ") UPDATE `tickets` AS target SET `title` = given.c2, `price` = given.c3, `note` = given.c4, \
        `version` = given.c5 FROM given WHERE target.`version` = given.c0 AND target.`id` = given.c1";
    assert_eq!(
        lines
            .iter()
            .filter(|line| line.starts_with(many) && line.ends_with(update))
            .count(),
        2
    );
    assert_eq!(lines.len(), 1 + 2 + 2 + 1, "{lines:?}");
    drop(log);
    in_a_loop(203, conn);
}

/// Three rows, from this key on.
fn in_a_loop(key: i64, conn: &mut Conn) {
    let mut batch = inserted([key + 2, key, key + 1], conn);
    let log = Log::on(conn);
    Ticket::save_all(&mut batch, conn).unwrap();
    let lines = log.take();
    let saves = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(saves("UPDATE"), 3, "{lines:?}");
    assert!(saves("prepare UPDATE") <= 1, "{lines:?}");
    assert_eq!(
        (
            lines.first().map(String::as_str),
            lines.last().map(String::as_str)
        ),
        (Some("BEGIN"), Some("COMMIT"))
    );
}

/// Columns are counted from the right place, wherever the key is among them.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct KeyInside {
    title: String,
    price: i64,
    id: i64,
    note: Option<String>,
    version: i64,
}

#[test]
fn t18_tracked_models_are_written_by_a_statement_for_each_set_of_columns() {
    let (_db, mut conn, _) = two_sessions();
    let conn = &mut conn;
    let rows = inserted(1..=120, conn).into_iter();
    let rows = rows.map(
        |Ticket {
             id,
             title,
             price,
             note,
             version,
         }| KeyInside {
            title,
            price,
            id,
            note,
            version,
        },
    );
    let mut rows: Vec<_> = rows.map(Tracked::new).collect();
    for row in &mut rows[..100] {
        if row.id % 2 == 0 {
            row.note = Some("new".into());
        } else {
            (row.title, row.price) = (format!("new {}", row.id), row.price + 1);
        }
    }
    let log = Log::on(conn);
    Tracked::save_all(&mut rows, conn).unwrap();
    let lines = ran(&log);
    match backend::NAME {
        "postgres" => {
            let given = |more: &str| {
                format!("WITH given AS (SELECT unnest($1) AS c0, unnest($2) AS c1, {more})")
            };
            let guard = |id: u32| {
                format!(
                    "WHERE target.\"version\" = ANY(ARRAY[given.c0]) AND target.\"id\" = ANY(ARRAY[given.c{id}])"
                )
            };
            let update = "UPDATE \"tickets\" AS target SET";
            let expected = [
                "BEGIN".to_owned(),
                format!(
                    "{} SELECT given.place FROM \"tickets\" AS target, given {} \
                     ORDER BY given.place FOR NO KEY UPDATE OF target",
                    given("generate_series(1, $3) AS place"),
                    guard(1)
                ),
                format!(
                    "{} {update} \"title\" = given.c1, \"price\" = given.c2, \"version\" = given.c4 \
                     FROM given {}",
                    given("unnest($3) AS c2, unnest($4) AS c3, unnest($5) AS c4"),
                    guard(3)
                ),
                format!(
                    "{} {update} \"note\" = given.c2, \"version\" = given.c3 FROM given {}",
                    given("unnest($3) AS c2, unnest($4) AS c3"),
                    guard(1)
                ),
                "COMMIT".to_owned(),
            ];
            assert_eq!(lines, expected);
        }
        "mysql" => {
            let on = "STRAIGHT_JOIN `tickets` AS target ON target.`version` = given.c0 AND target.`id` =";
            let ends = [
                format!("{on} given.c1 FOR UPDATE"),
                format!(
                    "{on} given.c3 SET target.`title` = given.c1, target.`price` = given.c2, \
                     target.`version` = given.c4"
                ),
                format!("{on} given.c1 SET target.`note` = given.c2, target.`version` = given.c3"),
            ];
            let version = diesel::dsl::sql::<diesel::sql_types::Text>("SELECT VERSION()");
            let version: String = version.get_result(conn).unwrap();
            if !version.contains("MariaDB") {
                // MySQL locks no rows through a table of JSON, and the rows are written one by one.
                assert_eq!(lines.len(), 1 + 1 + 1 + 1 + 120 + 1, "{lines:?}");
                return;
            }
            assert_eq!(lines.len(), 5, "{lines:?}");
            for (line, end) in lines[1..].iter().zip(ends) {
                assert!(line.ends_with(&end), "{line}");
            }
        }
        _ => {
            let many = lines.iter().filter(|line| line.starts_with("WITH given"));
            assert_eq!(many.count(), 2);
            // Both sets have 50 rows each, and 20 rows are only checked.
            assert_eq!(lines.len(), 1 + 2 + 20 + 1, "{lines:?}");
        }
    }
    drop(log);

    for row in &mut rows {
        row.price = 7;
    }
    let log = Log::on(conn);
    Tracked::save_all(&mut rows[..50], conn).unwrap();
    let lines = ran(&log);
    let transaction = if backend::NAME == "postgres" { 0 } else { 2 };
    assert_eq!(lines.len(), 1 + transaction, "one set: {lines:?}");
    let mut rows: Vec<_> = rows[..50].iter().map(|row| KeyInside::clone(row)).collect();
    KeyInside::delete_all(&mut rows, conn).unwrap();
    let lines = ran(&log);
    if backend::NAME != "sqlite" {
        assert_eq!(lines.len(), 1 + transaction, "a deletion: {lines:?}");
    }
}
