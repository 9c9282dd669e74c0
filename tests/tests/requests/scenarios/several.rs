//! Several executors and several requests at once.

use std::thread;

use versioned_core::dead_letters;

use super::*;

/// Each letter is applied once, although four services execute two requests for the same letters.
#[test]
fn several_services_apply_each_letter_once() {
    let (db, mut conn) = replica();
    let letters = (1..=20).flat_map(|id| (1..=10).map(move |version| Letter::of(id, version)));
    keep(letters, &mut conn);
    let first = front::store(&all().limit(200), &mut conn).unwrap();
    let second = front::store(&all().limit(150), &mut conn).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| serve::<Copy>(&mut db.connect()));
        }
        // And a redrive as a consumer does it by itself.
        scope.spawn(|| dead_letters::redrive::<Copy, _>(&mut db.connect()).unwrap());
    });
    for (request, chosen) in [(first, 200), (second, 150)] {
        let request = front::find(request.id, &mut conn).unwrap().unwrap();
        assert_eq!(request.state, RequestState::Done, "{request}");
        let counts = request.counts;
        assert_eq!(counts.applied + counts.superseded, chosen, "{request}");
        assert_eq!(counts.total(), chosen, "{request}");
    }
    let expected: Vec<_> = (1..=20).map(|id| (id, 10)).collect();
    assert_eq!(versions(&mut conn), expected);
    assert_eq!(letters_left(&mut conn), 0);
}

/// Without the redrive beside them, nothing is superseded: no letter is handled twice.
#[test]
fn two_services_share_one_request() {
    let (db, mut conn) = replica();
    let request = keep_many(&mut conn);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| serve::<Copy>(&mut db.connect()));
        }
    });
    let request = front::find(request.id, &mut conn).unwrap().unwrap();
    assert_eq!(request.counts.to_string(), "200 applied", "{request}");
}
