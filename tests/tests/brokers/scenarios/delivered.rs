//! From the owner's save to the replica's row, in each form of messages.

use versioned_core::Op;
use versioned_core::format::{CloudEvents, Ours, PlainJson};
use versioned_core::outbox::{Lag, Relay, Shutdown};
use versioned_core::prelude::*;

use versioned_tests::heard::Heard;

use crate::broker::*;

const TICKETS: i64 = 30;

pub(crate) async fn in_our_form<B: Broker>() {
    through::<B>(Ours).await;
}

pub(crate) async fn in_structured_cloud_events<B: Broker>() {
    through::<B>(CloudEvents::new()).await;
}

pub(crate) async fn in_binary_cloud_events<B: Broker>() {
    through::<B>(CloudEvents::new().binary()).await;
}

pub(crate) async fn in_plain_json<B: Broker>() {
    let form = PlainJson::new()
        .operation_in_header("operation")
        .on("created", Op::Created)
        .on("updated", Op::Updated)
        .on("deleted", Op::Deleted)
        .creations_at_any_version();
    through::<B>(form).await;
}

/// Creates, changes and deletes records at the owner while the relay and the consumer run.
async fn through<B: Broker>(form: impl Form) {
    let broker = B::shared().await;
    let (owners, mut owner) = database();
    let (copies, mut replica) = database();
    let stop = Shutdown::new();
    let relay = Relay::new(broker.publisher(form.clone()).await).ordered();
    let relaying = {
        let (stop, url) = (stop.clone(), owners.url().to_owned());
        tokio::spawn(async move {
            let connect = || {
                <diesel_async::AsyncPgConnection as diesel_async::AsyncConnection>::establish(&url)
            };
            relay.run_async(connect, stop).await
        })
    };
    let heard = Heard::default();
    let consumer = broker
        .consumer()
        .await
        .format(form)
        .on_problem(heard.hook());
    let running = Running::replica(consumer, copies.url());
    for id in 1..=TICKETS {
        let mut ticket = Ticket {
            id,
            note: "note 1".to_owned(),
            version: 0,
        };
        ticket.insert(&mut owner).unwrap();
        "note 2".clone_into(&mut ticket.note);
        ticket.save(&mut owner).unwrap();
        if id % 3 == 0 {
            ticket.delete(&mut owner).unwrap();
        }
    }
    let expected: Vec<_> = (1..=TICKETS)
        .filter(|id| id % 3 != 0)
        .map(|id| (id, 2))
        .collect();
    until("the replica has what the owner has", async || {
        rows(&mut replica) == expected && Lag::load(&mut owner).unwrap().pending == 0
    })
    .await;
    until("all is settled", async || broker.is_done().await).await;
    stop.stop();
    relaying.await.unwrap();
    let figures = running.stop().await;
    let events = (2 * TICKETS + TICKETS / 3).unsigned_abs();
    assert_eq!(
        (figures.applied, figures.duplicates, figures.dead_letters),
        (events, 0, 0),
        "{figures:?}"
    );
    assert_eq!(
        (figures.failed, figures.terminated, figures.skipped),
        (0, 0, 0),
        "{figures:?}"
    );
    assert_eq!(heard.all(), [""; 0]);
}
