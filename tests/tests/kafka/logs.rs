//! Logs whose beginning or end moves, and logs that are deleted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use versioned_tests::applied::apply_and_note_at;

use super::*;

/// The offsets of a group expire when it has no members for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_without_offsets_reads_from_the_beginning() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 2).await;
    send_version(&broker, &topic, 1..=20, 1).await;
    let running = Running::noting(consumer(&broker, &topic), db.url());
    all_committed(&broker, &topic).await;
    running.stop().await;
    broker.forget_group(&topic).await;
    send_version(&broker, &topic, 1..=20, 2).await;
    let heard = Heard::default();
    let running = Running::noting(consumer(&broker, &topic).on_problem(heard.hook()), db.url());
    all_committed(&broker, &topic).await;
    let figures = running.stop().await;
    assert_eq!(heard.all(), [""; 0], "nothing is lost");
    assert_eq!(
        (figures.applied, figures.duplicates),
        (20, 20),
        "{figures:?}"
    );
    assert_eq!(rows(&mut conn), all_at(1..=20, 2));
    assert_eq!(noted(&mut conn).len(), 40);
}

/// Retention has deleted messages that the group had not read. Nothing else would tell of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_were_deleted_unread_are_passed_over_and_reported() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    send_version(&broker, &topic, 1..=10, 1).await;
    let running = Running::replica(consumer(&broker, &topic), db.url());
    all_committed(&broker, &topic).await;
    running.stop().await;
    send_version(&broker, &topic, 11..=30, 1).await;
    broker.delete_before(&topic, 0, 20).await;
    let heard = Heard::default();
    let running = Running::replica(consumer(&broker, &topic).on_problem(heard.hook()), db.url());
    all_committed(&broker, &topic).await;
    running.stop().await;
    let heard = heard.all();
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!(
        heard[0].contains("send snapshots of the records")
            && heard[0].contains(&format!("{topic} [0]: offset reset (at offset 10 ")),
        "{heard:?}"
    );
    let expected: Vec<_> = (1..=10).chain(21..=30).map(|id| (id, 1)).collect();
    assert_eq!(rows(&mut conn), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_missing_is_reported_and_read_when_it_is_there() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let topic = broker.name();
    let heard = Heard::default();
    let running = Running::replica(consumer(&broker, &topic).on_problem(heard.hook()), db.url());
    until("it is reported", async || !heard.all().is_empty()).await;
    let heard = heard.all();
    assert!(
        heard[0].contains("create the topic, which does not exist") && heard[0].contains(&topic),
        "{heard:?}"
    );
    broker.create_topic(&topic, 2, &[]).await;
    send_version(&broker, &topic, 1..=10, 1).await;
    until("all are applied", async || rows(&mut conn).len() == 10).await;
    running.stop().await;
}

/// The new log is shorter than the old one, or longer. A member that runs while the topic is made again cannot tell a longer one
/// from the old one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_made_again_is_read_from_its_beginning() {
    let broker = Broker::shared();
    for (new, lives) in [(5, &[true, false][..]), (60, &[false])] {
        for &is_running in lives {
            let (db, mut conn) = database();
            let (_, topic) = tickets_topic(&broker, 1).await;
            send_version(&broker, &topic, 1..=20, 1).await;
            let heard = Heard::default();
            let one = || consumer(&broker, &topic).on_problem(heard.hook());
            let mut running = Some(Running::replica(one(), db.url()));
            all_committed(&broker, &topic).await;
            if !is_running {
                running.take().unwrap().stop().await;
            }
            broker.delete_topic(&topic).await;
            broker.create_topic(&topic, 1, &[]).await;
            send_version(&broker, &topic, 101..=100 + new, 1).await;
            let running = running.unwrap_or_else(|| Running::replica(one(), db.url()));
            let all = usize::try_from(20 + new).unwrap();
            let end = Instant::now() + Duration::from_mins(1);
            while rows(&mut conn).len() < all {
                assert!(
                    Instant::now() < end,
                    "{new} {is_running}: {} of {all}, {:?}",
                    rows(&mut conn).len(),
                    heard.all()
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            running.stop().await;
        }
    }
}

/// Keys move to other partitions, and their versions come out of order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_are_added_are_read_from_their_beginning() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 2).await;
    let first = Running::noting(consumer(&broker, &topic), db.url());
    let second = Running::noting(consumer(&broker, &topic), db.url());
    for version in 1..=10 {
        if version == 5 {
            broker.add_partitions(&topic, 5).await;
        }
        send_version(&broker, &topic, 1..=50, version).await;
    }
    until("all are applied", async || {
        rows(&mut conn) == all_at(1..=50, 10)
    })
    .await;
    all_committed(&broker, &topic).await;
    first.stop().await;
    second.stop().await;
    assert!(
        broker.watermarks(&topic)[2..]
            .iter()
            .any(|(_, _, high)| *high > 0)
    );
}

