//! Messages of topics, to a replica.

use versioned_core::dead_letters;
use versioned_core::format::{Binding, CloudEvents, Decode, Decoded, Message, Refused, Replica};
use versioned_core::kafka::KafkaConfigError;
use versioned_core::outbox::Relay;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_in_any_order_and_twice_are_each_applied_once() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 3).await;
    for version in [3, 1, 1, 2, 4, 2, 5] {
        let op = |id| match version {
            5 if id % 2 == 0 => Op::Deleted,
            _ => Op::Updated,
        };
        send_all(
            &broker,
            &topic,
            (1..=20).map(|id| event(op(id), id, version)),
        )
        .await;
    }
    let running = Running::noting(consumer(&broker, &topic), db.url());
    all_committed(&broker, &topic).await;
    running.stop().await;
    let odd: Vec<_> = (1..=20)
        .filter(|id| id % 2 == 1)
        .map(|id| (id, 5))
        .collect();
    assert_eq!(rows(&mut conn), odd);
}

/// From the owner's save to the replica's row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_relay_publishes_arrives_in_each_form() {
    let broker = Broker::shared();
    for is_cloud_event in [false, true] {
        let (owner, mut blocking) = database();
        let (db, mut conn) = database();
        announce(1..=30, "concert", &mut blocking);
        for id in 1..=30 {
            let mut ticket = Ticket {
                id,
                note: String::new(),
                version: 1,
            };
            ticket.note = "opera".to_owned();
            ticket.save(&mut blocking).unwrap();
            if id > 20 {
                ticket.delete(&mut blocking).unwrap();
            }
        }
        let (prefix, topic) = tickets_topic(&broker, 3).await;
        let (mut publisher, mut consumer) =
            (publisher(&broker, &prefix), consumer(&broker, &topic));
        if is_cloud_event {
            let form = CloudEvents::new().source("/tickets").binary();
            publisher = publisher.format(form.clone());
            consumer = consumer.format(form);
        }
        let relay = Relay::new(publisher);
        let pass = relay
            .run_once_async(&mut connect(&owner).await)
            .await
            .unwrap();
        assert_eq!(pass.published, 70);
        let running = Running::replica(consumer, db.url());
        all_committed(&broker, &topic).await;
        let figures = running.stop().await;
        assert_eq!(
            (figures.dead_letters, figures.failed),
            (0, 0),
            "{figures:?}"
        );
        assert_eq!(rows(&mut conn), all_at(1..=20, 2));
    }
}

/// The next one reads exactly the next message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_applied_is_committed_at_the_shutdown() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 2).await;
    for round in 1..=5 {
        send_version(&broker, &topic, 1..=10, round).await;
        let running = Running::replica(consumer(&broker, &topic), db.url());
        until("all are applied", async || {
            rows(&mut conn) == all_at(1..=10, round)
        })
        .await;
        let start = Instant::now();
        let figures = running.stop().await;
        assert_eq!(
            (figures.applied, figures.duplicates),
            (10, 0),
            "{figures:?}"
        );
        assert!(is_committed(&broker, &topic));
        assert_eq!(broker.members(&topic), 0, "it has left its group");
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
    }
}

/// Killed between the COMMIT and the commit of the offsets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_committed_comes_again_and_is_a_duplicate() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 2).await;
    send_all(
        &broker,
        &topic,
        (1..=50).map(|id| event(Op::Created, id, 1)),
    )
    .await;
    // The offset of the last partition that this one commits when it is dropped is that of the first
    // message that is not done.
    let blocked = Running::noting(consumer(&broker, &topic).concurrency(1), db.url());
    until("some are applied", async || rows(&mut conn).len() > 10).await;
    blocked.abandon().await;
    let committed: i64 = (0..2)
        .filter_map(|partition| broker.committed(&topic, &topic, partition))
        .sum();
    let before = noted(&mut conn).len();
    assert!(
        committed <= i64::try_from(before).unwrap(),
        "{committed} of {before}"
    );
    let running = Running::noting(consumer(&broker, &topic), db.url());
    until("all are applied", async || rows(&mut conn).len() == 50).await;
    all_committed(&broker, &topic).await;
    let figures = running.stop().await;
    assert_eq!(noted(&mut conn).len(), 50, "each once");
    assert!(figures.applied >= 50 - before as u64, "{figures:?}");
}

/// A message that cannot be applied is kept, and the offset moves past it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_becomes_a_dead_letter_and_holds_nothing_up() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    send_all(&broker, &topic, [event(Op::Created, 1, 1)]).await;
    let poison = [
        ("1".to_owned(), Some(b"no json".to_vec())),
        ("1".to_owned(), Some(b"\xff\xfe".to_vec())),
        ("1".to_owned(), Some(Vec::new())),
        ("1".to_owned(), None),
    ];
    send_raw(&broker, &topic, poison).await;
    send_all(&broker, &topic, [event(Op::Updated, 1, 2)]).await;
    let running = Running::replica(consumer(&broker, &topic), db.url());
    all_committed(&broker, &topic).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.applied, figures.dead_letters),
        (2, 4),
        "{figures:?}"
    );
    assert_eq!(rows(&mut conn), [(1, 2)]);
    let letters = dead_letters::list::<Copy, _>(0, 10, &mut conn).unwrap();
    for (offset, letter) in (1..).zip(&letters) {
        let source = format!("{topic}/0:{offset}@");
        assert!(letter.source.starts_with(&source), "{letter:?}");
    }
}

