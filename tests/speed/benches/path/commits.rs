//! How many saves with an outbox many writers commit in a second, with and without a notification for the relay.

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel_async::AsyncPgConnection;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use versioned_core::async_prelude::OwnerDsl as _;
use versioned_speed::Measured;
use versioned_tests::postgres::Db;

use crate::by_hand::SAVE_WITH_OUTBOX;
use crate::listen;
use crate::report::{Length, Report, Subject};
use crate::services::{self, Ticket, json};

/// Of each writer.
const TICKETS: i64 = 10;

/// The candidates: this library first, the floor last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Library,
    Notifying,
    ByHand,
}

const CANDIDATES: [(How, &str); 3] = [
    (How::Library, "versioned"),
    (How::Notifying, "versioned, with NOTIFY"),
    (How::ByHand, "by hand, one statement"),
];

pub(crate) async fn run(report: &mut Report) {
    let (rounds, time) = match report.length {
        Length::Short => (1, Duration::from_millis(200)),
        Length::Usual => (3, Duration::from_millis(800)),
        Length::Long => (7, Duration::from_secs(3)),
    };
    for (writers, name) in [(8, "commits, 8 writers"), (32, "commits, 32 writers")] {
        let mut crowds = Vec::new();
        for (how, _) in CANDIDATES {
            let mut crowd = Crowd::new(how, writers).await;
            // Warms up.
            crowd.write(Duration::from_millis(100)).await;
            crowds.push(crowd);
        }
        let mut measured = vec![Vec::new(); crowds.len()];
        for round in 0..rounds {
            for place in 0..crowds.len() {
                let place = (place + round) % crowds.len();
                measured[place].push(crowds[place].write(time).await);
            }
        }
        let measured = CANDIDATES.iter().zip(measured);
        let measured = measured.map(|((_, name), rounds)| Measured::new(name, rounds));
        report.add_rates(Subject::new(name, "commits/s", measured.collect()));
    }
}

/// The writers of an owner.
struct Crowd {
    writers: Vec<Writer>,
    listening: Option<tokio::task::JoinHandle<()>>,
    client: Client,
    owner: Db,
}

impl Crowd {
    async fn new(how: How, writers: i64) -> Self {
        let owner = services::owner();
        let mut crowd = Self {
            writers: Vec::new(),
            listening: None,
            client: services::client(&owner).await,
            owner,
        };
        for writer in 0..writers {
            let ids = writer * TICKETS..(writer + 1) * TICKETS;
            let mut tickets: Vec<_> = ids.map(Ticket::new).collect();
            services::insert(&mut tickets, &crowd.owner);
            crowd.writers.push(Writer {
                conn: Conn::open(how, &crowd.owner).await,
                tickets,
                next: 0,
            });
        }
        if how == How::Notifying {
            services::notify(&crowd.owner);
            let listening = listen::listen(&crowd.owner, "versioned_outbox", |_| ()).await;
            crowd.listening = Some(listening);
        }
        crowd
    }

    /// All write for this time; returns the commits in a second.
    async fn write(&mut self, time: Duration) -> f64 {
        let truncate = "TRUNCATE versioned_outbox";
        self.owner.connect().batch_execute(truncate).unwrap();
        let start = Instant::now();
        let writing: Vec<_> = std::mem::take(&mut self.writers)
            .into_iter()
            .map(|mut writer| {
                tokio::spawn(async move {
                    let mut commits = 0_u32;
                    while start.elapsed() < time {
                        writer.save().await;
                        commits += 1;
                    }
                    (writer, commits)
                })
            })
            .collect();
        let mut commits = 0;
        for writing in writing {
            let (writer, count) = writing.await.unwrap();
            self.writers.push(writer);
            commits += count;
        }
        let speed = f64::from(commits) / start.elapsed().as_secs_f64();
        self.verify(commits).await;
        speed
    }

    /// Each commit has its event, and every ticket the version of its last one.
    async fn verify(&self, commits: u32) {
        let sql = "SELECT count(DISTINCT (key, version)) FROM versioned_outbox";
        let events: i64 = self.client.query_one(sql, &[]).await.unwrap().get(0);
        assert_eq!(events, i64::from(commits), "events of the commits");
        let sql = "SELECT sum(version)::bigint FROM tickets WHERE price = version";
        let versions: i64 = self.client.query_one(sql, &[]).await.unwrap().get(0);
        let tickets = self.writers.iter().flat_map(|writer| &writer.tickets);
        assert_eq!(versions, tickets.map(|ticket| ticket.version).sum::<i64>());
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        if let Some(listening) = &self.listening {
            listening.abort();
        }
    }
}

struct Writer {
    conn: Conn,
    tickets: Vec<Ticket>,
    next: usize,
}

enum Conn {
    Library(Box<AsyncPgConnection>),
    ByHand(Client, Statement),
}

impl Conn {
    async fn open(how: How, owner: &Db) -> Self {
        if how == How::ByHand {
            let client = services::client(owner).await;
            let save = client.prepare(SAVE_WITH_OUTBOX).await.unwrap();
            Self::ByHand(client, save)
        } else {
            Self::Library(Box::new(services::connect(owner)().await.unwrap()))
        }
    }
}

impl Writer {
    async fn save(&mut self) {
        self.next = (self.next + 1) % self.tickets.len();
        let ticket = &mut self.tickets[self.next];
        ticket.price += 1;
        match &mut self.conn {
            Conn::Library(conn) => {
                ticket.save(&mut **conn).await.unwrap();
            }
            Conn::ByHand(client, save) => {
                let next = ticket.version + 1;
                let (key, payload) = (ticket.id.to_string(), json(ticket.id, next));
                let binds: [&(dyn ToSql + Sync); 7] = [
                    &ticket.title,
                    &ticket.price,
                    &next,
                    &ticket.id,
                    &ticket.version,
                    &key,
                    &payload,
                ];
                assert_eq!(client.execute(save, &binds).await.unwrap(), 1);
                ticket.version = next;
            }
        }
    }
}
