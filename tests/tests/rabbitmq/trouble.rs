//! A server that is blocked, frozen or killed, and a connection that is given up.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use versioned_core::outbox::{self, PublishError, Publisher as _, Relay, Shutdown};
use versioned_core::prelude::OwnerDsl as _;
use versioned_tests::proxy::Proxy;
use versioned_tests::rabbitmq::Broker;

use super::publisher::announce;
use super::*;

/// How many connections to this port are open on this machine: each has a thread of the client.
fn connections(port: u16) -> usize {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{port:04X}");
    let is_open = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        let remote = fields.next().unwrap_or_default();
        remote.ends_with(&port) && fields.next() == Some(ESTABLISHED)
    };
    table.lines().filter(is_open).count()
}

fn is_unavailable(answer: &Result<(), PublishError>) -> bool {
    matches!(answer, Err(PublishError::Unavailable(_)))
}

/// The server takes nothing from publishers while it is short of memory. It says so after the first
/// message, and the client then writes nothing at all, not even a farewell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_server_is_reported_and_its_connection_used_again() {
    let broker = Broker::start();
    let topology = Topology::quorum(&broker.url()).await;
    let publisher = publisher(&broker.url(), &topology.name).timeout(Duration::from_secs(2));
    let rows: Vec<_> = (1..=5).map(|id| row(&id.to_string(), 1)).collect();
    assert_eq!(publisher.publish(&rows).await, vec![Ok(()); 5]);
    let before = connections(broker.port());

    broker.ctl(&["set_vm_memory_high_watermark", "0.0000001"]);
    for round in 0..10 {
        let answers = publisher.publish(&rows).await;
        assert!(answers.iter().all(is_unavailable), "{round}: {answers:?}");
        assert!(
            answers[0]
                .as_ref()
                .unwrap_err()
                .to_string()
                .contains("connection.blocked"),
            "{round}: {answers:?}"
        );
        assert_eq!(connections(broker.port()), before, "round {round}");
    }
    broker.ctl(&["set_vm_memory_high_watermark", "0.4"]);
    until("the events flow again", async || {
        publisher.publish(&rows).await == vec![Ok(()); 5]
    })
    .await;
    assert_eq!(connections(broker.port()), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_server_costs_one_timeout_and_leaves_nothing_behind() {
    let broker = Broker::start();
    let topology = Topology::quorum(&broker.url()).await;
    let publisher = publisher(&broker.url(), &topology.name).timeout(Duration::from_millis(500));
    let rows: Vec<_> = (1..=2_500).map(|id| row(&id.to_string(), 1)).collect();
    until("the first confirms", async || {
        publisher.publish(&rows[..1]).await == [Ok(())]
    })
    .await;
    let before = connections(broker.port());
    broker.freeze();
    for _ in 0..10 {
        let answers = publisher.publish(&rows).await;
        assert_eq!(answers.len(), rows.len());
        assert!(answers.iter().all(is_unavailable));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // None is left but that of the test itself.
    until("the sockets are closed", async || {
        connections(broker.port()) < before
    })
    .await;
    broker.thaw();
    let publisher = publisher.timeout(Duration::from_secs(20));
    until("the events flow again", async || {
        publisher.publish(&rows).await == vec![Ok(()); rows.len()]
    })
    .await;
}

/// Each step of the handshake may be the last one that is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_says_nothing_does_not_collect_connections() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let kept = thread::spawn(move || listener.incoming().take(5).collect::<Vec<_>>());
    let url = format!("amqp://127.0.0.1:{port}/%2f");
    let publisher = publisher(&url, "events").timeout(Duration::from_millis(200));
    until("five attempts", async || {
        let answers = publisher.publish(&[row("1", 1)]).await;
        assert!(answers.iter().all(is_unavailable), "{answers:?}");
        kept.is_finished()
    })
    .await;
    drop(publisher);
    // The other ends are still held here.
    let _kept = kept.join().unwrap();
    until("all ends are closed", async || connections(port) == 0).await;
}

/// The link stalls at any moment of the handshake and after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_cut_again_and_again_loses_nothing() {
    let broker = Broker::common();
    let topology = Topology::quorum(&broker.url()).await;
    let (db, mut blocking) = database();
    announce(1..=2_000, "concert", &mut blocking);
    let proxy = Arc::new(Proxy::to(broker.port()));
    let publisher =
        publisher(&broker.url_at(proxy.port()), &topology.name).timeout(Duration::from_secs(2));
    let relay = Relay::new(publisher)
        .batch(100)
        .backoff(Duration::from_millis(10), Duration::from_millis(50));
    let cutting = Arc::clone(&proxy);
    let shutdown = Shutdown::new();
    let stop = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&stop);
    let cutter = thread::spawn(move || {
        let mut pause = 3;
        while !over.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(pause));
            if pause % 2 == 0 {
                cutting.stall();
            } else {
                cutting.cut();
            }
            thread::sleep(Duration::from_millis(20));
            cutting.cut();
            cutting.mend();
            pause = pause * 7 % 211 + 1;
        }
    });
    let url = db.url().to_owned();
    let connect = move || {
        let url = url.clone();
        async move { AsyncPgConnection::establish(&url).await }
    };
    let ends = shutdown.clone();
    let running = tokio::spawn(async move { relay.run_async(connect, ends).await });
    tokio::time::sleep(Duration::from_secs(10)).await;
    stop.store(true, Ordering::SeqCst);
    cutter.join().unwrap();
    until("the outbox is empty", async || {
        outbox::Lag::load(&mut blocking).unwrap().pending == 0
    })
    .await;
    shutdown.stop();
    running.await.unwrap();
    let stored = topology.ids().await;
    for id in 1..=2_000 {
        assert!(
            stored.contains(&format!("tickets/{id}/1")),
            "{id} of {}",
            stored.len()
        );
    }
}

