//! Dead letters, as a consumer writes them: they are shown, applied again, discarded.

use versioned_core::dead_letters::{self, DeadLetter};
use versioned_core::positions;

use super::*;

/// Writes a dead letter.
pub(super) fn keep(conn: &mut Conn, source: &str, key: &str, version: i64, body: &str) {
    use diesel::sql_types::{BigInt, Text};

    let quote = if backend::NAME == "mysql" { '`' } else { '"' };
    let binds = match backend::NAME {
        "postgres" => "$1, $2, $3, $4",
        _ => "?, ?, ?, ?",
    };
    diesel::sql_query(format!(
        "INSERT INTO versioned_dead_letters (replica, entity, source, {quote}key{quote}, version, body, subject,
            message_key, headers, reason, attempts, first_at, last_at)
        VALUES ('copies', 'tickets', {binds}, 'events', 'none:', '', 'not now', 2, 1000000, 2000000)"
    ))
    .bind::<Text, _>(source)
    .bind::<Text, _>(key)
    .bind::<BigInt, _>(version)
    .bind::<Text, _>(body)
    .execute(conn)
    .unwrap();
}

fn kept<M: Replica>(conn: &mut Conn) -> Vec<DeadLetter> {
    dead_letters::list::<M, _>(0, 1_000, conn).unwrap()
}

fn text<M: Replica>(event: &Event<M>) -> String {
    serde_json::to_string(event).unwrap()
}

/// In the order of their versions, up to the first that fails again, and the other records too.
fn dead_letters_are_applied_record_by_record<M: Replica + serde::de::DeserializeOwned>() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    let one = |id, version| event::<M>(Op::Updated, id, version, version);
    // Of 7, all of them. Of 8, the second is not for this replica. Of 9, the first is missing.
    for (id, versions) in [(7, &[3, 1, 2, 2][..]), (8, &[1, 2, 3]), (9, &[2])] {
        for (place, version) in versions.iter().enumerate() {
            let mut body = text(&one(id, *version));
            if (id, *version) == (8, 2) {
                body = body.replace("price", "value");
            }
            keep(
                conn,
                &format!("{id}:{place}"),
                &id.to_string(),
                *version,
                &body,
            );
        }
    }
    keep(conn, "other", "", 0, "hex:00ff");
    let redriven = dead_letters::redrive::<M, _>(conn).unwrap();
    let is_latest = M::POLICY == Policy::Latest;
    let of_9 = match (is_latest, M::GAP) {
        (true, _) => (1, 0, 0),
        (false, Gap::Nack) => (0, 1, 0),
        (false, Gap::Park) => (0, 0, 1),
    };
    assert_eq!(
        (redriven.applied, redriven.duplicates, redriven.failed),
        (3 + 1 + of_9.0, 1, 2),
        "{redriven:?}"
    );
    assert_eq!((redriven.waiting, redriven.parked), (of_9.1, of_9.2));
    let rows: Vec<(i64, i64)> = copies::table
        .select((copies::id, copies::version))
        .order(copies::id)
        .load(conn)
        .unwrap();
    let mut expected = vec![(7, 3), (8, 1)];
    expected.extend(is_latest.then_some((9, 2)));
    assert_eq!(rows, expected);

    let left = kept::<M>(conn);
    let sources: Vec<_> = left.iter().map(|letter| letter.source.as_str()).collect();
    let mut expected = vec!["8:1", "8:2"];
    expected.extend((of_9.1 > 0).then_some("9:0"));
    expected.push("other");
    assert_eq!(sources, expected);
    let failed = &left[0];
    assert_eq!(failed.record, Some(("8".to_owned(), 2)));
    assert_eq!(failed.attempts, 3);
    assert!(
        failed.reason.as_deref().unwrap().contains("price"),
        "{failed}"
    );
    assert!(failed.last_at > failed.first_at);
    assert_eq!(left[1].attempts, 2, "it was not tried");
    let other = left.last().unwrap();
    assert_eq!(
        (other.record.clone(), other.body.as_slice()),
        (None, &[0, 255][..])
    );

    // The missing one arrives, and the one that fails is given up.
    let outcome = M::apply(&event(Op::Created, 9, 1, 1), conn).unwrap();
    assert!(outcome.should_ack());
    assert!(dead_letters::discard::<M, _>(failed.id, conn).unwrap());
    assert!(dead_letters::discard::<M, _>(other.id, conn).unwrap());
    assert!(!dead_letters::discard::<M, _>(other.id, conn).unwrap());
    let redriven = dead_letters::redrive::<M, _>(conn).unwrap();
    assert_eq!(redriven.failed, 0);
    let of_8 = match (is_latest, M::GAP) {
        (false, Gap::Nack) => 1,
        _ => 0,
    };
    assert_eq!(redriven.waiting, of_8, "{redriven:?}");
    assert_eq!(kept::<M>(conn).len(), usize::try_from(of_8).unwrap());
    // A snapshot of the owner ends the wait.
    let outcome = M::apply(&event(Op::Snapshot, 8, 5, 5), conn).unwrap();
    assert_eq!(outcome, Outcome::Applied);
    dead_letters::redrive::<M, _>(conn).unwrap();
    assert_eq!(kept::<M>(conn), []);
    // What a newer event has superseded needs not be read.
    keep(conn, "late", "7", 2, "no event");
    let redriven = dead_letters::redrive::<M, _>(conn).unwrap();
    assert_eq!(
        (redriven.duplicates, redriven.failed),
        (1, 0),
        "{redriven:?}"
    );
    assert_eq!(kept::<M>(conn), []);
}
for_each_replica!(dead_letters_are_applied_record_by_record);

