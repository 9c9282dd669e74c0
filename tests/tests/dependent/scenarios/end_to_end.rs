//! An owner's changes, as JSON, onto replicas: shuffled, doubled and delivered again.

use super::*;

diesel::table! {
    tickets {
        id -> BigInt,
        title -> VarChar,
        price -> BigInt,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

const TICKETS: &str = "CREATE TABLE tickets (
    id BIGINT PRIMARY KEY, title VARCHAR(100) NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL
)";

#[test]
fn a_change_is_written_as_its_event() {
    let db = Db::fresh(TICKETS);
    let mut conn = db.connect();
    let mut ticket = Ticket {
        id: 7,
        title: "concert".into(),
        price: 20,
        version: 0,
    };
    let change = ticket.insert(&mut conn).unwrap();
    let json = serde_json::to_value(&change).unwrap();
    let event = change.to_event();
    assert_eq!(json["entity"], "tickets");
    assert_eq!(json["key"], "7");
    assert_eq!(json["version"], 1);
    assert_eq!(json["op"], "created");
    assert_eq!(
        json["data"],
        serde_json::json!({ "id": 7, "title": "concert", "price": 20, "version": 1 })
    );
    assert_eq!(event.id(), "tickets/7/1");
    assert_eq!(event.data.as_ref(), Some(&ticket));

    let change = ticket.delete(&mut conn).unwrap();
    let json = serde_json::to_value(&change).unwrap();
    assert_eq!(
        (&json["op"], &json["version"]),
        (&"deleted".into(), &2.into())
    );
    assert_eq!(
        json.get("data"),
        None,
        "a deletion carries the key and no data"
    );
    let event: Event<SequentialPosition> = serde_json::from_value(json).unwrap();
    assert_eq!(
        (event.op, event.key.as_str(), event.data),
        (Op::Deleted, "7", None)
    );
}

#[test]
fn a_field_that_the_replica_needs_and_the_event_lacks_is_named() {
    let json =
        r#"{"entity":"tickets","key":"7","version":1,"op":"created","data":{"id":7,"version":1}}"#;
    let error = serde_json::from_str::<Event<SequentialPosition>>(json).unwrap_err();
    assert!(
        error.to_string().contains("missing field `price`"),
        "{error}"
    );
}

#[test]
fn an_event_as_a_cloud_event() {
    let event = Event {
        trace: Some("00-aa-bb-01".into()),
        ..updated::<SequentialPosition>(2, 20)
    };
    let cloud = event.cloudevent("/tickets").unwrap();
    assert_eq!(cloud["specversion"], "1.0");
    assert_eq!(cloud["id"], "tickets/7/2");
    assert_eq!(cloud["type"], "tickets.updated");
    assert_eq!(cloud["subject"], "7");
    assert_eq!(cloud["version"], "2");
    assert_eq!(cloud.get("sequence"), None);
    assert_eq!(cloud["traceparent"], "00-aa-bb-01");
    assert_eq!(cloud["data"]["price"], 20);
    assert_eq!(
        deleted::<SequentialPosition>(3)
            .cloudevent("/tickets")
            .unwrap()
            .get("data"),
        None
    );
}

/// The order of events: a small generator of its own, so that a failure can be run again.
struct Shuffle(u64);

impl Shuffle {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(bound).unwrap()).unwrap()
    }
}

