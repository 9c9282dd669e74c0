//! Publishes a batch of events: at once, or in waves.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use crate::clock::{Clock, within};
use crate::operation::reason::storable;
use crate::outbox::{OutboxRow, Pass, PublishError, Publisher, Relay, RelayProblem, meters};
use crate::trace;

/// The outcomes of the events of a batch. An event that was not sent has none.
#[derive(Default)]
pub(super) struct Verdict {
    pub(super) published: Vec<i64>,
    pub(super) rejected: Vec<Rejected>,
    /// The reason of the first event that was not published for a reason of the broker.
    unavailable: Option<String>,
    is_too_late: bool,
    pub(super) pass: Pass,
}

pub(super) struct Rejected {
    pub(super) id: i64,
    pub(super) attempts: u32,
    pub(super) reason: String,
}

/// Publishes a batch: at once, or in waves if the relay is ordered.
pub(super) async fn publish<P, K>(relay: &Relay<P>, clock: &K, rows: Vec<OutboxRow>) -> Verdict
where
    P: Publisher,
    K: Clock,
{
    let mut verdict = Verdict::default();
    if relay.ordered {
        publish_waves(relay, clock, rows, &mut verdict).await;
    } else {
        publish_wave(relay, clock, &rows, relay.timeout, &mut verdict).await;
    }
    if !verdict.is_too_late {
        relay.widen();
    }
    if let Some(reason) = &verdict.unavailable {
        relay.report(&RelayProblem::Unavailable {
            events: verdict.pass.unavailable,
            reason,
        });
    }
    verdict.pass.published = verdict.published.len();
    verdict.pass.rejected = verdict.rejected.len();
    if verdict.pass.published > 0 {
        relay.has_published();
    }
    verdict
}

/// Publishes the first event of each record, then the second one of each, and so on. If an event
/// fails, the later ones of its record stay pending.
///
/// All waves together keep to the timeout, because the transaction stays open. No wave begins in
/// the second half of it, so that each has time.
async fn publish_waves<P, K>(
    relay: &Relay<P>,
    clock: &K,
    rows: Vec<OutboxRow>,
    verdict: &mut Verdict,
) where
    P: Publisher,
    K: Clock,
{
    let start = Instant::now();
    let mut blocked = HashSet::new();
    for (number, mut wave) in waves(rows).into_iter().enumerate() {
        if verdict.unavailable.is_some() {
            verdict.pass.unavailable += wave.len();
            continue;
        }
        let left = relay.timeout.saturating_sub(start.elapsed());
        let time = if number == 0 { relay.timeout } else { left };
        if time < relay.timeout / 2 {
            return;
        }
        if !blocked.is_empty() {
            wave.retain(|row| !blocked.contains(&(row.entity.clone(), row.key.clone())));
        }
        if wave.is_empty() {
            return;
        }
        let rejected = verdict.rejected.len();
        publish_wave(relay, clock, &wave, time, verdict).await;
        if verdict.rejected.len() > rejected {
            let failed: HashSet<i64> = verdict.rejected.iter().map(|event| event.id).collect();
            let failed = wave.into_iter().filter(|row| failed.contains(&row.id));
            blocked.extend(failed.map(|row| (row.entity, row.key)));
        }
    }
}

/// Splits a batch: the k-th event of each record goes to the k-th wave.
fn waves(rows: Vec<OutboxRow>) -> Vec<Vec<OutboxRow>> {
    let mut events: HashMap<(&str, &str), usize> = HashMap::with_capacity(rows.len());
    let numbers: Vec<usize> = rows
        .iter()
        .map(|row| {
            let events = events.entry((&row.entity, &row.key)).or_default();
            *events += 1;
            *events - 1
        })
        .collect();
    let mut waves: Vec<Vec<OutboxRow>> = Vec::new();
    for (row, number) in rows.into_iter().zip(numbers) {
        match waves.get_mut(number) {
            Some(wave) => wave.push(row),
            // The waves before it have an event of this record.
            None => waves.push(vec![row]),
        }
    }
    waves
}

async fn publish_wave<P, K>(
    relay: &Relay<P>,
    clock: &K,
    rows: &[OutboxRow],
    time: Duration,
    verdict: &mut Verdict,
) where
    P: Publisher,
    K: Clock,
{
    let start = Instant::now();
    let publishing = trace::publishing(rows.len(), relay.publisher.publish_counting(rows));
    let (answers, duplicates) = if let Some(answers) = within(clock, time, publishing).await {
        answers
    } else {
        verdict.is_too_late = true;
        relay.narrow(rows.len());
        let reason = format!("not published within {:?}", relay.timeout);
        let error = match rows.len() {
            1 if time == relay.timeout && relay.is_its_fault() => PublishError::Rejected(reason),
            _ => PublishError::Unavailable(reason),
        };
        (vec![Err(error); rows.len()], 0)
    };
    verdict.pass.duplicates += duplicates;
    let is_published = answers.len() >= rows.len() && answers.iter().all(Result::is_ok);
    meters::answered(&relay.publisher, start.elapsed(), is_published);
    let silence = || {
        Err(PublishError::unavailable(
            "the publisher returned no result",
        ))
    };
    let answers = answers.into_iter().map(Some).chain(std::iter::repeat(None));
    for (row, answer) in rows.iter().zip(answers) {
        match answer.unwrap_or_else(silence) {
            Ok(()) => verdict.published.push(row.id),
            Err(PublishError::Rejected(reason)) => {
                relay.report(&RelayProblem::Rejected {
                    row,
                    reason: &reason,
                });
                verdict.rejected.push(Rejected {
                    id: row.id,
                    attempts: row.attempts,
                    reason: storable(&reason),
                });
            }
            Err(PublishError::Unavailable(reason)) => {
                verdict.pass.unavailable += 1;
                verdict.unavailable.get_or_insert(reason);
            }
        }
    }
}