/// However often it fails, it is kept as it came, and grows no more.
fn a_letter_that_fails_again_and_again_stays_as_it_came<M>()
where
    M: Replica + serde::de::DeserializeOwned,
{
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    keep(conn, "other", "", 0, "hex:00ff0a");
    keep(
        conn,
        "7:1",
        "7",
        1,
        &text(&event::<M>(Op::Created, 7, 1, 20)).replace("price", "value"),
    );
    let before = kept::<M>(conn);
    for _ in 0..300 {
        assert_eq!(dead_letters::redrive::<M, _>(conn).unwrap().failed, 2);
    }
    let after = kept::<M>(conn);
    assert_eq!(after.len(), 2);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(
            (&after.body, &after.headers, &after.subject, &after.source),
            (
                &before.body,
                &before.headers,
                &before.subject,
                &before.source
            )
        );
        assert_eq!(after.attempts, before.attempts + 300);
        assert!(after.reason.as_ref().unwrap().len() < 2_048);
    }
}
for_each_replica!(a_letter_that_fails_again_and_again_stays_as_it_came);

/// More than a page of one record, and more records than a page of letters.
fn many_dead_letters_are_all_applied<M: Replica + serde::de::DeserializeOwned>() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    conn.transaction(|conn| {
        for version in 1..=1_100 {
            let body = text(&event::<M>(Op::Updated, 1, version, version));
            keep(conn, &format!("1:{version}"), "1", version, &body);
            let id = version + 1;
            let body = text(&event::<M>(Op::Created, id, 1, id));
            keep(conn, &format!("{id}:1"), &id.to_string(), 1, &body);
        }
        QueryResult::Ok(())
    })
    .unwrap();
    let redriven = dead_letters::redrive::<M, _>(conn).unwrap();
    assert_eq!(
        (redriven.applied, redriven.failed),
        (2_200, 0),
        "{redriven:?}"
    );
    assert_eq!(kept::<M>(conn), []);
    let rows: i64 = copies::table.count().get_result(conn).unwrap();
    assert_eq!(rows, 1_101);
}
for_each_replica!(many_dead_letters_are_all_applied: sequential_position SequentialPosition, latest_row LatestRow);

/// Two at once: each letter is applied once, and none is left.
fn two_redrives_at_once<M: Replica + serde::de::DeserializeOwned>() {
    let (db, mut conn) = replica();
    for version in 1..=20 {
        for id in 1..=20 {
            let body = text(&event::<M>(Op::Updated, id, version, version));
            let source = format!("{id}:{version}");
            keep(&mut conn, &source, &id.to_string(), version, &body);
        }
    }
    let applied: u64 = std::thread::scope(|scope| {
        let redrive = || {
            let mut conn = db.connect();
            let redriven = dead_letters::redrive::<M, _>(&mut conn).unwrap();
            assert_eq!((redriven.failed, redriven.waiting), (0, 0), "{redriven:?}");
            redriven.applied
        };
        let all: Vec<_> = (0..3).map(|_| scope.spawn(redrive)).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(applied, 400);
    assert_eq!(kept::<M>(&mut conn), []);
}
for_each_replica!(two_redrives_at_once: sequential_position SequentialPosition, latest_position LatestPosition);

/// They are about rows that the rebuild deletes too.
#[test]
fn a_rebuild_deletes_the_dead_letters() {
    let (_db, mut conn) = replica();
    keep(&mut conn, "one", "7", 2, "{}");
    positions::rebuild::<SequentialPosition, _>(&mut conn).unwrap();
    assert_eq!(kept::<SequentialPosition>(&mut conn), []);
}
