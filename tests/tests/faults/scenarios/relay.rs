//! A relay: an event that leaves the outbox was published, and one that was published may be published again.

use std::collections::BTreeSet;
use std::sync::Mutex;

use versioned_core::outbox::{OutboxRow, PublishError, Publisher, Relay};

use super::super::front;
use super::super::trial::{Seen, same};
use super::*;

/// What the broker has, and what the relay says at last.
type Published = BTreeSet<String>;

/// Keeps what it is sent, and refuses the events of record 2.
#[derive(Default)]
struct Broker(Mutex<Published>);

impl Publisher for Broker {
    async fn publish(&self, batch: &[OutboxRow]) -> Vec<Result<(), PublishError>> {
        let answer = |row: &OutboxRow| {
            if row.key == "2" {
                return Err(PublishError::Rejected("too large".to_owned()));
            }
            self.0.lock().unwrap().insert(row.event_id());
            Ok(())
        };
        batch.iter().map(answer).collect()
    }
}

fn pass(in_order: bool, published: &mut Published, conn: &mut Line) -> Result<(), Error> {
    let broker = Broker::default();
    let mut relay = Relay::new(&broker);
    if in_order {
        relay = relay.ordered();
    }
    let done = front::run_once(&relay, conn);
    published.append(&mut broker.0.lock().unwrap());
    published.insert(format!("{:?}", done?));
    Ok(())
}

pub(in super::super) fn run_once<T: Sample>(trials: &mut Trials) {
    let operations: [(&str, Run<Published>); 2] = [
        ("run_once", |published, conn| pass(false, published, conn)),
        ("run_once, in order", |published, conn| {
            pass(true, published, conn)
        }),
    ];
    for (name, run) in operations {
        trials.of(&Operation {
            name: name.to_owned(),
            prepare: |conn| {
                let mut models = inserted::<T>(4, conn);
                models[0].save(conn).unwrap();
                Published::new()
            },
            run,
            judge: as_published,
            // What waits behind the events that are gone has its turn now.
            settle: Some(run),
        });
    }
}

fn as_published(seen: &Seen<Published>, good: &Seen<Published>) -> Result<(), String> {
    if seen.told.is_ok() {
        return all_or_nothing(seen, good);
    }
    let (published, world) = &seen.after;
    let lost = seen
        .struck
        .as_ref()
        .is_some_and(|struck| struck.answer_lost);
    if !lost || *world != good.after.1 {
        return same("Err: rows", world, &seen.before.1);
    }
    if good
        .after
        .0
        .iter()
        .filter(|event| event.contains('/'))
        .all(|event| published.contains(event))
    {
        return Ok(());
    }
    Err("an event is gone, and not published".to_owned())
}
