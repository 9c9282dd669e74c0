//! A queue, to a replica: what only this broker does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use versioned_core::consumer::ConsumerError;
use versioned_core::outbox::{Publisher as _, Shutdown};
use versioned_core::rabbitmq::Queue;
use versioned_core::{Event, Outcome};
use versioned_tests::heard::Heard;
use versioned_tests::proxy::Proxy;
use versioned_tests::rabbitmq::Broker;

use super::replica::*;
use super::*;

/// A database that is away for longer than the delivery limit permits returns: nothing is returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_database_does_not_use_up_the_delivery_limit() {
    let broker = Broker::common();
    let dead = Topology::quorum(&broker.url()).await;
    let events = Topology::exchange(&broker.url()).await;
    let (db, mut conn) = replica();
    let (proxy, url) = Proxy::of_url(db.url());
    let queue = Queue::declared(&events.name, &dead.name)
        .bound_to(&events.name, "tickets.*")
        .delivery_limit(limit(3));
    let consumer = consumer(&broker.url(), queue).in_hand(50);
    let counters = consumer.counters();
    let running = Running::replica(consumer, &url);
    let publisher = publisher(&broker.url(), &events.name);
    let rows = (1..=10).map(|id| event_row(id, 1)).collect();
    publish(&publisher, rows).await;
    until("some are applied", async || held(&mut conn).len() == 10).await;
    proxy.cut();
    let rows = (11..=500).map(|id| event_row(id, 1)).collect();
    publish(&publisher, rows).await;
    until("many attempts", async || counters.snapshot().failed >= 6).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    // The room is what is in hand, while the rest waits.
    assert_eq!(counts(broker, &events.name), (440, 490));
    proxy.mend();
    until("all are applied", async || held(&mut conn).len() == 500).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.dead_letters, figures.terminated),
        (0, 0),
        "{figures:?}"
    );
    assert_eq!(counts(broker, &dead.name), (0, 0));
    assert_eq!(counts(broker, &events.name), (0, 0));
}

/// The limit is real: a message that comes back too often is dead-lettered, and not lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_at_the_delivery_limit_goes_to_the_dead_letter_exchange() {
    let url = rabbitmq::shared();
    let dead = Topology::quorum(url).await;
    let events = Topology::exchange(url).await;
    let queue = || {
        Queue::declared(&events.name, &dead.name)
            .bound_to(&events.name, "tickets.*")
            .delivery_limit(limit(3))
    };
    let publisher = publisher(url, &events.name);
    let mut lives = 0;
    let mut is_published = false;
    // Each life ends with the event in hand.
    until("it is dead-lettered", async || {
        let seen = Arc::new(AtomicBool::new(false));
        let consumer = consumer(url, queue());
        let handle = async |_: Event<Parking>| {
            seen.store(true, Ordering::SeqCst);
            std::future::pending::<versioned_core::Result<Outcome>>().await
        };
        let running = consumer.run(handle, std::future::pending::<()>());
        let end = async {
            let end = Instant::now() + Duration::from_secs(3);
            while !seen.load(Ordering::SeqCst) && Instant::now() < end {
                if !is_published {
                    is_published = publisher.publish(&[event_row(1, 1)]).await == [Ok(())];
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            ended = running => panic!("{ended:?}"),
            () = end => {}
        }
        lives += usize::from(seen.load(Ordering::SeqCst));
        !dead.messages().await.is_empty()
    })
    .await;
    assert_eq!(lives, 4);
}

/// No queue is bound to the dead-letter exchange: the message stays until one is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_exchange_without_a_queue_loses_nothing() {
    let broker = Broker::with_settings("{dead_letter_worker_publisher_confirm_timeout, 2000}");
    let dead = Topology::exchange(&broker.url()).await;
    let events = Topology::exchange(&broker.url()).await;
    let queue = || {
        Queue::declared(&events.name, &dead.name)
            .bound_to(&events.name, "tickets.*")
            .delivery_limit(limit(1))
    };
    let (db, _conn) = replica();
    let running = Running::replica(consumer(&broker.url(), queue()), db.url());
    until("the queue is bound", async || {
        let bindings = broker.ctl(&["list_bindings", "source_name"]);
        bindings.lines().any(|source| source == events.name)
    })
    .await;
    running.stop().await;
    let publisher = publisher(&broker.url(), &events.name);
    publish(&publisher, vec![event_row(1, 1)]).await;
    for life in 0..2 {
        let seen = AtomicBool::new(false);
        let consumer = consumer(&broker.url(), queue());
        let handle = async |_: Event<Parking>| {
            seen.store(true, Ordering::SeqCst);
            std::future::pending::<versioned_core::Result<Outcome>>().await
        };
        tokio::select! {
            ended = consumer.run(handle, std::future::pending::<()>()) => panic!("{ended:?}"),
            () = until("it is in hand", async || seen.load(Ordering::SeqCst)) => {}
        }
        drop(consumer);
        // At the limit, it is no longer ready.
        until("it is back", async || {
            counts(&broker, &events.name) == (usize::from(life == 0), 1)
        })
        .await;
    }
    // Longer than the server waits before it tries again.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(counts(&broker, &events.name), (0, 1));
    dead.queue(&[("x-queue-type", "quorum".into())]).await;
    dead.bind("#").await;
    until("it is dead-lettered", async || {
        !dead.messages().await.is_empty()
    })
    .await;
    until("the queue is empty", async || {
        counts(&broker, &events.name) == (0, 0)
    })
    .await;
}

