//! A relay's events, to an exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lapin::types::AMQPValue;
use versioned_core::format::CloudEvents;
use versioned_core::outbox::{self, PublishError, Publisher as _, Relay};
use versioned_core::prelude::OwnerDsl as _;
use versioned_core::rabbitmq::routing_key;

use super::*;

pub(super) fn announce(ids: impl IntoIterator<Item = i64>, note: &str, conn: &mut PgConnection) {
    for id in ids {
        let mut ticket = Ticket {
            id,
            note: note.to_owned(),
            version: 0,
        };
        ticket.insert(conn).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_a_persistent_message_with_its_properties() {
    let topology = Topology::quorum(rabbitmq::shared()).await;
    let (db, mut conn) = database();
    announce(1..=30, "concert", &mut conn);
    let payloads: Vec<String> = diesel::dsl::sql::<diesel::sql_types::Text>(
        "SELECT payload FROM versioned_outbox ORDER BY id",
    )
    .load(&mut conn)
    .unwrap();

    let relay = Relay::new(publisher(rabbitmq::shared(), &topology.name));
    let pass = relay.run_once_async(&mut connect(&db).await).await.unwrap();
    assert_eq!(
        (pass.published, pass.unavailable, pass.rejected),
        (30, 0, 0)
    );
    let messages = topology.messages().await;
    assert_eq!(messages.len(), 30);
    for ((message, payload), id) in messages.iter().zip(payloads).zip(1..) {
        let properties = &message.properties;
        assert_eq!(message.routing_key.as_str(), format!("tickets.{id}"));
        assert_eq!(message.data, payload.as_bytes());
        let text = |text: &Option<lapin::types::ShortString>| text.clone().unwrap().to_string();
        assert_eq!(text(properties.message_id()), format!("tickets/{id}/1"));
        assert_eq!(text(properties.kind()), "tickets.created");
        assert_eq!(text(properties.content_type()), "application/json");
        assert_eq!(*properties.delivery_mode(), Some(2));
        let event: serde_json::Value = serde_json::from_slice(&message.data).unwrap();
        let at: chrono::DateTime<chrono::Utc> = event["at"].as_str().unwrap().parse().unwrap();
        assert_eq!(
            i64::try_from(properties.timestamp().unwrap()).unwrap(),
            at.timestamp()
        );
    }
}

/// Keys may be anything; each is one word of a routing key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_key_can_be_published() {
    let topology = Topology::exchange(rabbitmq::shared()).await;
    topology.queue(&[]).await;
    // A word is neither empty nor more than one.
    topology.bind("tickets.*").await;
    let keys = [
        "", "%", "a.b", "a b", "*", "#", "a\r\nb", "ä", "a%20b", " 7", "7 ", "7", "a/b", "\t", ".",
    ];
    let rows: Vec<_> = keys.iter().map(|key| row(key, 1)).collect();
    let publisher = publisher(rabbitmq::shared(), &topology.name);
    assert_eq!(publisher.publish(&rows).await, vec![Ok(()); keys.len()]);
    let messages = topology.messages().await;
    assert_eq!(messages.len(), keys.len());
    for (key, message) in keys.iter().zip(messages) {
        assert_eq!(message.routing_key.as_str(), routing_key("tickets", key));
        assert_eq!(id(&message), format!("tickets/{key}/1"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attributes_of_a_cloud_event_are_headers_and_its_subject_is_not_the_routing_key() {
    let topology = Topology::quorum(rabbitmq::shared()).await;
    let (db, mut conn) = database();
    announce([7], "concert", &mut conn);
    let publisher = publisher(rabbitmq::shared(), &topology.name)
        .format(CloudEvents::new().binary().source("/shop"));
    let relay = Relay::new(publisher);
    let pass = relay.run_once_async(&mut connect(&db).await).await.unwrap();
    assert_eq!(pass.published, 1);
    let message = topology.messages().await.remove(0);
    let headers = message.properties.headers().clone().unwrap();
    let header = |name: &str| match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => panic!("{name}: {other:?} in {headers:?}"),
    };
    assert_eq!(header("cloudEvents_source"), "/shop");
    assert_eq!(header("cloudEvents_specversion"), "1.0");
    assert_eq!(header("cloudEvents_id"), "tickets/7/1");
    assert_eq!(header("cloudEvents_version"), "1");
    assert!(
        headers
            .inner()
            .keys()
            .all(|name| name.as_str() != "content-type")
    );
    let content_type = message.properties.content_type().clone().unwrap();
    assert_eq!(content_type.as_str(), "application/json");
    assert_eq!(message.routing_key.as_str(), "tickets.7");
}

/// The client gives a returned message to whichever confirm it sees next, and the server confirms
/// many messages with one answer: an unroutable message must not pass for a neighbor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_events_without_a_queue_are_rejected_and_only_they() {
    let topology = Topology::exchange(rabbitmq::shared()).await;
    topology.queue(&[("x-queue-type", "quorum".into())]).await;
    topology.bind("tickets.*").await;
    let publisher = publisher(rabbitmq::shared(), &topology.name);
    let rows: Vec<_> = (0..600)
        .map(|number| OutboxRow {
            entity: if number % 3 == 1 { "orders" } else { "tickets" }.to_owned(),
            ..row(&number.to_string(), 1)
        })
        .collect();
    for _ in 0..3 {
        let answers = publisher.publish(&rows).await;
        for (row, answer) in rows.iter().zip(answers) {
            match answer {
                Ok(()) => assert_eq!(row.entity, "tickets", "{row:?}"),
                Err(PublishError::Rejected(reason)) => {
                    assert_eq!(row.entity, "orders", "{row:?}");
                    let advice = format!("bind a queue for `orders.{}` to the exchange", row.key);
                    assert!(reason.starts_with(&advice), "{reason}");
                }
                Err(other) => panic!("{row:?}: {other}"),
            }
        }
        let stored = topology.ids().await;
        let expected = rows.iter().filter(|row| row.entity == "tickets");
        let expected: Vec<_> = expected.map(OutboxRow::message_id).collect();
        assert_eq!(stored, expected);
    }
}

/// Several relays share a connection, which takes one batch at a time: each is told about its own events.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clones_that_publish_at_once_hear_of_their_own_events() {
    let topology = Topology::exchange(rabbitmq::shared()).await;
    topology.queue(&[("x-queue-type", "quorum".into())]).await;
    topology.bind("tickets.*").await;
    let publisher = publisher(rabbitmq::shared(), &topology.name);
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let publisher = publisher.clone();
            tokio::spawn(async move {
                for round in 0..10 {
                    let rows: Vec<_> = (0..30)
                        .map(|number| OutboxRow {
                            entity: if (number + task) % 3 == 1 {
                                "orders"
                            } else {
                                "tickets"
                            }
                            .to_owned(),
                            ..row(&format!("{task}-{round}-{number}"), 1)
                        })
                        .collect();
                    let answers = publisher.publish(&rows).await;
                    for (row, answer) in rows.iter().zip(&answers) {
                        let is_right = match answer {
                            Ok(()) => row.entity == "tickets",
                            Err(PublishError::Rejected(_)) => row.entity == "orders",
                            Err(_) => false,
                        };
                        assert!(is_right, "{row:?}: {answer:?}");
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut stored = topology.ids().await;
    stored.sort_unstable();
    stored.dedup();
    assert_eq!(stored.len(), 8 * 10 * 20);
}

/// Row by row: a `nack` is no confirm, also where a later message of the batch is confirmed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_makes_the_events_wait() {
    let topology = Topology::exchange(rabbitmq::shared()).await;
    let full = [
        ("x-max-length", 1.into()),
        ("x-overflow", "reject-publish".into()),
    ];
    topology.queue(&full).await;
    topology.bind("#").await;
    let (db, mut blocking) = database();
    announce(1..=50, "concert", &mut blocking);
    let relay = Relay::new(publisher(rabbitmq::shared(), &topology.name));
    let mut conn = connect(&db).await;
    let pass = relay.run_once_async(&mut conn).await.unwrap();
    let stored = topology.ids().await;
    assert_eq!((pass.published, pass.rejected), (stored.len(), 0));
    assert!(
        pass.published < 50 && pass.unavailable == 50 - pass.published,
        "{pass:?}"
    );

    // Nothing is lost, whatever was in the way for how often.
    let mut all = stored;
    while outbox::Lag::load(&mut blocking).unwrap().pending > 0 {
        let pass = relay.run_once_async(&mut conn).await.unwrap();
        let stored = topology.ids().await;
        assert_eq!(pass.published, stored.len());
        all.extend(stored);
    }
    let expected: Vec<_> = (1..=50).map(|id| format!("tickets/{id}/1")).collect();
    all.sort_by_key(|id| id.split('/').nth(1).unwrap().parse::<u32>().unwrap());
    assert_eq!(all, expected);
}

/// The queue refuses some messages, and takes later ones again: of a record, it counts only what has no hole before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_on_a_refused_event_of_its_record_waits_too() {
    let topology = Topology::exchange(rabbitmq::shared()).await;
    let full = [
        ("x-max-length", 1.into()),
        ("x-overflow", "reject-publish".into()),
    ];
    topology.queue(&full).await;
    topology.bind("#").await;
    let publisher = publisher(rabbitmq::shared(), &topology.name);
    let rows: Vec<_> = (1..=100)
        .flat_map(|version| ["1", "2", "3"].map(|key| row(key, version)))
        .collect();
    let stop = Arc::new(AtomicBool::new(false));
    // Makes room again and again.
    let taking = {
        let (stop, channel) = (Arc::clone(&stop), topology.channel.clone());
        let name = topology.name.clone();
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                let options = BasicGetOptions { no_ack: true };
                channel
                    .basic_get(name.as_str().into(), options)
                    .await
                    .unwrap();
            }
        })
    };
    let mut was_refused_between = false;
    until("one was refused between two that were not", async || {
        let answers = publisher.publish(&rows).await;
        for key in ["1", "2", "3"] {
            let of_record = rows.iter().zip(&answers).filter(|(row, _)| row.key == key);
            let answers: Vec<_> = of_record.map(|(_, answer)| answer).collect();
            let count = answers.iter().take_while(|answer| answer.is_ok()).count();
            for answer in &answers[count..] {
                let Err(PublishError::Unavailable(reason)) = answer else {
                    panic!("{key}: {answer:?}");
                };
                was_refused_between |= reason.ends_with("was not confirmed, and is sent first");
            }
        }
        was_refused_between
    })
    .await;
    stop.store(true, Ordering::SeqCst);
    taking.await.unwrap();
}

#[test]
fn a_relay_on_a_blocking_connection_publishes() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let topology = runtime.block_on(Topology::quorum(rabbitmq::shared()));
    let (_db, mut conn) = database();
    announce(1..=10, "concert", &mut conn);
    let relay = Relay::new(publisher(rabbitmq::shared(), &topology.name));
    let entered = runtime.enter();
    assert_eq!(relay.run_once(&mut conn).unwrap().published, 10);
    drop(entered);
    assert_eq!(runtime.block_on(topology.ids()).len(), 10);
}
