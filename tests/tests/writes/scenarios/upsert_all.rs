//! `upsert_all`: insertions and saves, all or none.

use super::*;

/// New records, and records at version 1 that are inserted first. Not in the order of their keys.
macro_rules! mixed {
    ($model:ident, $count:expr, $conn:expr) => {{
        let mut loaded: Vec<_> = (1..=$count)
            .filter(|id| id % 3 != 0)
            .map($model::new)
            .collect();
        $model::insert_all(&mut loaded, $conn).unwrap();
        let new = (1..=$count).filter(|id| id % 3 == 0).map($model::new);
        let mut all: Vec<_> = new.chain(loaded).collect();
        for model in &mut all {
            model.price = model.id * 10;
        }
        all
    }};
}

macro_rules! batches {
    ($($test:ident: $model:ident, $told:expr;)*) => {$(
        #[test]
        fn $test() {
            for count in [1, 3, 7, 200] {
                let (_db, mut conn) = fresh(TICKETS);
                let conn = &mut conn;
                let mut all = mixed!($model, count, conn);
                let before = events(conn).len();
                let expected: Vec<_> = all
                    .iter()
                    .map(|model| if model.version == 0 { (Op::Created, model.id, 1) } else { (Op::Updated, model.id, 2) })
                    .collect();
                let changes = $model::upsert_all(&mut all, conn).unwrap();
                let done: Vec<_> = changes.iter().map(|change| (change.op(), change.id, change.version())).collect();
                assert_eq!(done, expected);
                drop(changes);
                for model in &all {
                    assert_eq!(row(model.id, conn), Some((1, "concert".into(), model.id * 10, model.version)));
                }
                let mut announced = told(conn).split_off(before);
                let mut writes: Vec<_> = expected
                    .iter()
                    .filter(|_| $told)
                    .map(|(op, id, version)| (format!("{op:?}").to_lowercase(), id.to_string(), *version))
                    .collect();
                announced.sort();
                writes.sort();
                assert_eq!(announced, writes);

                // One of them is behind, one is gone and comes back, and one more is new.
                if count < 7 {
                    continue;
                }
                let before = (all.clone(), told(conn));
                let stale = all[1].id;
                $model::at(stale, all[1].version).touch(conn).unwrap();
                let gone = all[2].clone();
                gone.clone().delete(conn).unwrap();
                all.push($model::new(stale + 1_000));
                all.push($model { version: 0, ..all[0].clone() });
                let twice = $model::upsert_all(&mut all, conn).map(drop);
                assert!(matches!(&twice, Err(Error::TwiceInBatch { id, .. }) if *id == all[0].id.to_string()), "{twice:?}");
                let last = all.pop().unwrap();
                assert_eq!((last.version, last.id), (0, all[0].id));
                let told_before = told(conn);
                match $model::upsert_all(&mut all, conn).map(drop) {
                    Err(Error::Conflicts(rows)) => {
                        let rows: Vec<_> = rows.iter().map(|row| (row.row, row.conflict.kind())).collect();
                        assert_eq!(rows, [(1, ConflictKind::Stale)]);
                    }
                    other => panic!("{other:?}"),
                }
                assert_eq!(told(conn), told_before, "nothing is announced");
                assert_eq!(all[..all.len() - 1], before.0[..]);
                assert_eq!(row(gone.id, conn), None, "nothing was written");
                assert_eq!(row(stale + 1_000, conn), None, "nothing was written");

                all[1].version += 1;
                let changes = $model::upsert_all(&mut all, conn).unwrap();
                assert_eq!((changes[0].op(), changes[1].op(), changes[2].op()), (Op::Updated, Op::Updated, Op::Created));
                assert_eq!(changes.last().unwrap().op(), Op::Created);
                drop(changes);
                for model in &all {
                    assert_eq!(row(model.id, conn).unwrap().3, model.version);
                }
            }
        }
    )*};
}

batches! {
    a_batch_inserts_and_saves: Ticket, false;
    a_batch_with_an_outbox_inserts_and_saves: Told, true;
    a_batch_with_tombstones_inserts_and_saves: Remembered, false;
    a_batch_with_both_inserts_and_saves: Announced, true;
}

#[test]
fn an_empty_batch_is_nothing() {
    let (_db, mut conn) = fresh(TICKETS);
    assert_eq!(Ticket::upsert_all(&mut [], &mut conn).unwrap().len(), 0);
}

#[test]
fn a_batch_is_a_constant_number_of_statements() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    let mut new: Vec<_> = (1..=200).map(Ticket::new).collect();
    let log = Log::on(conn);
    Ticket::upsert_all(&mut new, conn).unwrap();
    let ran = log.take();
    let expected: &[&str] = match NAME {
        "postgres" => &["WITH"],
        "mysql" => &["BEGIN", "INSERT", "COMMIT"],
        _ => &["BEGIN", "INSERT", "INSERT", "INSERT", "INSERT", "COMMIT"],
    };
    assert_eq!(verbs(&ran), expected);
    let mut both: Vec<_> = new
        .into_iter()
        .chain((201..=400).map(Ticket::new))
        .collect();
    Ticket::upsert_all(&mut both, conn).unwrap();
    let ran = log.take();
    let around = ["BEGIN", "SAVEPOINT", "RELEASE", "COMMIT"];
    let writes = verbs(&ran)
        .iter()
        .filter(|verb| !around.contains(verb))
        .count();
    let expected = if NAME == "sqlite" { 8 } else { 2 };
    assert_eq!(writes, expected, "{ran:?}");
    assert!(
        both.iter()
            .all(|ticket| ticket.version == 1 + i64::from(ticket.id <= 200))
    );
}

/// In a transaction of the caller's, a batch that fails leaves what was written before.
#[test]
fn a_batch_that_fails_leaves_the_transaction_usable() {
    let (_db, mut conn) = fresh(TICKETS);
    let conn = &mut conn;
    for count in [3, 130] {
        let (first, last) = (count * 1_000, count * 1_000 + count);
        Ticket::new(first).insert(conn).unwrap();
        conn.transaction(|conn| {
            Ticket::at(first, 1).touch(conn)?;
            let mut all: Vec<_> = (first..last).map(Ticket::new).collect();
            match Ticket::upsert_all(&mut all, conn).map(drop) {
                Err(Error::Conflicts(rows)) => assert_eq!((rows.len(), rows[0].row), (1, 0)),
                other => panic!("{other:?}"),
            }
            all[0].version = 2;
            Ticket::upsert_all(&mut all, conn).map(drop)
        })
        .unwrap();
        assert_eq!(row(first, conn).unwrap().3, 3);
        assert_eq!(row(last - 1, conn).unwrap().3, 1);
    }
}
