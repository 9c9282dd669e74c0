//! Exchanges, queues, users and virtual hosts that are missing.

use lapin::options::ExchangeDeleteOptions;
use versioned_core::outbox::{PublishError, Publisher as _};
use versioned_core::rabbitmq::{Queue, RabbitMqConsumer};
use versioned_tests::heard::Heard;

use super::replica::*;
use super::*;

#[track_caller]
fn unavailable(answers: &[Result<(), PublishError>]) -> &str {
    match answers.first() {
        Some(Err(PublishError::Unavailable(reason))) => {
            assert!(answers.iter().all(|answer| Some(answer) == answers.first()));
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_exchange_the_events_wait_until_it_is_there() {
    let topology = Topology::quorum(rabbitmq::shared()).await;
    let publisher = publisher(rabbitmq::shared(), &topology.name);
    let rows: Vec<_> = (1..=20).map(|id| row(&id.to_string(), 1)).collect();
    assert_eq!(publisher.publish(&rows).await, vec![Ok(()); 20]);
    assert_eq!(topology.messages().await.len(), 20);

    let delete = || async {
        let options = ExchangeDeleteOptions::default();
        let deleted = topology
            .channel
            .exchange_delete(topology.name.as_str().into(), options);
        deleted.await.unwrap();
    };
    delete().await;
    // First the channel dies at the messages, then the check finds the reason.
    let answers = publisher.publish(&rows).await;
    assert!(unavailable(&answers).contains("NOT_FOUND"), "{answers:?}");
    for _ in 0..3 {
        let answers = publisher.publish(&rows).await;
        let advice = format!("create the exchange `{}`: NOT_FOUND", topology.name);
        assert!(unavailable(&answers).starts_with(&advice), "{answers:?}");
    }

    topology.declare().await;
    topology.bind("#").await;
    assert_eq!(publisher.publish(&rows).await, vec![Ok(()); 20]);
    assert_eq!(topology.messages().await.len(), 20);
}

/// What is wrong is said, and said again, until it is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_or_virtual_host_is_said() {
    let rows = [row("1", 1), row("2", 1)];
    let said = async |url: String| {
        let publisher = publisher(&url, "");
        let answers = publisher.publish(&rows).await;
        unavailable(&answers).to_owned()
    };
    let url = rabbitmq::shared();
    let reason = said(url.replace("guest:guest", "guest:wrong")).await;
    assert!(reason.starts_with("check 127.0.0.1:"), "{reason}");
    assert!(
        reason.contains("ACCESS_REFUSED") && !reason.contains("wrong"),
        "{reason}"
    );
    let reason = said(url.replace("%2f", "nowhere")).await;
    assert!(reason.contains("virtual host `nowhere`"), "{reason}");
    assert!(
        reason.contains("NOT_ALLOWED") || reason.contains("vhost nowhere not found"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_servers_one_that_answers_is_used() {
    let topology = Topology::quorum(rabbitmq::shared()).await;
    // Nobody listens on this port.
    let servers = Servers::new(["amqp://127.0.0.1:1/%2f", rabbitmq::shared()]).unwrap();
    let publisher = RabbitMqPublisher::new(servers, &topology.name);
    let rows = [row("1", 1)];
    let first = publisher.publish(&rows).await;
    assert!(
        unavailable(&first).starts_with("check 127.0.0.1:1,"),
        "{first:?}"
    );
    // Before the pause is over, the reason is the same.
    until("a connection to the second one", async || {
        publisher.publish(&rows).await == [Ok(())]
    })
    .await;
    assert_eq!(topology.ids().await, ["tickets/1/1"]);
}

/// The consumer goes from one server to the next one until one answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_uses_the_server_that_answers() {
    let topology = Topology::quorum(rabbitmq::shared()).await;
    let (db, mut conn) = replica();
    publish(
        &publisher(rabbitmq::shared(), &topology.name),
        vec![event_row(1, 1)],
    )
    .await;
    // Nobody listens on these ports.
    let servers = [
        "amqp://127.0.0.1:1/%2f",
        "amqp://127.0.0.1:2/%2f",
        rabbitmq::shared(),
    ];
    let heard = Heard::default();
    let consumer = RabbitMqConsumer::new(
        Servers::new(servers).unwrap(),
        Queue::existing(&topology.name),
    );
    let running = Running::replica(consumer.on_problem(heard.hook()), db.url());
    until("it is applied", async || held(&mut conn) == [(1, 1)]).await;
    running.stop().await;
    let heard = heard.all();
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert!(heard[0].contains("check 127.0.0.1:1,"), "{heard:?}");
    assert!(heard[1].contains("check 127.0.0.1:2,"), "{heard:?}");
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
