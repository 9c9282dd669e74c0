//! The writers of an owner.

use std::time::Instant;

use async_nats::jetstream::Context;
use diesel_async::AsyncPgConnection;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use versioned_core::async_prelude::OwnerDsl as _;
use versioned_core::outbox::RelayWaker;

use super::path::Moment;
use crate::by_hand;
use crate::services::Ticket;

pub(super) const WRITERS: usize = 4;
/// Of each writer.
const TICKETS: i64 = 50;

/// The tickets of each writer.
pub(super) fn tickets() -> impl Iterator<Item = Vec<Ticket>> {
    (0..i64::try_from(WRITERS).unwrap()).map(|writer| {
        (writer * TICKETS..(writer + 1) * TICKETS)
            .map(Ticket::new)
            .collect()
    })
}

/// A writer of the owner's, with a connection and tickets of its own.
pub(super) struct Writer {
    how: How,
    tickets: Vec<Ticket>,
    next: usize,
}

pub(super) enum How {
    Library {
        conn: AsyncPgConnection,
        waker: Option<RelayWaker>,
    },
    ByHand {
        client: Client,
        save: Statement,
        context: Context,
        prefix: String,
    },
}

impl Writer {
    pub(super) fn new(how: How, tickets: Vec<Ticket>) -> Self {
        Self {
            how,
            tickets,
            next: 0,
        }
    }

    /// Saves the ticket whose turn it is.
    pub(super) async fn save(&mut self) -> Moment {
        self.next = (self.next + 1) % self.tickets.len();
        let ticket = &mut self.tickets[self.next];
        ticket.price += 1;
        let at = match &mut self.how {
            How::Library { conn, waker } => {
                ticket.save(conn).await.unwrap();
                let at = Instant::now();
                if let Some(waker) = waker {
                    waker.wake();
                }
                at
            }
            How::ByHand {
                client,
                save,
                context,
                prefix,
            } => {
                let next = ticket.version + 1;
                let binds: [&(dyn ToSql + Sync); 5] = [
                    &ticket.title,
                    &ticket.price,
                    &next,
                    &ticket.id,
                    &ticket.version,
                ];
                assert_eq!(client.execute(save, &binds).await.unwrap(), 1);
                let at = Instant::now();
                ticket.version = next;
                by_hand::publish(context, prefix, ticket.id, next).await;
                at
            }
        };
        Moment {
            id: ticket.id,
            version: ticket.version,
            at,
        }
    }
}
