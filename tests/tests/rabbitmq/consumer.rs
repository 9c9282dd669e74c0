//! A queue, to a replica: what only this broker does.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use versioned_core::async_prelude::*;
use versioned_core::consumer::Consumed;
use versioned_core::outbox::{Publisher as _, Shutdown};
use versioned_core::rabbitmq::{Queue, RabbitMqConsumer};
use versioned_core::{Error, Event, Op, Outcome};
use versioned_tests::heard::Heard;
use versioned_tests::proxy::Proxy;
use versioned_tests::rabbitmq::Broker;

use super::*;

#[derive(
    Debug,
    Clone,
    PartialEq,
    diesel::Queryable,
    diesel::Selectable,
    Serialize,
    Deserialize,
    Versioned,
)]
#[diesel(table_name = tickets)]
#[versioned(dependent)]
struct Copy {
    id: i64,
    note: String,
    version: i64,
}

diesel::table! {
    applied (key, version) {
        key -> Text,
        version -> BigInt,
    }
}

fn replica() -> (Db, PgConnection) {
    let (db, mut conn) = database();
    let table = "CREATE TABLE applied (key TEXT NOT NULL, version BIGINT NOT NULL)";
    diesel::connection::SimpleConnection::batch_execute(&mut conn, table).unwrap();
    (db, conn)
}

fn event_row(id: i64, version: i64) -> OutboxRow {
    let event = Event {
        entity: "tickets".into(),
        key: id.to_string(),
        version,
        op: Op::Updated,
        at: "2026-11-23T05:10:00Z".into(),
        data: Some(Copy {
            id,
            note: format!("note {version}"),
            version,
        }),
        trace: None,
        metadata: None,
    };
    OutboxRow {
        payload: serde_json::to_string(&event).unwrap(),
        ..row(&id.to_string(), version)
    }
}

