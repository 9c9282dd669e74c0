//! The requests for messages: no message waits because the server forgot one.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use versioned_core::nats::JetStreamConsumer;
use versioned_core::outbox::Shutdown;
use versioned_core::{Outcome, Result};
use versioned_tests::proxy::Proxy;

use super::*;

const CONSUMERS: u64 = 4;

/// A nats-server before 2.9.15 forgets a request without a word, if messages arrive as the request
/// expires: <https://github.com/nats-io/nats-server/pull/3942>.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_request_that_the_server_forgets_holds_back_no_message() {
    let broker = Broker::start();
    let context = jetstream(&broker).await;
    let stream = events(&context).await;
    let heard = Heard::default();
    let mut consumers = Vec::new();
    for place in 0..CONSUMERS {
        let name = format!("orders-{place}");
        let consumer = JetStreamConsumer::durable(&stream, &name, "events.tickets.*").await;
        let consumer = consumer.unwrap().in_hand(100_000);
        consumers.push(consumer.on_problem(heard.hook()));
    }
    let (shutdown, handled) = (Shutdown::new(), AtomicU64::new(0));
    let handle = async |_: Event<Copy>| -> Result<Outcome> {
        handled.fetch_add(1, Ordering::SeqCst);
        Ok(Outcome::Duplicate { current: 1 })
    };
    let payload = serde_json::to_vec(&event(Op::Created, 1, 1)).unwrap();
    // In the middle of these messages, the first requests expire, after a second.
    let client = context.client();
    let sending = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(950)).await;
        let (start, mut sent) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_millis(100) {
            for _ in 0..10 {
                let payload = payload.clone().into();
                client.publish("events.tickets.1", payload).await.unwrap();
                sent += 1;
            }
            client.flush().await.unwrap();
        }
        sent
    });
    let watch = async {
        let sent: u64 = sending.await.unwrap();
        let (mut last, mut since, mut longest) = (0, Instant::now(), Duration::ZERO);
        until("all are handled", async || {
            let now = handled.load(Ordering::SeqCst);
            if now != last {
                (last, since) = (now, Instant::now());
            }
            longest = longest.max(since.elapsed());
            now == sent * CONSUMERS
        })
        .await;
        shutdown.stop();
        longest
    };
    let running = consumers
        .iter()
        .map(|consumer| consumer.run(handle, shutdown.clone()));
    let (ended, longest) = tokio::join!(join_all(running), watch);
    assert!(ended.iter().all(Result::is_ok), "{ended:?}");
    assert_eq!(heard.all(), [""; 0]);
    assert!(longest < Duration::from_secs(2), "{longest:?}");
}

/// The network stands still for a while: what the server had sent to requests that were over by then is not redelivered
/// after `ack_wait` only.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_is_on_its_way_during_a_stall_arrives_after_it() {
    const EVENTS: u64 = 100;
    let broker = Broker::start();
    let direct = jetstream(&broker).await;
    events(&direct).await;
    let proxy = Proxy::to(broker.port());
    let client = async_nats::connect(format!("nats://127.0.0.1:{}", proxy.port()));
    let context = jetstream::new(client.await.unwrap());
    let stream = context.get_stream("EVENTS").await.unwrap();
    let consumer = JetStreamConsumer::durable(&stream, "orders", "events.tickets.*").await;
    let consumer = consumer.unwrap();
    let (shutdown, handled) = (Shutdown::new(), AtomicU64::new(0));
    let handle = async |_: Event<Copy>| -> Result<Outcome> {
        handled.fetch_add(1, Ordering::SeqCst);
        Ok(Outcome::Duplicate { current: 1 })
    };
    let payload = serde_json::to_vec(&event(Op::Created, 1, 1)).unwrap();
    let rounds = async {
        let mut sent = 0;
        for part in [100, 500, 900] {
            // At different times in the life of a request, and of none that was sent in the last stall.
            tokio::time::sleep(Duration::from_millis(2_500 + part)).await;
            proxy.stall();
            for _ in 0..EVENTS {
                let sending = direct.publish("events.tickets.1", payload.clone().into());
                sending.await.unwrap().await.unwrap();
                sent += 1;
            }
            tokio::time::sleep(Duration::from_secs(3)).await;
            proxy.mend();
            let start = Instant::now();
            until("all are handled", async || {
                handled.load(Ordering::SeqCst) >= sent
            })
            .await;
            let waited = start.elapsed();
            assert!(waited < Duration::from_secs(10), "{part}: {waited:?}");
        }
        shutdown.stop();
    };
    let (ended, ()) = tokio::join!(consumer.run(handle, shutdown.clone()), rounds);
    ended.unwrap();
}
