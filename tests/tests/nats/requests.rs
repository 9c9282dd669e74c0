//! The requests for messages: no message waits because the server forgot one.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use versioned_core::nats::JetStreamConsumer;
use versioned_core::outbox::Shutdown;
use versioned_core::{Outcome, Result};

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