fn a_replica_ends_equal_to_its_owner<M: Replica + serde::de::DeserializeOwned>() {
    let owner = Db::fresh(TICKETS);
    let mut conn = owner.connect();
    let mut log: Vec<String> = Vec::new();
    for id in 1..=20 {
        let mut ticket = Ticket {
            id,
            title: format!("show {id}"),
            price: 0,
            version: 0,
        };
        log.push(serde_json::to_string(&ticket.insert(&mut conn).unwrap()).unwrap());
        for step in 0..id % 5 {
            ticket.price = id * 100 + step;
            log.push(serde_json::to_string(&ticket.save(&mut conn).unwrap()).unwrap());
        }
        if id % 4 == 0 && M::GUARD == Guard::Position {
            log.push(serde_json::to_string(&ticket.delete(&mut conn).unwrap()).unwrap());
        }
    }
    for seed in 0..5 {
        let (_db, mut replica) = replica();
        let mut shuffle = Shuffle(seed);
        // Doubled, in any order; what is not acknowledged comes back.
        let mut queue: Vec<&String> = log.iter().chain(&log).collect();
        let mut deliveries = 0;
        while !queue.is_empty() {
            deliveries += 1;
            assert!(deliveries < 100_000, "seed {seed}: does not drain");
            let next = shuffle.below(queue.len());
            let event: Event<M> = serde_json::from_str(queue[next]).unwrap();
            let outcome = M::apply(&event, &mut replica).unwrap();
            // One in five crashes before its ack.
            if outcome.should_ack() && shuffle.below(5) > 0 {
                queue.swap_remove(next);
            }
        }
        let theirs: Vec<(i64, i64, i64)> = tickets::table
            .select((tickets::id, tickets::price, tickets::version))
            .order(tickets::id)
            .load(&mut conn)
            .unwrap();
        let ours: Vec<(i64, i64, i64)> = copies::table
            .select((copies::id, copies::price, copies::version))
            .order(copies::id)
            .load(&mut replica)
            .unwrap();
        assert_eq!(ours, theirs, "seed {seed}");
    }
}
for_each_replica!(a_replica_ends_equal_to_its_owner);

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner, outbox, tombstones)]
struct Announced {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

/// The events of the outbox, which is then empty.
fn taken<M: Replica + serde::de::DeserializeOwned>(conn: &mut Conn) -> Vec<Event<M>> {
    #[derive(QueryableByName)]
    struct Sent {
        #[diesel(sql_type = diesel::sql_types::Text)]
        payload: String,
    }
    let all = diesel::sql_query("SELECT payload FROM versioned_outbox ORDER BY id");
    let all: Vec<Sent> = all.load(conn).unwrap();
    diesel::sql_query("DELETE FROM versioned_outbox")
        .execute(conn)
        .unwrap();
    let events = all.iter().map(|sent| serde_json::from_str(&sent.payload));
    events.collect::<Result<_, _>>().unwrap()
}

/// Of four records, one has missed an event, one is damaged, one has no row, and one is right.
fn a_record_that_is_sent_again_is_repaired<M: Replica + serde::de::DeserializeOwned>() {
    let db = Db::fresh(TICKETS);
    let mut owner = db.connect();
    migrate(&mut owner);
    let (_db, mut conn) = replica();
    let conn = &mut conn;
    for id in 1..=4 {
        let (title, version) = ("concert".into(), 0);
        let mut ticket = Announced {
            id,
            title,
            price: 10 * id,
            version,
        };
        ticket.insert(&mut owner).unwrap();
        ticket.save(&mut owner).unwrap();
    }
    let missed = |event: &Event<M>| event.key == "1" && event.version == 2;
    let events: Vec<_> = taken::<M>(&mut owner)
        .into_iter()
        .filter(|event| !missed(event))
        .collect();
    apply_each(conn, &events);
    for damage in [
        "UPDATE copies SET price = 99 WHERE id = 2",
        "DELETE FROM copies WHERE id = 3",
    ] {
        diesel::sql_query(damage).execute(conn).unwrap();
    }
    for id in 1..=4 {
        Announced::resend(&id, &mut owner).unwrap();
    }
    let sent = taken::<M>(&mut owner);
    assert_eq!(sent.len(), 4);
    // Each of them twice.
    for event in sent.iter().chain(&sent) {
        let outcome = M::apply(event, conn).unwrap();
        assert!(outcome.should_ack(), "{outcome:?}");
    }
    let rows: Vec<(i64, i64, i64)> = copies::table
        .select((copies::id, copies::price, copies::version))
        .order(copies::id)
        .load(conn)
        .unwrap();
    assert_eq!(rows, [(1, 10, 2), (2, 20, 2), (3, 30, 2), (4, 40, 2)]);
}

for_each_replica!(a_record_that_is_sent_again_is_repaired);