/// A message without a body is not an empty one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tombstone_reaches_the_form() {
    struct Tombstones;
    impl Decode for Tombstones {
        fn decode(&self, message: &Message<'_>, _: &Replica) -> Result<Option<Decoded>, Refused> {
            assert_eq!(message.binding, Binding::Kafka);
            let key = String::from_utf8(message.key.unwrap().to_vec()).unwrap();
            match message.body {
                None => Ok(Some(Decoded::new(Op::Deleted, 2).key(key))),
                Some(b"") => Ok(None),
                Some(body) => {
                    let record: serde_json::Value = serde_json::from_slice(body).unwrap();
                    Ok(Some(Decoded::new(Op::Created, 1).record(record)))
                }
            }
        }
    }
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    let created = |id: i64| {
        let body = format!(r#"{{"id":{id},"note":"concert","version":1}}"#);
        (id.to_string(), Some(body))
    };
    let messages = [
        created(1),
        created(2),
        ("1".to_owned(), None),
        ("2".to_owned(), Some(String::new())),
    ];
    send_raw(&broker, &topic, messages).await;
    let running = Running::replica(consumer(&broker, &topic).format(Tombstones), db.url());
    all_committed(&broker, &topic).await;
    let figures = running.stop().await;
    assert_eq!((figures.applied, figures.skipped), (3, 1), "{figures:?}");
    assert_eq!(rows(&mut conn), [(2, 1)]);
}

/// Without an ordered relay, an early event stops its record, and nothing ends that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_would_stop_is_refused() {
    #[derive(Debug, Queryable, Selectable, Serialize, Deserialize, Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(dependent)]
    struct Nack {
        id: i64,
        note: String,
        version: i64,
    }
    #[derive(Debug, Queryable, Selectable, Serialize, Deserialize, Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(dependent, policy = "latest")]
    struct Latest {
        id: i64,
        note: String,
        version: i64,
    }
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    send_all(&broker, &topic, [event(Op::Updated, 1, 1)]).await;
    let running = running::Running::<Nack>::replica(consumer(&broker, &topic), db.url());
    let Err(ConsumerError::Configuration(reason)) = running.ended().await else {
        panic!("it runs");
    };
    assert!(
        reason.starts_with("set `gap = \"park\"` on the replica, or make the relay `ordered()`")
    );
    assert_eq!(broker.members(&topic), 0);

    let ordered = consumer(&broker, &topic).ordered();
    let running = running::Running::<Nack>::replica(ordered, db.url());
    until("it is applied", async || rows(&mut conn) == [(1, 1)]).await;
    running.stop().await;
    send_all(&broker, &topic, [event(Op::Updated, 1, 4)]).await;
    let running = running::Running::<Latest>::replica(consumer(&broker, &topic), db.url());
    until("it is applied", async || rows(&mut conn) == [(1, 4)]).await;
    running.stop().await;
}

#[test]
fn settings_that_lose_events_are_refused() {
    let config = KafkaConfig::new("127.0.0.1:1");
    for (property, value) in [
        ("enable.auto.commit", "true"),
        ("enable.auto.offset.store", "true"),
        ("auto.offset.reset", "latest"),
        ("group.protocol", "consumer"),
        ("group.id", "orders"),
    ] {
        let error = KafkaConsumer::subscribe(&config.clone().set(property, value), "g", ["t"]);
        let error = error.err();
        assert!(
            matches!(&error, Some(KafkaConfigError::Property { property: p, .. }) if *p == property),
            "{error:?}"
        );
    }
    for (property, value) in [
        ("enable.idempotence", "false"),
        ("transactional.id", "x"),
        ("message.timeout.ms", "30000"),
        ("delivery.timeout.ms", "0"),
    ] {
        let error = KafkaPublisher::new(&config.clone().set(property, value), "events").err();
        assert!(
            matches!(&error, Some(KafkaConfigError::Property { .. })),
            "{property}: {error:?}"
        );
    }
    let contradicting = [("acks", "1"), ("max.in.flight", "6"), ("no.such", "1")];
    for (property, value) in contradicting {
        let error = KafkaPublisher::new(&config.clone().set(property, value), "events").err();
        assert!(
            matches!(&error, Some(KafkaConfigError::Client(_))),
            "{property}: {error:?}"
        );
    }
    let same = config.set("enable.auto.commit", "false");
    assert!(KafkaConsumer::subscribe(&same, "g", ["t"]).is_ok());
}

