//! The functions of the library that the tool uses: both fronts return the same.

use backend::Db;
use diesel::connection::SimpleConnection as _;
use diesel_migrations::MigrationHarness as _;
use versioned_core::inspect::{self, Filter, ParkedPlace};
use versioned_core::tables::{self, Use};
use versioned_tests::asynchronous::block_on;

use super::backend;

#[test]
fn both_fronts_inspect_a_database() {
    let db = Db::fresh("");
    let mut conn = db.connect();
    let conn = &mut conn;
    let missing = block_on(tables::missing_async(Use::Operate, conn)).unwrap();
    assert_eq!(missing, tables::missing(Use::Operate, conn).unwrap());
    assert_eq!(missing.len(), 4);
    conn.run_pending_migrations(versioned_core::MIGRATIONS)
        .unwrap();
    assert_eq!(
        block_on(tables::missing_async(Use::Operate, conn)).unwrap(),
        []
    );

    let key = if backend::NAME == "mysql" {
        "`key`"
    } else {
        "\"key\""
    };
    for record in [7, 8, 9] {
        let letter = format!(
            "INSERT INTO versioned_dead_letters (replica, entity, {key}, version, source, subject, message_key,
                headers, body, reason, attempts, first_at, last_at)
             VALUES ('copies', 'tickets', '{record}', 3, 'EVENTS:{record}', 'events', 'none:', 'a: b', '{{}}', 'no', 1, 1, 1)"
        );
        let parked = format!(
            "INSERT INTO versioned_parked (replica, entity, {key}, version, event, at)
             VALUES ('copies', 'tickets', '{record}', 5, '{{}}', 1)"
        );
        let event = format!(
            "INSERT INTO versioned_outbox (entity, {key}, version, op, payload, at, attempts, due, error)
             VALUES ('tickets', '{record}', 1, 'updated', '{{}}', 1, 2, 9000000000000000, 'no')"
        );
        for sql in [letter, parked, event] {
            conn.batch_execute(&sql).unwrap();
        }
    }
    let (all, one) = (
        Filter::new(),
        Filter::new().replica("copies").record("8").failed(),
    );

    for (filter, count) in [(&all, 3), (&one, 1)] {
        let letters = block_on(inspect::letters_async(filter, 0, 10, conn)).unwrap();
        assert_eq!(letters, inspect::letters(filter, 0, 10, conn).unwrap());
        assert_eq!(letters.len(), count);
        assert_eq!(
            (letters[0].blocks_parked, letters[0].blocks_letters),
            (1, 0)
        );
        let counted = block_on(inspect::count_letters_async(filter, 2, conn)).unwrap();
        assert_eq!(counted, inspect::count_letters(filter, 2, conn).unwrap());
        assert_eq!(
            (counted.value, counted.at_least),
            (2.min(count as u64), count > 1)
        );
        let events = block_on(inspect::pending_async(filter, (0, 0), 10, conn)).unwrap();
        assert_eq!(events, inspect::pending(filter, (0, 0), 10, conn).unwrap());
        assert_eq!(events.len(), count);
        let counted = block_on(inspect::count_pending_async(filter, 10, conn)).unwrap();
        assert_eq!(counted, inspect::count_pending(filter, 10, conn).unwrap());
        assert_eq!(counted.value, count as u64);
    }
    let after = ParkedPlace::after("copies", "tickets", "7");
    let parked = block_on(inspect::parked_async(&all, Some(&after), 10, conn)).unwrap();
    assert_eq!(
        parked,
        inspect::parked(&all, Some(&after), 10, conn).unwrap()
    );
    let keys: Vec<_> = parked.iter().map(|record| record.key.as_str()).collect();
    assert_eq!(keys, ["8", "9"]);
    let counted = block_on(inspect::count_parked_async(&all, 10, conn)).unwrap();
    assert_eq!(counted, inspect::count_parked(&all, 10, conn).unwrap());

    let ids: Vec<i64> = inspect::letters(&all, 0, 10, conn)
        .unwrap()
        .iter()
        .map(|letter| letter.id)
        .collect();
    let shown = block_on(inspect::letter_async(ids[1], conn)).unwrap();
    assert_eq!(shown, inspect::letter(ids[1], conn).unwrap());
    let (letter, message) = shown.unwrap();
    assert_eq!(letter.record, Some(("8".to_owned(), 3)));
    assert_eq!((message.key, message.body), (None, Some(b"{}".to_vec())));
    assert_eq!(message.headers, [("a".to_owned(), b"b".to_vec())]);
    assert_eq!(block_on(inspect::letter_async(0, conn)).unwrap(), None);

    let events: Vec<i64> = inspect::pending(&all, (0, 0), 10, conn)
        .unwrap()
        .iter()
        .map(|event| event.id)
        .collect();
    assert_eq!(
        block_on(inspect::retry_async(&events[..2], conn)).unwrap(),
        2
    );
    assert_eq!(inspect::retry(&events, conn).unwrap(), 1);
    assert_eq!(
        block_on(inspect::discard_letters_async(&ids[..1], conn)).unwrap(),
        1
    );
    assert_eq!(inspect::discard_letters(&ids, conn).unwrap(), 2);
    assert_eq!(inspect::discard_letters(&[], conn).unwrap(), 0);
    assert_eq!(inspect::letters(&all, 0, 10, conn).unwrap(), []);
}
