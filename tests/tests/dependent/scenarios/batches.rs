//! `apply_all` against `apply`.

use diesel::connection::SimpleConnection as _;
use versioned_tests::random;

use super::stress::Random;
use super::*;

/// The rows, the positions (twice the version, and one more if the record is deleted) and the parked events.
type State = (Vec<Row>, Vec<(String, i64)>, Vec<(String, i64)>);

fn state(conn: &mut Conn) -> State {
    use diesel::sql_types::{BigInt, Text};

    let (quote, cast) = match backend::NAME {
        "mysql" => ('`', "CHAR"),
        _ => ('"', "TEXT"),
    };
    let mut pairs = |table: &str, number: &str| -> Vec<(String, i64)> {
        let key = format!("CAST({quote}key{quote} AS {cast})");
        let pairs = diesel::dsl::sql::<(Text, BigInt)>(&format!(
            "SELECT {key}, {number} FROM {table} ORDER BY 1, 2"
        ));
        pairs.load(conn).unwrap()
    };
    let place = "version * 2 + CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END";
    let positions = pairs("versioned_positions", place);
    let parked = pairs("versioned_parked", "version");
    let rows = copies::table.order(copies::id).load(conn).unwrap();
    (rows, positions, parked)
}

/// Random histories, with copies, gaps, snapshots and deletions, in batches: the same answers as event by event, and the
/// same rows, positions and parked events.
fn a_batch_answers_as_single_events_do<M: Replica + std::fmt::Debug>() {
    let mut random = Random(random::seed() | 1);
    let mut below = |bound| i64::try_from(random.below(bound)).unwrap();
    let ((_one, mut batched), (_two, mut single)) = (replica(), replica());
    let (mut applied, mut runs) = (0, 0);
    for batch in 0..i64::from(random::cases(60)) {
        let events: Vec<Event<M>> = (0..=below(25))
            .map(|_| {
                // The records of a batch move on together.
                let (id, version) = (1 + below(4), 1 + batch / 2 + below(8));
                let op = match (id * 7 + version * 3) % 8 {
                    0 if M::GUARD == Guard::Position => Op::Deleted,
                    _ if M::GUARD == Guard::Position && below(8) == 0 => Op::DeletedAt,
                    _ if below(20) == 0 => Op::Snapshot,
                    _ if version == 1 => Op::Created,
                    _ => Op::Updated,
                };
                event(op, id, version, version * 10)
            })
            .collect();
        let mut turns: Vec<usize> = (0..events.len()).collect();
        turns.sort_by_key(|place| {
            let event = &events[*place];
            let is_derived = event.op == Op::DeletedAt;
            let turn = event.version + i64::from(is_derived);
            (&event.key, turn, !is_derived, event.op == Op::Snapshot)
        });
        let mut expected = vec![Outcome::Applied; events.len()];
        let mut before: Option<&Event<M>> = None;
        for place in turns {
            let event = &events[place];
            expected[place] = M::apply(event, &mut single).unwrap();
            if expected[place] == Outcome::Applied {
                applied += 1;
                let follows =
                    |one: &&Event<M>| one.key == event.key && one.version + 1 == event.version;
                runs += usize::from(before.as_ref().is_some_and(follows));
                before = Some(event);
            }
        }
        let outcomes = M::apply_all(&events, &mut batched).unwrap();
        // With `latest`, the batch does not look at what a newer event of the batch supersedes. With `park`, an event and
        // its parked copy are one.
        if M::POLICY == Policy::Sequential && M::GAP == Gap::Nack {
            assert_eq!(outcomes, expected, "{events:?}");
        }
        assert_eq!(state(&mut batched), state(&mut single), "{events:?}");
    }
    assert!(applied > 90 && runs > 9, "{applied} {runs}");
}
for_each_replica!(a_batch_answers_as_single_events_do);

/// Two records swap a value that is unique, by way of a third value: event by event, in their order, each write is right.
fn a_batch_may_swap_a_unique_value<M: Replica>() {
    let (_db, mut conn) = replica();
    conn.batch_execute("CREATE UNIQUE INDEX prices ON copies (price)")
        .unwrap();
    let one = |id, version, price| event::<M>(Op::Updated, id, version, price);
    let created = [event(Op::Created, 1, 1, 10), event(Op::Created, 2, 1, 20)];
    M::apply_all(&created, &mut conn).unwrap();
    let swap = [one(1, 2, 30), one(2, 2, 10), one(1, 3, 20)];
    assert_eq!(
        M::apply_all(&swap, &mut conn).unwrap(),
        [Outcome::Applied; 3]
    );
    let rows = |conn: &mut Conn| -> Vec<(i64, i64, i64)> {
        let columns = (copies::id, copies::price, copies::version);
        copies::table
            .select(columns)
            .order(copies::id)
            .load(conn)
            .unwrap()
    };
    assert_eq!(rows(&mut conn), [(1, 20, 3), (2, 10, 2)]);
    // What violates it in every order is an error, and nothing is written.
    let refused = M::apply_all(&[one(1, 4, 40), one(2, 3, 20), one(1, 5, 20)], &mut conn);
    assert!(
        matches!(&refused, Err(Error::Database(error)) if error.to_string().to_lowercase().contains("unique")
            || error.to_string().contains("Duplicate")),
        "{refused:?}"
    );
    assert_eq!(rows(&mut conn), [(1, 20, 3), (2, 10, 2)]);
    // A deletion makes room for a record that comes before it.
    if M::GUARD == Guard::Position {
        let moved = [event(Op::Deleted, 2, 3, 0), one(1, 4, 10)];
        assert_eq!(
            M::apply_all(&moved, &mut conn).unwrap(),
            [Outcome::Applied; 2]
        );
        assert_eq!(rows(&mut conn), [(1, 10, 4)]);
    }
}
for_each_replica!(a_batch_may_swap_a_unique_value);

/// The columns that no event has are those of the new row, as they are event by event.
fn a_record_that_is_created_again_begins_with_a_new_row<M: Replica>() {
    for batched in [false, true] {
        let (_db, mut conn) = replica();
        apply_each::<M>(&mut conn, &[created(10)]);
        diesel::update(copies::table.find(7))
            .set(copies::remark.eq("mine"))
            .execute(&mut conn)
            .unwrap();
        let again = [
            updated(2, 20),
            event::<M>(Op::Deleted, 7, 3, 0),
            event(Op::Created, 7, 4, 40),
            updated(5, 50),
        ];
        if batched {
            let outcomes = M::apply_all(&again, &mut conn).unwrap();
            assert_eq!(outcomes, [Outcome::Applied; 4]);
        } else {
            apply_each::<M>(&mut conn, &again);
        }
        assert_eq!(row(&mut conn), at(50, 5));
        // And a deletion after all.
        let gone = [updated::<M>(6, 60), event(Op::Deleted, 7, 7, 0)];
        let outcomes = M::apply_all(&gone, &mut conn).unwrap();
        assert_eq!(outcomes, [Outcome::Applied; 2]);
        assert_eq!(row(&mut conn), None);
    }
}
for_each_replica!(a_record_that_is_created_again_begins_with_a_new_row: sequential_position SequentialPosition, sequential_park SequentialPark);