/// The room is full of early events whose predecessors are not read yet. They wait with the dead
/// letters.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_events_make_room_for_their_predecessors() {
    #[derive(Debug, Queryable, Selectable, Serialize, Deserialize, Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(dependent)]
    struct Nack {
        id: i64,
        note: String,
        version: i64,
    }
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    for version in [2, 1] {
        send_version(&broker, &topic, 1..=100, version).await;
    }
    let consumer = consumer(&broker, &topic).ordered().in_hand(20);
    let running = running::Running::<Nack>::replica(consumer, db.url());
    until("all are applied", async || {
        rows(&mut conn) == all_at(1..=100, 2)
    })
    .await;
    all_committed(&broker, &topic).await;
    running.stop().await;
}

/// They are written as they come, and nothing of them stays in hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_poisonous_messages_do_not_fill_the_room() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    let messages = (1..=2_000).map(|id: i64| {
        let body = if id % 10 == 0 {
            format!("no json {id}").into_bytes()
        } else {
            serde_json::to_vec(&event(Op::Created, id, 1)).unwrap()
        };
        (id.to_string(), Some(body))
    });
    send_raw(&broker, &topic, messages).await;
    let running = Running::replica(consumer(&broker, &topic).in_hand(50), db.url());
    all_committed(&broker, &topic).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.applied, figures.dead_letters, figures.failed),
        (1_800, 200, 0),
        "{figures:?}"
    );
    assert_eq!(rows(&mut conn).len(), 1_800);
    let letters = dead_letters::list::<Copy, _>(0, 300, &mut conn).unwrap();
    let mut bodies: Vec<_> = letters.into_iter().map(|letter| letter.body).collect();
    bodies.sort_unstable();
    let mut expected: Vec<_> = (1..=200)
        .map(|number| format!("no json {}", number * 10).into_bytes())
        .collect();
    expected.sort_unstable();
    assert_eq!(bodies, expected);
}

/// Statistics, logs, and connections that end because nothing happens on them, also come out of a poll.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_after_a_pause_arrives_soon_and_nothing_else_is_reported() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (prefix, topic) = tickets_topic(&broker, 3).await;
    let settings = quick(&broker)
        .set("statistics.interval.ms", "100")
        .set("connections.max.idle.ms", "700");
    let heard = Heard::default();
    let consumer = KafkaConsumer::subscribe(&settings, &topic, [&topic]).unwrap();
    let running = Running::replica(consumer.on_problem(heard.hook()), db.url());
    let settings = config(&broker)
        .set("statistics.interval.ms", "100")
        .set("connections.max.idle.ms", "700");
    let relay = Relay::new(KafkaPublisher::new(&settings, prefix).unwrap());
    let (owner, mut blocking) = database();
    let mut owner = connect(&owner).await;
    for id in 1..=8 {
        announce([id], "concert", &mut blocking);
        let start = Instant::now();
        assert_eq!(relay.run_once_async(&mut owner).await.unwrap().published, 1);
        until("it is applied", async || {
            rows(&mut conn) == all_at(1..=id, 1)
        })
        .await;
        assert!(
            id == 1 || start.elapsed() < Duration::from_secs(10),
            "{id}: {:?}",
            start.elapsed()
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    running.stop().await;
    assert_eq!(heard.all(), [""; 0]);
}

/// Names may come twice, and values are bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_reach_the_form_as_they_came() {
    use rdkafka::message::{Header, OwnedHeaders};
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

    struct Headers;
    impl Decode for Headers {
        fn decode(&self, message: &Message<'_>, _: &Replica) -> Result<Option<Decoded>, Refused> {
            let headers: Vec<_> = message
                .headers
                .iter()
                .map(|header| (header.name, header.value))
                .collect();
            let expected: [(&str, &[u8]); 5] = [
                ("twice", b"1"),
                ("null", b""),
                ("empty", b""),
                ("bytes", b"\xff\0"),
                ("twice", b"2"),
            ];
            if headers != expected {
                return Err(Refused::new(format!("{headers:?}")));
            }
            let key = String::from_utf8(message.key.unwrap().to_vec()).unwrap();
            let record: serde_json::Value = serde_json::from_slice(message.body.unwrap()).unwrap();
            Ok(Some(Decoded::new(Op::Created, 1).key(key).record(record)))
        }
    }
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    let values: [(&str, Option<&[u8]>); 5] = [
        ("twice", Some(b"1")),
        ("null", None),
        ("empty", Some(b"")),
        ("bytes", Some(b"\xff\0")),
        ("twice", Some(b"2")),
    ];
    let headers = values
        .into_iter()
        .fold(OwnedHeaders::new(), |all, (key, value)| {
            all.insert(Header { key, value })
        });
    let producer: BaseProducer = broker.config().create().unwrap();
    let body = r#"{"id":1,"note":"concert","version":1}"#;
    let record = BaseRecord::to(&topic).key("1").payload(body);
    producer.send(record.headers(headers)).unwrap();
    tokio::task::block_in_place(|| producer.flush(STUCK)).unwrap();
    let running = Running::replica(consumer(&broker, &topic).format(Headers), db.url());
    all_committed(&broker, &topic).await;
    running.stop().await;
    let letters = dead_letters::list::<Copy, _>(0, 10, &mut conn).unwrap();
    assert_eq!(letters, []);
    assert_eq!(rows(&mut conn), [(1, 1)]);
}