/// The connection is cut between the COMMIT and the acknowledgement, again and again: what was settled for one channel says nothing on
/// the next one, whose numbers begin at 1 again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_after_each_commit_applies_each_event_once() {
    const RECORDS: i64 = 60;
    const VERSIONS: i64 = 10;
    let broker = Broker::common();
    let topology = Topology::quorum(&broker.url()).await;
    let publisher = publisher(&broker.url(), &topology.name);
    let (db, mut conn) = replica();
    let proxy = Arc::new(Proxy::to(broker.port()));
    let cuts = Arc::new(AtomicUsize::new(0));
    let commits = Arc::new(AtomicUsize::new(0));
    let consumer = consumer(
        &broker.url_at(proxy.port()),
        Queue::existing(&topology.name),
    )
    .concurrency(4)
    .in_hand(40);
    let shutdown = Shutdown::new();
    let running = {
        let (stop, url) = (shutdown.clone(), db.url().to_owned());
        let (proxy, cuts, commits) = (Arc::clone(&proxy), Arc::clone(&cuts), Arc::clone(&commits));
        tokio::spawn(async move {
            let handle = async |event: Event<Parking>| {
                let outcome = apply_and_note_at(&event, &url).await?;
                // Not after a duplicate: each cut causes many of these.
                let is_new = !matches!(outcome, Outcome::Duplicate { .. });
                if is_new && commits.fetch_add(1, Ordering::SeqCst) % 7 == 3 {
                    cuts.fetch_add(1, Ordering::SeqCst);
                    proxy.cut();
                    proxy.mend();
                }
                Ok(outcome)
            };
            consumer.run(handle, stop).await.unwrap()
        })
    };
    for version in 1..=VERSIONS {
        let rows = (1..=RECORDS).map(|id| event_row(id, version)).collect();
        publish(&publisher, rows).await;
    }
    let expected: Vec<_> = (1..=RECORDS).map(|id| (id, VERSIONS)).collect();
    until("all are applied", async || held(&mut conn) == expected).await;
    until("all are settled", async || {
        counts(broker, &topology.name) == (0, 0)
    })
    .await;
    shutdown.stop();
    running.await.unwrap();
    let cuts = cuts.load(Ordering::SeqCst);
    assert!(cuts >= 80, "{cuts}");
    let each: Vec<_> = (1..=RECORDS)
        .flat_map(|id| (1..=VERSIONS).map(move |version| (id, version)))
        .collect();
    assert_eq!(noted(&mut conn), each);
}

