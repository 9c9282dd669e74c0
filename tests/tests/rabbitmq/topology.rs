//! Exchanges, users and virtual hosts that are missing.

use lapin::options::ExchangeDeleteOptions;
use versioned_core::outbox::{PublishError, Publisher as _};

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
