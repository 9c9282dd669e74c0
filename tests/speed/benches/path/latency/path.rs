//! A candidate: an owner, what publishes its events, a replica, and what applies them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Stream;
use diesel::connection::SimpleConnection as _;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;
use versioned_core::nats::{JetStreamConsumer, JetStreamPublisher};
use versioned_core::outbox::{Relay, Shutdown};
use versioned_tests::nats::Broker;
use versioned_tests::postgres::Db;

use super::Wiring;
use super::writer::{How, WRITERS, Writer, tickets};
use crate::services::{self, Sequential, soon, until};
use crate::{by_hand, listen};

const TRIGGER: &str = "
    CREATE FUNCTION notify_seen() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('seen', NEW.id || ' ' || NEW.version);
        RETURN NULL;
    END $$;
    CREATE TRIGGER notify_seen AFTER INSERT OR UPDATE ON ticket_copies FOR EACH ROW EXECUTE FUNCTION notify_seen();
";

/// A version of a record, and when it was committed or seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) id: i64,
    pub(super) version: i64,
    pub(super) at: Instant,
}

type Seen = Arc<Mutex<Vec<Moment>>>;

/// A candidate, which runs.
pub(super) struct Path {
    pub(super) name: &'static str,
    writers: Vec<Writer>,
    commits: Vec<Moment>,
    seen: Seen,
    shutdown: Shutdown,
    /// Those that end after the shutdown.
    services: Vec<JoinHandle<()>>,
    /// The others.
    tasks: Vec<JoinHandle<()>>,
    clients: [Client; 2],
    databases: [Db; 2],
}

impl Path {
    /// Starts everything, and waits until the replica has all tickets.
    pub(super) async fn open(wiring: Wiring, name: &'static str, broker: &Broker) -> Self {
        let (owner, replica) = (services::owner(), services::replica());
        replica.connect().batch_execute(TRIGGER).unwrap();
        let seen = Seen::default();
        let heard = {
            let seen = Arc::clone(&seen);
            move |payload: &str| {
                let at = Instant::now();
                let (id, version) = payload.split_once(' ').unwrap();
                let (id, version) = (id.parse().unwrap(), version.parse().unwrap());
                lock(&seen).push(Moment { id, version, at });
            }
        };
        let mut path = Self {
            name,
            writers: Vec::new(),
            commits: Vec::new(),
            seen,
            shutdown: Shutdown::new(),
            services: Vec::new(),
            tasks: vec![listen::listen(&replica, "seen", heard).await],
            clients: [
                services::client(&owner).await,
                services::client(&replica).await,
            ],
            databases: [owner, replica],
        };
        let prefix = format!("{wiring:?}");
        // The owner and the replica have a connection each, as two services have.
        let (context, other) = (
            services::jetstream(broker).await,
            services::jetstream(broker).await,
        );
        services::stream(&context, &prefix).await;
        let stream = other.get_stream(&prefix).await.unwrap();
        if wiring == Wiring::ByHand {
            path.by_hand(context, &stream, &prefix).await;
        } else {
            path.library(wiring, context, &stream, &prefix).await;
        }
        path.caught_up().await;
        path.settled().await;
        path
    }

    /// The relay and the consumer of this library, with their defaults.
    async fn library(&mut self, wiring: Wiring, context: Context, stream: &Stream, prefix: &str) {
        let [owner, replica] = &self.databases;
        let relay = Relay::new(JetStreamPublisher::new(context, prefix))
            .on_problem(|problem| eprintln!("{problem}"));
        let waker = relay.waker();
        if wiring == Wiring::Listen {
            services::notify(owner);
            let listener = relay.listener();
            let (connect, shutdown) = (services::connect(owner), self.shutdown.clone());
            self.services.push(tokio::spawn(async move {
                listener
                    .run_async(
                        connect,
                        |conn| Box::pin(conn.notifications_stream()),
                        shutdown,
                    )
                    .await;
            }));
        }
        let (connect, shutdown) = (services::connect(owner), self.shutdown.clone());
        self.services.push(tokio::spawn(async move {
            relay.run_async(connect, shutdown).await;
        }));
        let filter = format!("{prefix}.tickets.*");
        let consumer = JetStreamConsumer::durable(stream, "copies", &filter)
            .await
            .unwrap()
            .on_problem(|problem| eprintln!("{problem}"));
        let (connect, shutdown) = (services::connect(replica), self.shutdown.clone());
        self.services.push(tokio::spawn(async move {
            consumer
                .replicate::<Sequential, _>(connect, shutdown)
                .await
                .unwrap();
        }));
        let open = services::connect(owner);
        for mut tickets in tickets() {
            services::insert(&mut tickets, owner);
            let conn = open().await.unwrap();
            let waker = (wiring == Wiring::Waker).then(|| waker.clone());
            let how = How::Library { conn, waker };
            self.writers.push(Writer::new(how, tickets));
        }
    }