/// Killed in the middle of batches, the server keeps what it confirmed; each event is there, and the first copies of
/// a record's events are in their order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_loses_no_event_and_no_order() {
    let broker = Broker::start();
    let topology = Topology::quorum(&broker.url()).await;
    broker.write_down();
    let name = topology.name.clone();
    let (db, mut blocking) = database();
    for id in 1..=40 {
        announce([id], "concert", &mut blocking);
        let mut ticket: Ticket = tickets::table.find(id).first(&mut blocking).unwrap();
        for version in 2..=50 {
            ticket.note = format!("note {version}");
            ticket.save(&mut blocking).unwrap();
        }
    }
    let publisher = publisher(&broker.url(), &name).timeout(Duration::from_secs(3));
    let relay = Relay::new(publisher)
        .batch(200)
        .backoff(Duration::from_millis(10), Duration::from_millis(100));
    let shutdown = Shutdown::new();
    let url = db.url().to_owned();
    let connect = move || {
        let url = url.clone();
        async move { AsyncPgConnection::establish(&url).await }
    };
    let ends = shutdown.clone();
    let running = tokio::spawn(async move { relay.run_async(connect, ends).await });
    for below in [1_700, 900] {
        until("some are published", async || {
            outbox::Lag::load(&mut blocking).unwrap().pending < below
        })
        .await;
        broker.kill();
        broker.wait();
    }
    until("the outbox is empty", async || {
        outbox::Lag::load(&mut blocking).unwrap().pending == 0
    })
    .await;
    shutdown.stop();
    running.await.unwrap();

    drop(topology);
    let topology = Topology {
        name,
        ..Topology::exchange(&broker.url()).await
    };
    let mut last: HashMap<String, i64> = HashMap::new();
    for id in topology.ids().await {
        let parts: Vec<_> = id.split('/').collect();
        let (key, version) = (parts[1].to_owned(), parts[2].parse::<i64>().unwrap());
        let last = last.entry(key).or_default();
        assert!(version <= *last + 1, "{id} after version {last}");
        *last = version.max(*last);
    }
    assert_eq!(last.len(), 40);
    assert!(last.values().all(|version| *version == 50), "{last:?}");
}

/// A relay gives a batch up when its time is over. What was on its way is sent again, and nothing
/// piles up at the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batches_that_are_given_up_leave_no_channels() {
    let broker = Broker::start();
    let topology = Topology::quorum(&broker.url()).await;
    let publisher = publisher(&broker.url(), &topology.name);
    let rows: Vec<_> = (1..=300).map(|id| row(&id.to_string(), 1)).collect();
    let mut given_up = 0;
    for round in 0..200 {
        let time = Duration::from_micros(200 * (round % 50));
        given_up += usize::from(
            tokio::time::timeout(time, publisher.publish(&rows))
                .await
                .is_err(),
        );
    }
    assert!(given_up > 50, "{given_up}");
    assert_eq!(publisher.publish(&rows).await, vec![Ok(()); rows.len()]);
    until("the channels are closed", async || {
        // One of the publisher, and one of this test.
        broker.ctl(&["list_channels", "pid"]).lines().count() <= 3
    })
    .await;
}