/// The events that a process gives back are behind those that another one has in hand, and wait for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closure_needs_a_replica_that_parks() {
    const ROOM: usize = 8;
    let url = rabbitmq::shared();
    let topology = Topology::quorum(url).await;
    let consumer = || consumer(url, Queue::existing(&topology.name)).in_hand(ROOM);
    let (db, mut conn) = replica();
    let refused = Running::noting(consumer(), db.url()).ended().await;
    let Err(ConsumerError::Configuration(reason)) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        reason.starts_with("set `gap = \"park\"` on the replica, or call `replicate`"),
        "{reason}"
    );
    let publisher = publisher(url, &topology.name);
    let versions =
        |range: std::ops::RangeInclusive<i64>| range.map(|version| event_row(1, version)).collect();
    publish(&publisher, versions(1..=8)).await;
    let arrived = Arc::new(AtomicBool::new(false));
    let shutdown = Shutdown::new();
    let slow = {
        let (stop, arrived) = (shutdown.clone(), Arc::clone(&arrived));
        let consumer = consumer().shutdown_timeout(Duration::from_millis(100));
        tokio::spawn(async move {
            let handle = async |_: Event<Parking>| {
                arrived.store(true, Ordering::SeqCst);
                std::future::pending::<versioned_core::Result<Outcome>>().await
            };
            consumer.run(handle, stop).await
        })
    };
    until("the first have arrived", async || {
        arrived.load(Ordering::SeqCst)
    })
    .await;
    publish(&publisher, versions(9..=40)).await;
    let second = consumer();
    let counters = second.counters();
    let running = Noting::noting(second, db.url());
    until("the others are parked", async || {
        counters.snapshot().parked == 32
    })
    .await;
    shutdown.stop();
    drop(slow.await.unwrap());
    until("all are applied", async || held(&mut conn) == [(1, 40)]).await;
    running.stop().await;
    let each: Vec<_> = (1..=40).map(|version| (1, version)).collect();
    assert_eq!(noted(&mut conn), each);
}

/// The queue is deleted and made again under load, three times: the consumer comes back, and settles each message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_made_again_under_load_is_consumed_again() {
    let broker = Broker::common();
    let topology = Topology::quorum(&broker.url()).await;
    let (db, mut conn) = replica();
    let heard = Heard::default();
    let consumer =
        consumer(&broker.url(), Queue::existing(&topology.name)).on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    let stop = Arc::new(AtomicBool::new(false));
    let load = {
        let (stop, publisher) = (Arc::clone(&stop), publisher(&broker.url(), &topology.name));
        tokio::spawn(async move {
            let mut last = 0;
            while !stop.load(Ordering::SeqCst) {
                last += 1;
                let rows: Vec<_> = (0..20).map(|n| event_row(last * 20 + n, 1)).collect();
                // What was in the queue is lost with it, and so are some of these.
                drop(publisher.publish(&rows).await);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    };
    let advice = format!("create the queue `{}`: NOT_FOUND", topology.name);
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let options = lapin::options::QueueDeleteOptions::default();
        let deleted = topology
            .channel
            .queue_delete(topology.name.as_str().into(), options);
        deleted.await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        until("it is reported as missing", async || heard.has(&advice)).await;
        topology.queue(&[("x-queue-type", "quorum".into())]).await;
        topology.bind("#").await;
    }
    stop.store(true, Ordering::SeqCst);
    load.await.unwrap();
    assert!(heard.has("look for the queue"), "{:?}", heard.all());
    let publisher = publisher(&broker.url(), &topology.name);
    publish(&publisher, vec![event_row(1, 1)]).await;
    until("the last one is applied", async || {
        held(&mut conn).first() == Some(&(1, 1))
    })
    .await;
    until("nothing is in hand", async || {
        counts(broker, &topology.name) == (0, 0)
    })
    .await;
    running.stop().await;
}

/// The server closes a channel that holds a message for too long, with all others on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_channel_that_held_a_message_for_too_long_is_made_again() {
    let broker = Broker::with_settings("{consumer_timeout, 3000}, {channel_tick_interval, 500}");
    let topology = Topology::quorum(&broker.url()).await;
    let publisher = publisher(&broker.url(), &topology.name);
    let (db, mut conn) = replica();
    let heard = Heard::default();
    let consumer =
        consumer(&broker.url(), Queue::existing(&topology.name)).on_problem(heard.hook());
    let shutdown = Shutdown::new();
    let running = {
        let (stop, url) = (shutdown.clone(), db.url().to_owned());
        let slow = AtomicBool::new(true);
        tokio::spawn(async move {
            let handle = async |event: Event<Parking>| {
                if event.key == "1" && slow.swap(false, Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_secs(8)).await;
                }
                apply_and_note_at(&event, &url).await
            };
            consumer.run(handle, stop).await.unwrap()
        })
    };
    let rows = (1..=200).map(|id| event_row(id, 1)).collect();
    publish(&publisher, rows).await;
    until("all are applied", async || held(&mut conn).len() == 200).await;
    assert!(heard.has("PRECONDITION_FAILED"), "{:?}", heard.all());
    until("all are settled", async || {
        counts(&broker, &topology.name) == (0, 0)
    })
    .await;
    shutdown.stop();
    running.await.unwrap();
    assert_eq!(noted(&mut conn).len(), 200);
}