/// Publishes events, each as often as it takes.
async fn publish(publisher: &RabbitMqPublisher, mut rows: Vec<OutboxRow>) {
    let end = Instant::now() + STUCK;
    while !rows.is_empty() {
        let mut answers = publisher.publish(&rows).await.into_iter();
        rows.retain(|_| answers.next() != Some(Ok(())));
        assert!(Instant::now() < end, "{} events are not sent", rows.len());
        if !rows.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn held(conn: &mut PgConnection) -> Vec<(i64, i64)> {
    let rows = tickets::table.order(tickets::id);
    rows.select((tickets::id, tickets::version))
        .load(conn)
        .unwrap()
}

struct Running {
    shutdown: Shutdown,
    task: tokio::task::JoinHandle<Consumed>,
}

impl Running {
    fn replica(consumer: RabbitMqConsumer, url: &str) -> Self {
        let shutdown = Shutdown::new();
        let (stop, url) = (shutdown.clone(), url.to_owned());
        let task = tokio::spawn(async move {
            let connect = || AsyncPgConnection::establish(&url);
            consumer.replicate::<Copy, _>(connect, stop).await.unwrap()
        });
        Self { shutdown, task }
    }

    /// Notes each event that it applies, in the transaction.
    fn noting(consumer: RabbitMqConsumer, url: &str) -> Self {
        let shutdown = Shutdown::new();
        let (stop, url) = (shutdown.clone(), url.to_owned());
        let task = tokio::spawn(async move {
            let handle = async |event: Event<Copy>| note(&event, &url).await;
            consumer.run(handle, stop).await.unwrap()
        });
        Self { shutdown, task }
    }

    async fn stop(self) -> Consumed {
        self.shutdown.stop();
        self.task.await.unwrap()
    }
}

async fn note(event: &Event<Copy>, url: &str) -> versioned_core::Result<Outcome> {
    let conn = AsyncPgConnection::establish(url).await;
    let mut conn = conn.map_err(Error::other)?;
    let note = async |conn: &mut AsyncPgConnection, event: &Event<Copy>| {
        let row = (
            applied::key.eq(event.key.clone()),
            applied::version.eq(event.version),
        );
        let insert = diesel::insert_into(applied::table).values(row);
        diesel_async::RunQueryDsl::execute(insert, conn).await?;
        Ok(())
    };
    Copy::apply_with(event, &mut conn, note).await
}

fn noted(conn: &mut PgConnection) -> Vec<(i64, i64)> {
    let noted: Vec<(String, i64)> = applied::table.load(conn).unwrap();
    let mut noted: Vec<_> = noted
        .into_iter()
        .map(|(key, version)| (key.parse().unwrap(), version))
        .collect();
    noted.sort_unstable();
    noted
}

fn consumer(url: &str, queue: Queue) -> RabbitMqConsumer {
    RabbitMqConsumer::new(Servers::new([url]).unwrap(), queue)
}

fn limit(returns: u32) -> NonZeroU32 {
    NonZeroU32::new(returns).unwrap()
}

/// Messages in a queue: those that wait, and all with those in hand. A quorum queue renews these figures every 200 ms,
/// and the tool needs longer to start.
fn counts(broker: &Broker, queue: &str) -> (usize, usize) {
    let arguments = ["list_queues", "name", "messages_ready", "messages"];
    let queues = broker.ctl(&arguments);
    let line = queues.lines().find_map(|line| line.strip_prefix(queue));
    let mut numbers = line.expect("a queue").split_whitespace();
    let mut next = || numbers.next().unwrap().parse().unwrap();
    (next(), next())
}

/// A database that is away for longer than the delivery limit permits returns: nothing is returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_the_database_does_not_use_up_the_delivery_limit() {
    let broker = Broker::start();
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
    assert_eq!(counts(&broker, &events.name), (440, 490));
    proxy.mend();
    until("all are applied", async || held(&mut conn).len() == 500).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.dead_letters, figures.terminated),
        (0, 0),
        "{figures:?}"
    );
    assert_eq!(counts(&broker, &dead.name), (0, 0));
    assert_eq!(counts(&broker, &events.name), (0, 0));
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
        let handle = async |_: Event<Copy>| {
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

/// The connection is cut between the COMMIT and the acknowledgement, again and again: what was settled for one channel says nothing on
/// the next one, whose numbers begin at 1 again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_after_each_commit_applies_each_event_once() {
    const RECORDS: i64 = 60;
    const VERSIONS: i64 = 10;
    let broker = Broker::start();
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
            let handle = async |event: Event<Copy>| {
                let outcome = note(&event, &url).await?;
                // Not after a duplicate: each cut causes many of these.
                let is_new = outcome == Outcome::Applied;
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
        counts(&broker, &topology.name) == (0, 0)
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

/// The queue is deleted and made again under load, three times: the consumer comes back, and settles each message.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_is_made_again_under_load_is_consumed_again() {
    let broker = Broker::start();
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
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let options = lapin::options::QueueDeleteOptions::default();
        let deleted = topology
            .channel
            .queue_delete(topology.name.as_str().into(), options);
        deleted.await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        topology.queue(&[("x-queue-type", "quorum".into())]).await;
        topology.bind("#").await;
    }
    stop.store(true, Ordering::SeqCst);
    load.await.unwrap();
    assert!(heard.has("look for the queue"), "{:?}", heard.all());
    let advice = format!("create the queue `{}`: NOT_FOUND", topology.name);
    assert!(heard.has(&advice), "{:?}", heard.all());
    let publisher = publisher(&broker.url(), &topology.name);
    publish(&publisher, vec![event_row(1, 1)]).await;
    until("the last one is applied", async || {
        held(&mut conn).first() == Some(&(1, 1))
    })
    .await;
    until("nothing is in hand", async || {
        counts(&broker, &topology.name) == (0, 0)
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
            let handle = async |event: Event<Copy>| {
                if event.key == "1" && slow.swap(false, Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_secs(8)).await;
                }
                note(&event, &url).await
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
    let broker = Broker::start();
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
            let handle = async |event: Event<Copy>| {
                while !open.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                note(&event, &url).await
            };
            consumer.run(handle, stop).await.unwrap()
        })
    };
    until("the room is full", async || {
        counts(&broker, &topology.name) == (2_950, 3_000)
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(counts(&broker, &topology.name), (2_950, 3_000));
    open.store(true, Ordering::SeqCst);
    until("all are applied", async || held(&mut conn).len() == 3_000).await;
    shutdown.stop();
    running.await.unwrap();
}

/// At the shutdown, all that is not finished is back in the queue at once, and counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdowns_under_load_give_back_what_is_in_hand() {
    const LIVES: i64 = 25;
    let broker = Broker::start();
    let dead = Topology::quorum(&broker.url()).await;
    let events = Topology::exchange(&broker.url()).await;
    let queue = || {
        Queue::declared(&events.name, &dead.name)
            .bound_to(&events.name, "tickets.*")
            .delivery_limit(limit(40))
    };
    let (db, mut conn) = replica();
    let stop = Arc::new(AtomicBool::new(false));
    Running::replica(consumer(&broker.url(), queue()), db.url())
        .stop()
        .await;
    let load = {
        let (stop, publisher) = (Arc::clone(&stop), publisher(&broker.url(), &events.name));
        tokio::spawn(async move {
            let mut last = 0;
            while !stop.load(Ordering::SeqCst) {
                let rows = (last + 1..=last + 50).map(|id| event_row(id, 1)).collect();
                publish(&publisher, rows).await;
                last += 50;
            }
            last
        })
    };
    for life in 0..LIVES {
        let running = Running::replica(consumer(&broker.url(), queue()), db.url());
        tokio::time::sleep(Duration::from_millis(150 + 20 * life.unsigned_abs())).await;
        let start = Instant::now();
        let figures = running.stop().await;
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{:?}",
            start.elapsed()
        );
        assert_eq!(
            (figures.dead_letters, figures.failed),
            (0, 0),
            "{figures:?}"
        );
    }
    stop.store(true, Ordering::SeqCst);
    let last = load.await.unwrap();
    until("what was in hand is given back", async || {
        let (ready, all) = counts(&broker, &events.name);
        ready == all
    })
    .await;
    let running = Running::replica(consumer(&broker.url(), queue()), db.url());
    let expected = usize::try_from(last).unwrap();
    until("all are applied", async || {
        held(&mut conn).len() == expected
    })
    .await;
    running.stop().await;
    assert_eq!(counts(&broker, &events.name), (0, 0));
    assert_eq!(counts(&broker, &dead.name), (0, 0));
}