    /// The same by hand.
    async fn by_hand(&mut self, context: Context, stream: &Stream, prefix: &str) {
        let [owner, replica] = &self.databases;
        let consumer = by_hand::durable(stream, "copies").await;
        let client = services::client(replica).await;
        self.tasks
            .push(tokio::spawn(by_hand::consume(consumer, client)));
        let insert = "INSERT INTO tickets (id, title, price, version) VALUES ($1, $2, $3, 1)";
        for mut tickets in tickets() {
            let client = services::client(owner).await;
            for ticket in &mut tickets {
                let binds: [&(dyn ToSql + Sync); 3] = [&ticket.id, &ticket.title, &ticket.price];
                client.execute(insert, &binds).await.unwrap();
                ticket.version = 1;
                by_hand::publish(&context, prefix, ticket.id, 1).await;
            }
            let how = How::ByHand {
                save: client.prepare(by_hand::SAVE).await.unwrap(),
                client,
                context: context.clone(),
                prefix: prefix.to_owned(),
            };
            self.writers.push(Writer::new(how, tickets));
        }
    }

    /// One save.
    pub(super) async fn save(&mut self) {
        self.commits.push(self.writers[0].save().await);
    }

    /// As [`save_at`](Self::save_at), and the latencies do not count.
    pub(super) async fn warm_up(&mut self, rate: u32, time: Duration) {
        self.save_at(rate, time).await;
        self.commits.clear();
    }

    /// All writers together save so often, each at its own times.
    pub(super) async fn save_at(&mut self, rate: u32, time: Duration) {
        let (start, pause) = (Instant::now(), Duration::from_secs(1) / rate);
        let saving = std::mem::take(&mut self.writers).into_iter().zip(0..);
        let saving: Vec<_> = saving
            .map(|(mut writer, place)| {
                tokio::spawn(async move {
                    let mut commits = Vec::new();
                    let period = pause * u32::try_from(WRITERS).unwrap();
                    let mut ticks =
                        tokio::time::interval_at((start + pause * place).into(), period);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                    while start.elapsed() < time {
                        ticks.tick().await;
                        commits.push(writer.save().await);
                    }
                    (writer, commits)
                })
            })
            .collect();
        for saving in saving {
            let (writer, commits) = saving.await.unwrap();
            self.writers.push(writer);
            self.commits.extend(commits);
        }
    }

    /// Waits until the replica shows what the owner committed.
    pub(super) async fn caught_up(&self) {
        let [owner, replica] = &self.clients;
        until("the replica is as the owner", async || {
            (rows(owner, "tickets").await == rows(replica, "ticket_copies").await).then_some(())
        })
        .await;
    }

    /// How many transactions the owner's database has seen.
    pub(super) async fn transactions(&self) -> i64 {
        let [owner, _] = &self.databases;
        let name = owner.url().rsplit('/').next().unwrap_or_default();
        // Asked in the replica's database: this one does not count.
        let sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = $1";
        let row = self.clients[1].query_one(sql, &[&name]).await;
        row.unwrap().get(0)
    }

    /// The latencies of the commits since the last call, in milliseconds.
    pub(super) async fn settled(&mut self) -> Vec<f64> {
        self.caught_up().await;
        let commits = std::mem::take(&mut self.commits);
        // The rows may be there before the notifications are.
        until("every version is seen", async || {
            latencies(&commits, &lock(&self.seen))
        })
        .await
    }

    pub(super) async fn close(self) {
        self.shutdown.stop();
        for service in self.services {
            soon("a service ends", service).await.unwrap();
        }
        for task in self.tasks {
            assert!(!task.is_finished(), "a task failed");
            task.abort();
        }
    }
}

/// How long each commit took to be seen; `None` if one is not seen yet.
fn latencies(commits: &[Moment], seen: &[Moment]) -> Option<Vec<f64>> {
    let mut of: HashMap<i64, Vec<&Moment>> = HashMap::new();
    for seen in seen {
        of.entry(seen.id).or_default().push(seen);
    }
    let latency = |commit: &Moment| {
        let seen = of.get(&commit.id)?;
        let seen = seen.iter().find(|seen| seen.version >= commit.version)?;
        Some(seen.at.saturating_duration_since(commit.at).as_secs_f64() * 1e3)
    };
    commits.iter().map(latency).collect()
}

async fn rows(client: &Client, table: &str) -> Vec<(i64, String, i64, i64)> {
    let select = format!("SELECT id, title, price, version FROM {table} ORDER BY id");
    let rows = client.query(&select, &[]).await.unwrap();
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
