//! Many letters, and a cause that is still there.

use super::*;

/// A request tries no more letters than it says, and afterwards all of them are applied in the order of their versions.
#[test]
fn ten_thousand_letters_are_tried_no_more_often_than_allowed() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    let letters = (1..=100).flat_map(|version| (1..=100).map(move |id| Letter::of(id, version)));
    conn.transaction(|conn| {
        keep(letters, conn);
        QueryResult::Ok(())
    })
    .unwrap();

    let request = served::<Broken>(&all(), conn);
    assert_eq!(request.state, RequestState::Stopped, "{request}");
    assert_eq!((request.chosen, request.beyond_limit), (100, 9_900));
    assert_eq!((request.counts.failed, request.left()), (1, Some(99)));
    assert!(request.note.as_deref().unwrap().contains("cents"));
    assert_eq!(attempts(conn), 1);

    let request = served::<Broken>(&all().canary(0).max_failures(u64::MAX), conn);
    assert_eq!(request.state, RequestState::Done, "{request}");
    assert_eq!((request.counts.failed, request.left()), (100, Some(0)));
    assert_eq!(attempts(conn), 1 + 100);

    let request = served::<Broken>(&all().canary(0).max_failures(7), conn);
    assert_eq!(request.state, RequestState::Stopped, "{request}");
    assert_eq!(request.counts.failed, 7);
    assert_eq!(attempts(conn), 1 + 100 + 7);
    assert_eq!((letters_left(conn), versions(conn)), (10_000, vec![]));

    // The deployment is mended. A letter that were applied out of order would wait, or be superseded.
    // All of them on the fastest database, and the first ones of each record on the others.
    let versions_each = if backend::NAME == "sqlite" { 100 } else { 10 };
    let chosen = 100 * versions_each;
    let request = served::<Copy>(&all().limit(chosen), conn);
    assert_eq!(request.state, RequestState::Done, "{request}");
    assert_eq!(
        (request.counts.applied, request.counts.total()),
        (chosen, chosen)
    );
    let last = i64::try_from(versions_each).unwrap();
    let expected: Vec<_> = (1..=100).map(|id| (id, last)).collect();
    assert_eq!(versions(conn), expected);
    assert_eq!(letters_left(conn), 10_000 - 100 * last);
}

/// One by one until the canary is through, and then no faster than the rate.
#[test]
fn a_request_keeps_to_its_rate() {
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    keep((1..=5).map(|version| Letter::of(1, version)), conn);
    let request = front::store(&all().rate(20), conn).unwrap();
    let mut steps = 0;
    while let Some(pause) = front::execute::<Copy>(conn).unwrap() {
        let paced = "SELECT due - last_at FROM versioned_requests";
        assert_eq!(number(paced, conn), 50_000 * if steps == 0 { 1 } else { 2 });
        steps += 1;
        std::thread::sleep(pause);
    }
    let done = front::find(request.id, conn).unwrap().unwrap();
    assert_eq!(done.counts.applied, 5, "{done}");
}
