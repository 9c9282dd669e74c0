//! How fast a consumer applies events that wait in the stream, to an empty replica.
//!
//! A turn ends when all events are acknowledged, or its time after the first of them is; what was acknowledged by then
//! counts, and so does the time until the first acknowledgement.

use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::stream::Stream;
use serde::de::DeserializeOwned;
use versioned_core::nats::JetStreamConsumer;
use versioned_core::outbox::Shutdown;
use versioned_core::prelude::Dependent;
use versioned_speed::Measured;
use versioned_tests::nats::Broker;
use versioned_tests::postgres::Db;

use crate::by_hand;
use crate::report::{Length, Report, Subject};
use crate::services::{self, Latest, Parking, Sequential, json, soon, until};

/// A start that is worth a line.
const SLOW: Duration = Duration::from_secs(1);

/// What applies the events.
#[derive(Debug, Clone, Copy)]
enum Consumer {
    Sequential,
    Parking,
    Latest,
    Concurrency(usize),
    ByHand,
}

type Candidate = (Consumer, &'static str);

const SEQUENTIAL: Candidate = (Consumer::Sequential, "versioned, sequential");
const PARKING: Candidate = (Consumer::Parking, "versioned, sequential, park");
const LATEST: Candidate = (Consumer::Latest, "versioned, latest");
const ONE: Candidate = (
    Consumer::Concurrency(1),
    "versioned, sequential, concurrency 1",
);
const MANY: Candidate = (
    Consumer::Concurrency(64),
    "versioned, sequential, concurrency 64",
);
const BY_HAND: Candidate = (Consumer::ByHand, "by hand, unnest per 1,000");

/// The events that wait.
struct Backlog {
    name: &'static str,
    stream: &'static str,
    events: usize,
    one_record: bool,
    candidates: &'static [Candidate],
}

impl Backlog {
    /// The record and the version of an event.
    fn event(&self, number: usize) -> (i64, i64) {
        let number = i64::try_from(number).unwrap();
        if self.one_record {
            (1, number + 1)
        } else {
            (number, 1)
        }
    }

    /// Publishes them all.
    async fn publish(&self, context: &Context) -> Stream {
        let mut stream = services::stream(context, self.stream).await;
        let client = context.client();
        for number in 0..self.events {
            let (id, version) = self.event(number);
            let subject = format!("{}.tickets.{id}", self.stream);
            client
                .publish(subject, json(id, version).into())
                .await
                .unwrap();
        }
        client.flush().await.unwrap();
        until("the stream has all events", async || {
            let messages = stream.info().await.unwrap().state.messages;
            (messages == self.events as u64).then_some(())
        })
        .await;
        stream
    }
}

pub(crate) async fn run(report: &mut Report, broker: &Broker) {
    let (rounds, time) = match report.length {
        Length::Short => (1, Duration::from_millis(300)),
        Length::Usual => (3, Duration::from_millis(1_500)),
        Length::Long => (5, Duration::from_secs(20)),
    };
    let context = services::jetstream(broker).await;
    let backlogs = [
        Backlog {
            name: "replicate, different records",
            stream: "records",
            events: 100_000,
            one_record: false,
            candidates: &[SEQUENTIAL, LATEST, ONE, MANY, BY_HAND],
        },
        Backlog {
            name: "replicate, versions of one record",
            stream: "versions",
            events: 10_000,
            one_record: true,
            candidates: &[SEQUENTIAL, PARKING, LATEST, ONE, MANY, BY_HAND],
        },
    ];
    for backlog in backlogs {
        let stream = backlog.publish(&context).await;
        // Warms up the server, and the tables of this program.
        let mut turn = Turn::new(&backlog, &stream, Duration::from_millis(200));
        turn.take(BY_HAND.0, broker).await;
        turn.take(SEQUENTIAL.0, broker).await;
        turn.time = time;
        let count = backlog.candidates.len();
        let mut measured = vec![Vec::new(); count];
        let mut redelivered = vec![0.0_f64; count];
        for round in 0..rounds {
            for place in 0..count {
                let place = (place + round) % count;
                let speed = turn.take(backlog.candidates[place].0, broker).await;
                measured[place].push(speed.events);
                redelivered[place] = redelivered[place].max(speed.redelivered);
            }
        }
        let names = backlog.candidates.iter().map(|(_, name)| *name);
        let measured = names
            .zip(measured)
            .map(|(name, rounds)| Measured::new(name, rounds));
        report.add_rates(
            Subject::new(backlog.name, "events/s", measured.collect()).redelivered(redelivered),
        );
    }
}

struct Speed {
    /// In a second.
    events: f64,
    /// As a part of those that were delivered once.
    redelivered: f64,
}

/// The turns of the candidates at a backlog.
struct Turn<'a> {
    backlog: &'a Backlog,
    stream: &'a Stream,
    time: Duration,
    number: usize,
}

