//! Records whose key has several columns.

use serde::de::DeserializeOwned;

use super::*;

diesel::table! {
    seats (hall, number) {
        hall -> VarChar,
        number -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    seat_copies (hall, number) {
        hall -> VarChar,
        number -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

const TABLES: &str =
    "CREATE TABLE seats (hall VARCHAR(20) NOT NULL, number BIGINT NOT NULL, price BIGINT NOT NULL,
    version BIGINT NOT NULL, PRIMARY KEY (hall, number));
CREATE TABLE seat_copies (hall VARCHAR(20) NOT NULL, number BIGINT NOT NULL, price BIGINT NOT NULL,
    version BIGINT NOT NULL, PRIMARY KEY (hall, number))";

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = seats, primary_key(hall, number))]
#[versioned(owner, tombstones)]
struct Seat {
    hall: String,
    number: i64,
    price: i64,
    version: i64,
}

macro_rules! copies_of_seats {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = seat_copies, primary_key(hall, number))]
        #[versioned(dependent, entity = "seats", $($keys)*)]
        struct $name {
            hall: String,
            number: i64,
            price: i64,
            version: i64,
        }
    )*};
}

copies_of_seats! {
    Sequential();
    Parked(gap = "park");
    Latest(policy = "latest");
    LatestRow(policy = "latest", guard = "row");
}

/// The owner's database, and the replica's.
fn databases() -> ([Db; 2], Conn, Conn) {
    let dbs = [Db::fresh(TABLES), Db::fresh(TABLES)];
    let [mut owner, mut replica] = [dbs[0].connect(), dbs[1].connect()];
    migrate(&mut owner);
    migrate(&mut replica);
    (dbs, owner, replica)
}

fn seats() -> Vec<Seat> {
    let number = |hall: &'static str| {
        (1..=10).map(move |number| Seat {
            hall: hall.into(),
            number,
            price: number * 10,
            version: 0,
        })
    };
    // A comma is what parts the columns in a key's text.
    number("left, above").chain(number("right")).collect()
}

/// What a replica would read of it.
fn sent<M: DeserializeOwned>(event: &impl Serialize) -> Event<M> {
    serde_json::from_str(&serde_json::to_string(event).unwrap()).unwrap()
}

#[track_caller]
fn compare(owner: &mut Conn, replica: &mut Conn) {
    type Row = (String, i64, i64, i64);
    let theirs: Vec<Row> = seats::table
        .order((seats::hall, seats::number))
        .load(owner)
        .unwrap();
    let ours: Vec<Row> = seat_copies::table
        .order((seat_copies::hall, seat_copies::number))
        .load(replica)
        .unwrap();
    assert_eq!(ours, theirs);
}

fn each_event<M>()
where
    M: Dependent<Backend> + DeserializeOwned + Send + Sync + 'static,
{
    let (_dbs, mut owner, mut replica) = databases();
    for mut seat in seats() {
        let mut events: Vec<Event<M>> = vec![sent(&seat.insert(&mut owner).unwrap())];
        seat.price += 1;
        events.push(sent(&seat.save(&mut owner).unwrap()));
        if seat.number == 3 && M::GUARD == Guard::Position {
            events.push(sent(&seat.delete(&mut owner).unwrap()));
        }
        for event in &events {
            assert_eq!(M::apply(event, &mut replica).unwrap(), Outcome::Applied);
        }
        let again = M::apply(&events[1], &mut replica).unwrap();
        assert!(matches!(again, Outcome::Duplicate { .. }), "{again:?}");
    }
    compare(&mut owner, &mut replica);
}

#[test]
fn a_copy_follows_record_by_record() {
    each_event::<Sequential>();
    each_event::<Parked>();
    each_event::<Latest>();
    each_event::<LatestRow>();
}

fn all_pages<M>(owner: &mut Conn, replica: &mut Conn)
where
    M: Dependent<Backend> + DeserializeOwned + Send + Sync + 'static,
{
    let mut last: Option<Event<Seat>> = None;
    loop {
        let mut page = Seat::snapshot(last.as_ref(), 7, owner).unwrap();
        if page.is_empty() {
            return;
        }
        let events: Vec<Event<M>> = page.iter().map(sent).collect();
        drop(M::apply_all(&events, replica).unwrap());
        last = page.pop();
    }
}

#[test]
fn a_copy_follows_by_pages() {
    let (_dbs, mut owner, mut replica) = databases();
    let mut seats = seats();
    Seat::insert_all(&mut seats, &mut owner).unwrap();
    all_pages::<Latest>(&mut owner, &mut replica);
    compare(&mut owner, &mut replica);
    seats[12].save(&mut owner).unwrap();
    Seat::delete_all(&mut seats[3..9], &mut owner).unwrap();
    all_pages::<Latest>(&mut owner, &mut replica);
    compare(&mut owner, &mut replica);
    assert_eq!(
        seat_copies::table
            .count()
            .get_result::<i64>(&mut replica)
            .unwrap(),
        14
    );
}

#[test]
fn a_made_event_has_the_text_of_the_whole_key() {
    let (_dbs, _, mut replica) = databases();
    let seat = Latest {
        hall: "left, above".into(),
        number: 3,
        price: 20,
        version: 1,
    };
    let created = Event::created(seat.clone());
    assert_eq!(created.key, r"left\, above,3");
    assert_eq!(
        Latest::apply(&created, &mut replica).unwrap(),
        Outcome::Applied
    );
    let deleted = Event::deleted(&(seat.hall, seat.number), 2);
    assert_eq!(
        Latest::apply(&deleted, &mut replica).unwrap(),
        Outcome::Applied
    );
    let left = seat_copies::table.count().get_result::<i64>(&mut replica);
    assert_eq!(left, Ok(0));
}