/// Never more than the room, also with more events than that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_delivers_as_many_messages_as_there_is_room() {
    let broker = Broker::common();
    let topology = Topology::quorum(&broker.url()).await;
    let publisher = publisher(&broker.url(), &topology.name);
    let rows = (1..=3_000).map(|id| event_row(id, 1)).collect();
    publish(&publisher, rows).await;
    let (db, mut conn) = replica();
    let consumer = consumer(&broker.url(), Queue::existing(&topology.name))
        .in_hand(50)
        .concurrency(2);
    let open = Arc::new(AtomicBool::new(false));
    let shutdown = Shutdown::new();
    let running = {
        let (stop, url, open) = (shutdown.clone(), db.url().to_owned(), Arc::clone(&open));
        tokio::spawn(async move {
            let handle = async |event: Event<Parking>| {
                while !open.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                apply_and_note_at(&event, &url).await
            };
            consumer.run(handle, stop).await.unwrap()
        })
    };
    until("the room is full", async || {
        counts(broker, &topology.name) == (2_950, 3_000)
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(counts(broker, &topology.name), (2_950, 3_000));
    open.store(true, Ordering::SeqCst);
    until("all are applied", async || held(&mut conn).len() == 3_000).await;
    shutdown.stop();
    running.await.unwrap();
}

/// A queue that drops messages is a gap, which is reported.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_the_queue_has_dropped_is_reported() {
    let url = rabbitmq::shared();
    let topology = Topology::exchange(url).await;
    // `drop-head` is the default.
    topology.queue(&[("x-max-length", 10.into())]).await;
    topology.bind("#").await;
    let publisher = publisher(url, &topology.name);
    let rows = (1..=20).map(|version| event_row(7, version)).collect();
    // The server confirms each of them.
    publish(&publisher, rows).await;
    let (db, _conn) = replica();
    let heard = Heard::default();
    let consumer = consumer(url, Queue::existing(&topology.name))
        .patience(Duration::from_millis(300))
        .on_problem(heard.hook());
    let running = Running::replica(consumer, db.url());
    until("the gap is reported", async || {
        heard.has("tickets/7 is at version 0")
    })
    .await;
    running.stop().await;
}