/// What was committed and what was not is read again, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_comes_back() {
    let server = Broker::start();
    let broker = server.client();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 3).await;
    let heard = Heard::default();
    let running = Running::noting(consumer(&broker, &topic).on_problem(heard.hook()), db.url());
    for round in 0..3 {
        let ids = round * 100 + 1..=round * 100 + 100;
        send_all(&broker, &topic, ids.map(|id| event(Op::Updated, id, 1))).await;
        if round == 0 {
            until("some are applied", async || !rows(&mut conn).is_empty()).await;
        }
        server.down();
        tokio::time::sleep(Duration::from_secs(2)).await;
        server.up();
    }
    until("all are applied", async || rows(&mut conn).len() == 300).await;
    all_committed(&broker, &topic).await;
    running.stop().await;
    assert_eq!(noted(&mut conn).len(), 300);
    let heard = heard.all();
    assert!(!heard.is_empty() && heard.len() < 100, "{heard:?}");
}

/// A message of the old log is still in flight when the new one is read. What becomes of it says nothing about the message
/// that has its offset now, and the offsets of the old log say nothing about how far the new one was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_in_hand_of_a_deleted_topic_says_nothing_about_the_new_one() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    send_version(&broker, &topic, 1..=20, 1).await;
    let released = Arc::new(AtomicBool::new(false));
    let shutdown = Shutdown::new();
    let running = {
        let (stop, url, released) = (shutdown.clone(), db.url().to_owned(), Arc::clone(&released));
        let consumer = consumer(&broker, &topic);
        tokio::spawn(async move {
            let handle = async |event: Event<Copy>| {
                while event.key == "11" && !released.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                apply_and_note_at(&event, &url).await
            };
            consumer.run(handle, stop).await.unwrap()
        })
    };
    until("the others are applied", async || {
        rows(&mut conn).len() == 19
    })
    .await;
    broker.delete_topic(&topic).await;
    broker.create_topic(&topic, 1, &[]).await;
    // Fewer than the old one had.
    send_version(&broker, &topic, 101..=115, 1).await;
    until("the new ones are applied", async || {
        rows(&mut conn).len() == 19 + 15
    })
    .await;
    released.store(true, Ordering::SeqCst);
    until("the old one is applied", async || {
        rows(&mut conn).len() == 20 + 15
    })
    .await;
    shutdown.stop();
    running.await.unwrap();
    send_version(&broker, &topic, 116..=160, 1).await;
    let running = Running::noting(consumer(&broker, &topic), db.url());
    all_committed(&broker, &topic).await;
    running.stop().await;
    let mut expected = all_at(1..=20, 1);
    expected.extend(all_at(101..=160, 1));
    assert_eq!(rows(&mut conn), expected);
}