impl<'a> Turn<'a> {
    fn new(backlog: &'a Backlog, stream: &'a Stream, time: Duration) -> Self {
        Self {
            backlog,
            stream,
            time,
            number: 0,
        }
    }

    /// Lets a candidate consume into a new replica.
    async fn take(&mut self, consumer: Consumer, broker: &Broker) -> Speed {
        self.number += 1;
        let name = format!("turn-{}", self.number);
        let durable = by_hand::durable(self.stream, &name).await;
        let mut watched = self.stream.get_consumer(&name).await.unwrap();
        let replica = services::replica();
        // A connection of its own, as a service has.
        let context = services::jetstream(broker).await;
        let stream = context.get_stream(self.backlog.stream).await.unwrap();
        let open = stream.get_consumer(&name).await.unwrap();
        drop(durable);
        let shutdown = Shutdown::new();
        let start = Instant::now();
        let consuming = self.start(consumer, open, &replica, &shutdown).await;
        let first = until("an event is acknowledged", async || {
            (self.acknowledged(&mut watched).await.0 > 0).then(|| start.elapsed())
        })
        .await;
        if first > SLOW {
            println!("  {consumer:?} took {first:?} until its first acknowledgement");
        }
        let (acknowledged, elapsed, redelivered) = loop {
            let (done, redelivered) = self.acknowledged(&mut watched).await;
            let elapsed = start.elapsed();
            if done == self.backlog.events || elapsed > first + self.time {
                break (done, elapsed, redelivered);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        shutdown.stop();
        if matches!(consumer, Consumer::ByHand) {
            consuming.abort();
            consuming.await.ok();
        } else {
            soon("the consumer ends", consuming).await.unwrap();
        }
        self.verify(acknowledged, &replica).await;
        self.stream.delete_consumer(&name).await.unwrap();
        Speed {
            events: acknowledged as f64 / elapsed.as_secs_f64(),
            redelivered,
        }
    }

    async fn start(
        &self,
        consumer: Consumer,
        open: PullConsumer,
        replica: &Db,
        shutdown: &Shutdown,
    ) -> tokio::task::JoinHandle<()> {
        let library = JetStreamConsumer::new(open.clone());
        match consumer {
            Consumer::Sequential => replicate::<Sequential>(library, replica, shutdown),
            Consumer::Parking => replicate::<Parking>(library, replica, shutdown),
            Consumer::Latest => replicate::<Latest>(library, replica, shutdown),
            Consumer::Concurrency(events) => {
                replicate::<Sequential>(library.concurrency(events), replica, shutdown)
            }
            Consumer::ByHand => {
                let client = services::client(replica).await;
                tokio::spawn(by_hand::consume_all(open, client, self.backlog.events))
            }
        }
    }

    /// How many events are acknowledged, and which part was delivered more than once.
    async fn acknowledged(&self, consumer: &mut PullConsumer) -> (usize, f64) {
        let info = consumer.info().await.unwrap();
        let waiting = usize::try_from(info.num_pending).unwrap() + info.num_ack_pending;
        let (deliveries, events) = (
            info.delivered.consumer_sequence,
            info.delivered.stream_sequence,
        );
        let redelivered = deliveries as f64 / events.max(1) as f64 - 1.0;
        (
            self.backlog.events.saturating_sub(waiting),
            redelivered.max(0.0),
        )
    }

    /// Whatever is acknowledged must be in the replica, and everything there must be right.
    async fn verify(&self, acknowledged: usize, replica: &Db) {
        let sql = "SELECT count(*), coalesce(max(version), 0), \
            count(*) FILTER (WHERE title = 'concert ' || id AND price = version), \
            (SELECT count(*) FROM versioned_parked) FROM ticket_copies";
        let row = services::client(replica).await.query_one(sql, &[]).await;
        let row = row.unwrap();
        let [rows, version, right, parked] = [0, 1, 2, 3].map(|place| row.get::<_, i64>(place));
        assert_eq!(rows, right, "wrong rows");
        let applied = if self.backlog.one_record {
            version
        } else {
            rows
        };
        let applied = usize::try_from(applied + parked).unwrap();
        assert!(
            (acknowledged..=self.backlog.events).contains(&applied),
            "{acknowledged} events are acknowledged, and {applied} applied or parked"
        );
    }
}

/// Runs this library's consumer.
fn replicate<M>(
    consumer: JetStreamConsumer,
    replica: &Db,
    shutdown: &Shutdown,
) -> tokio::task::JoinHandle<()>
where
    M: Dependent<diesel::pg::Pg> + DeserializeOwned + 'static,
{
    let consumer = consumer.on_problem(|problem| eprintln!("{problem}"));
    let (connect, shutdown) = (services::connect(replica), shutdown.clone());
    tokio::spawn(async move {
        consumer.replicate::<M, _>(connect, shutdown).await.unwrap();
    })
}