/// What does not heal by itself is said, each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_configuration_is_reported() {
    let url = rabbitmq::shared();
    let (db, _conn) = replica();
    let dead = Topology::quorum(url).await;
    let events = Topology::exchange(url).await;
    let declared =
        |returns: u32| Queue::declared(&events.name, &dead.name).delivery_limit(limit(returns));
    let running = Running::replica(consumer(url, declared(5)), db.url());
    until("the queue is declared", async || {
        // A channel that finds none is closed.
        let channel = events.connection.create_channel().await.unwrap();
        let passive = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::durable()
        };
        let name = events.name.as_str().into();
        let found = channel.queue_declare(name, passive, FieldTable::default());
        found.await.is_ok()
    })
    .await;
    running.stop().await;
    let unbound = Queue::declared(&dead.name, "").bound_to("no-such-exchange", "#");
    let missing = rabbitmq::name();
    let create = format!("create the queue `{missing}`: NOT_FOUND");
    let wrong_password = url.replace("guest:guest", "guest:wrong");
    let nowhere = url.replace("%2f", "nowhere");
    let cases = [
        (
            wrong_password.as_str(),
            Queue::existing(&dead.name),
            "ACCESS_REFUSED",
        ),
        (
            nowhere.as_str(),
            Queue::existing(&dead.name),
            "virtual host `nowhere`",
        ),
        (url, Queue::existing(&missing), create.as_str()),
        (url, declared(6), "use `Queue::existing`, and a policy"),
        (url, unbound, "exists with other arguments"),
        (url, Queue::existing("x".repeat(256)), "at most 255 bytes"),
    ];
    for (url, queue, text) in cases {
        let heard = Heard::default();
        let consumer = consumer(url, queue).on_problem(heard.hook());
        let running = Running::replica(consumer, db.url());
        let times = || {
            heard
                .all()
                .iter()
                .filter(|heard| heard.contains(text))
                .count()
        };
        until(text, async || times() >= 2).await;
        assert!(!heard.has("wrong"), "{:?}", heard.all());
        running.stop().await;
    }
}

/// The server is frozen: nothing hangs, also not the shutdown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_does_not_hold_up_the_shutdown() {
    let broker = Broker::start();
    let topology = Topology::quorum(&broker.url()).await;
    let publisher = publisher(&broker.url(), &topology.name);
    let (db, mut conn) = replica();
    let consumer = consumer(&broker.url(), Queue::existing(&topology.name))
        .shutdown_timeout(Duration::from_secs(2));
    let running = Running::noting(consumer, db.url());
    publish(&publisher, vec![event_row(1, 1)]).await;
    until("it is applied", async || held(&mut conn).len() == 1).await;
    broker.freeze();
    let stopping = thread::spawn(Instant::now).join().unwrap();
    running.stop().await;
    assert!(
        stopping.elapsed() < Duration::from_secs(30),
        "{:?}",
        stopping.elapsed()
    );
    broker.thaw();
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