/// Aborted messages are never delivered, and they and the marks of the transactions are holes in the offsets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_transactions_are_read_once_they_are_committed() {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    send_version(&broker, &topic, 1..=10, 1).await;
    let mut settings = broker.config();
    settings.set("transactional.id", &topic);
    let producer: BaseProducer = settings.create().unwrap();
    let send = |version: i64, note: &str| {
        for id in 1..=10 {
            let mut event = event(Op::Updated, id, version);
            note.clone_into(&mut event.data.as_mut().unwrap().note);
            let body = serde_json::to_vec(&event).unwrap();
            let sent = producer.send(BaseRecord::to(&topic).key(&event.key).payload(&body));
            sent.unwrap_or_else(|(error, _)| panic!("{error}"));
        }
        producer.flush(STUCK).unwrap();
    };
    tokio::task::block_in_place(|| {
        producer.init_transactions(STUCK).unwrap();
        producer.begin_transaction().unwrap();
        send(2, "aborted");
        producer.abort_transaction(STUCK).unwrap();
        producer.begin_transaction().unwrap();
        send(2, "committed");
        producer.commit_transaction(STUCK).unwrap();
        // It stays open for a while, with what comes behind it.
        producer.begin_transaction().unwrap();
        send(3, "aborted");
    });
    send_version(&broker, &topic, 1..=10, 3).await;
    let running = Running::replica(consumer(&broker, &topic), db.url());
    until("what is committed is applied", async || {
        rows(&mut conn) == all_at(1..=10, 2)
    })
    .await;
    tokio::task::block_in_place(|| producer.abort_transaction(STUCK)).unwrap();
    until("what was behind it is applied", async || {
        rows(&mut conn) == all_at(1..=10, 3)
    })
    .await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.applied, figures.duplicates, figures.dead_letters),
        (30, 0, 0),
        "{figures:?}"
    );
    let notes = tickets::table.select(tickets::note).distinct();
    assert_eq!(notes.load::<String>(&mut conn).unwrap(), ["note 3"]);
    // The next member begins behind the holes.
    send_version(&broker, &topic, 1..=10, 4).await;
    let running = Running::replica(consumer(&broker, &topic), db.url());
    until("all are applied", async || {
        rows(&mut conn) == all_at(1..=10, 4)
    })
    .await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.applied, figures.duplicates),
        (10, 0),
        "{figures:?}"
    );
}

/// The keys of the messages that are left in the partition.
fn left(broker: &Shared, topic: &str) -> Vec<String> {
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use rdkafka::error::KafkaError;
    use rdkafka::message::Message as _;

    let mut settings = broker.config();
    settings
        .set("group.id", "versioned-reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    let reader: BaseConsumer = settings.create().unwrap();
    let mut all = rdkafka::TopicPartitionList::new();
    all.add_partition_offset(topic, 0, rdkafka::Offset::Beginning)
        .unwrap();
    reader.assign(&all).unwrap();
    let mut keys = Vec::new();
    loop {
        match reader.poll(STUCK).unwrap() {
            Ok(message) => keys.push(String::from_utf8(message.key().unwrap().to_vec()).unwrap()),
            Err(KafkaError::PartitionEOF(_)) => return keys,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A replica that begins later never receives them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_that_compaction_removed_are_reported_and_a_snapshot_closes_the_gap() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let topic = broker.name();
    let compacted = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.001"),
    ];
    broker.create_topic(&topic, 1, &compacted).await;
    for version in 1..=5 {
        send_version(&broker, &topic, 1..=3, version).await;
    }
    until("they are compacted", async || {
        // Only what is behind the last segment's beginning is compacted, and each message may begin one.
        send_all(&broker, &topic, [event(Op::Updated, 100, 1)]).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let left = left(&broker, &topic);
        let of_records = left.iter().filter(|key| *key != "100");
        of_records.count() == 3
    })
    .await;
    let heard = Heard::default();
    let consumer = consumer(&broker, &topic).patience(Duration::from_millis(300));
    let running = Running::replica(consumer.on_problem(heard.hook()), db.url());
    let count = |start: &str| (1..=3).all(|id| heard.count(&format!("tickets/{id} {start}")) == 1);
    until("all are reported", async || {
        count("is at version 0, and version 5 has waited")
    })
    .await;
    assert_eq!(rows(&mut conn), [(100, 1)]);
    let snapshots = (1..=3).map(|id| event(Op::Snapshot, id, 6));
    send_all(&broker, &topic, snapshots).await;
    until("they go on", async || count("goes on")).await;
    let mut expected = all_at(1..=3, 6);
    expected.push((100, 1));
    assert_eq!(rows(&mut conn), expected);
    all_committed(&broker, &topic).await;
    running.stop().await;
}
