//! A hundred saves on one async PostgreSQL connection: in a pipeline, and one after the other.

use diesel_async::{AsyncConnection as _, AsyncPgConnection};
use futures_util::future::join_all;
use versioned_core::async_prelude::OwnerDsl as AsyncOwnerDsl;
use versioned_core::prelude::OwnerDsl;

use crate::asynchronous::{Tokio, runtime};
use crate::places::{Place as _, Postgres};
use crate::report::{Subject, Suite};
use crate::tickets::{TICKETS, Ticket};
use crate::turns::{Candidate, take_turns};

const WHAT: &str = "100 saves in a pipeline";
const TICKETS_AT_ONCE: i64 = 100;
const ROUNDS: usize = 41;

pub(crate) fn run(suite: &mut Suite) {
    if !suite.wants(WHAT, Postgres::NAME) {
        return;
    }
    let (place, runtime) = (Postgres::fresh(TICKETS), runtime());
    let mut rows = place.connect();
    let [mut ones, mut others, mut thirds] = [0, 1, 2].map(|number| {
        let ids = number * TICKETS_AT_ONCE..(number + 1) * TICKETS_AT_ONCE;
        let mut tickets: Vec<_> = ids.map(Ticket::new).collect();
        <Ticket as OwnerDsl>::insert_all(&mut tickets, &mut rows).unwrap();
        tickets
    });
    let open = || {
        runtime
            .block_on(AsyncPgConnection::establish(place.0.url()))
            .unwrap()
    };
    let (one, mut other) = (open(), open());
    let in_a_pipeline = || {
        runtime.block_on(join_all(ones.iter_mut().map(async |ticket| {
            ticket.price += 1;
            AsyncOwnerDsl::save_pipelined(ticket, &mut &one)
                .await
                .unwrap();
        })));
    };
    let after_each_other = || {
        runtime.block_on(async {
            for ticket in &mut others {
                ticket.price += 1;
                AsyncOwnerDsl::save(ticket, &mut other).await.unwrap();
            }
        });
    };
    let tokio = Tokio::open(&runtime, place.0.url());
    let by_hand = || {
        runtime.block_on(join_all(thirds.iter_mut().map(async |ticket| {
            ticket.price += 1;
            assert_eq!(tokio.update(ticket).await, 1);
            ticket.version += 1;
        })));
    };
    let mut candidates: [Candidate<'_>; 3] = [
        ("versioned", Box::new(in_a_pipeline)),
        ("versioned, one after the other", Box::new(after_each_other)),
        ("tokio-postgres, in a pipeline", Box::new(by_hand)),
    ];
    let measured = take_turns(ROUNDS, &mut candidates);
    suite.add(Subject::new(WHAT, Postgres::NAME, measured));
}