/// Packets are lost, and the connection stays open at both ends: only the heartbeats tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_stalls_is_noticed_and_made_again() {
    let broker = Broker::common();
    let topology = Topology::quorum(&broker.url()).await;
    let publisher = publisher(&broker.url(), &topology.name);
    let (db, mut conn) = replica();
    let proxy = Proxy::to(broker.port());
    let heard = Heard::default();
    let url = format!("{}?heartbeat=3", broker.url_at(proxy.port()));
    let consumer = consumer(&url, Queue::existing(&topology.name)).on_problem(heard.hook());
    let running = Noting::noting(consumer, db.url());
    publish(&publisher, vec![event_row(1, 1)]).await;
    until("it is applied", async || held(&mut conn) == [(1, 1)]).await;
    assert_eq!(heard.all(), [""; 0]);
    proxy.stall();
    let start = Instant::now();
    publish(&publisher, vec![event_row(1, 2)]).await;
    until("it is reported", async || !heard.all().is_empty()).await;
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(held(&mut conn), [(1, 1)]);
    proxy.mend();
    until("it is applied", async || held(&mut conn) == [(1, 2)]).await;
    until("nothing is in hand", async || {
        counts(broker, &topology.name) == (0, 0)
    })
    .await;
    running.stop().await;
}

/// The others of its batch are applied, and none of them goes back to the queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_event_of_a_batch_fails_alone() {
    let url = rabbitmq::shared();
    let topology = Topology::quorum(url).await;
    let publisher = publisher(url, &topology.name);
    let (db, mut conn) = replica();
    let poison = "ALTER TABLE tickets ADD CONSTRAINT poison CHECK (id <> 37)";
    diesel::sql_query(poison).execute(&mut conn).unwrap();
    let rows = (1..=100).map(|id| event_row(id, 1)).collect();
    publish(&publisher, rows).await;
    let fast = Duration::from_millis(20);
    let consumer = consumer(url, Queue::existing(&topology.name))
        .redelivery(fast, fast)
        .attempts(3);
    let counters = consumer.counters();
    let running = Running::replica(consumer, db.url());
    until("it is a dead letter", async || {
        counters.snapshot().dead_letters == 1
    })
    .await;
    until("the others are applied", async || {
        held(&mut conn).len() == 99
    })
    .await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.applied, figures.duplicates, figures.dead_letters),
        (99, 0, 1),
        "{figures:?}"
    );
    assert_eq!(topology.ids().await, [""; 0]);
    let letters = versioned_core::dead_letters::list::<Copy, _>(0, 10, &mut conn).unwrap();
    assert_eq!(letters[0].record, Some(("37".to_owned(), 1)));
}

/// One process receives everything until it is gone, and then another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_active_consumer_is_followed_by_the_next_one() {
    const VERSIONS: i64 = 60;
    let broker = Broker::common();
    let topology = Topology::exchange(&broker.url()).await;
    let arguments = [
        ("x-queue-type", "quorum".into()),
        ("x-single-active-consumer", true.into()),
    ];
    topology.queue(&arguments).await;
    topology.bind("#").await;
    let (db, mut conn) = replica();
    let start = || {
        let consumer = consumer(&broker.url(), Queue::existing(&topology.name)).in_hand(20);
        let counters = consumer.counters();
        (Noting::noting(consumer, db.url()), counters)
    };
    let (mut active, mut counters) = start();
    let load = {
        let publisher = publisher(&broker.url(), &topology.name);
        tokio::spawn(async move {
            for version in 1..=VERSIONS {
                let rows = (1..=20).map(|id| event_row(id, version)).collect();
                publish(&publisher, rows).await;
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        })
    };
    for _ in 0..3 {
        until("it receives", async || counters.snapshot().applied > 0).await;
        let (next, of_next) = start();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(of_next.snapshot().applied, 0, "two are active");
        active.abandon().await;
        (active, counters) = (next, of_next);
    }
    load.await.unwrap();
    let expected: Vec<_> = (1..=20).map(|id| (id, VERSIONS)).collect();
    until("all are applied", async || held(&mut conn) == expected).await;
    until("nothing is in hand", async || {
        counts(broker, &topology.name) == (0, 0)
    })
    .await;
    active.stop().await;
    let each: Vec<_> = (1..=20)
        .flat_map(|id| (1..=VERSIONS).map(move |version| (id, version)))
        .collect();
    assert_eq!(noted(&mut conn), each);
}
