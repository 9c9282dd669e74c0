//! The order of the events in hand: one at a time for each record, the lowest version first.
//!
//! A state machine without a clock and without a broker.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// The pauses between two looks at a record that waits for a version, while the wait is short.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const SHORT_PAUSE: Duration = Duration::from_millis(100);
/// The time for which a wait counts as short.
const SHORT_WAIT: Duration = Duration::from_secs(5);
/// The number of records with nothing in hand whose wait is remembered.
const REMEMBERED: usize = 10_000;

/// The records with events in hand.
#[derive(Debug)]
pub(crate) struct Lanes {
    records: HashMap<String, Record>,
    ready: VecDeque<String>,
    timers: BTreeSet<(Instant, String)>,
    /// The longest pause.
    longest: Duration,
}

#[derive(Debug, Default)]
struct Record {
    /// The events that wait for their turn, by version and number.
    queue: BTreeMap<(i64, u64), Kind>,
    is_busy: bool,
    is_ready: bool,
    wait: Wait,
    /// The replica's version, if it is known.
    current: Option<i64>,
    gap: Option<Open>,
}

/// Which versions an event may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The one before it, at a sequential replica.
    Change,
    /// Any.
    Snapshot,
}

/// Why the first event of a record does not start.
#[derive(Debug, Default, Clone, Copy)]
enum Wait {
    #[default]
    No,
    /// An event before it is missing.
    Gap(Instant),
    /// An attempt failed.
    Failed(Instant),
}

/// A gap that is not closed yet.
#[derive(Debug, Clone, Copy)]
struct Open {
    since: Instant,
    looks: u32,
    received: i64,
    is_reported: bool,
}

/// A record that has waited too long for a version.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overdue {
    pub(crate) record: String,
    pub(crate) current: i64,
    pub(crate) received: i64,
    pub(crate) waited: Duration,
}

/// An event that may start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) record: String,
    pub(crate) version: i64,
    pub(crate) number: u64,
    pub(crate) kind: Kind,
}

impl Record {
    /// The event that starts next.
    fn first(&self) -> Option<((i64, u64), Kind)> {
        let first = self.queue.first_key_value();
        let snapshot = || self.queue.iter().find(|(_, kind)| **kind == Kind::Snapshot);
        let next = match self.wait {
            Wait::Gap(_) if !self.follows() => snapshot().or(first),
            _ => first,
        };
        next.map(|(event, kind)| (*event, *kind))
    }

    /// Returns whether the lowest version may follow the replica's.
    fn follows(&self) -> bool {
        let lowest = self.queue.first_key_value();
        let (Some(current), Some(((version, _), _))) = (self.current, lowest) else {
            return false;
        };
        *version <= current.saturating_add(1)
    }
}

impl Lanes {
    pub(crate) fn new(longest: Duration) -> Self {
        Self {
            records: HashMap::new(),
            ready: VecDeque::new(),
            timers: BTreeSet::new(),
            longest,
        }
    }

    /// Adds an event, which the caller knows by `number`.
    pub(crate) fn arrive(&mut self, record: &str, version: i64, number: u64, kind: Kind) {
        let own = self.records.entry(record.to_owned()).or_default();
        own.queue.insert((version, number), kind);
        self.look(record, None);
    }

    /// Returns the next event to handle. Its record is busy until one of the methods below says
    /// what became of it.
    pub(crate) fn start(&mut self, now: Instant) -> Option<Started> {
        while let Some((at, _)) = self.timers.first() {
            if *at > now {
                break;
            }
            if let Some((_, record)) = self.timers.pop_first() {
                self.look(&record, Some(now));
            }
        }
        while let Some(record) = self.ready.pop_front() {
            let Some(own) = self.records.get_mut(&record) else {
                continue;
            };
            own.is_ready = false;
            let Some((event, kind)) = own.first() else {
                continue;
            };
            own.queue.remove(&event);
            let (version, number) = event;
            own.is_busy = true;
            own.wait = Wait::No;
            return Some(Started {
                record,
                version,
                number,
                kind,
            });
        }
        None
    }

    /// The event was applied or is a duplicate, and the replica is at `current`. Returns for how
    /// long the record had waited, if that was reported.
    pub(crate) fn reached(&mut self, record: &str, current: i64, now: Instant) -> Option<Duration> {
        let own = self.records.get_mut(record)?;
        own.is_busy = false;
        let moved = own.current.is_none_or(|before| before < current);
        own.current = Some(current);
        let closed = if moved { own.gap.take() } else { None };
        let waited = closed
            .filter(|gap| gap.is_reported)
            .map(|gap| now.duration_since(gap.since));
        self.look(record, Some(now));
        waited
    }

    /// The event came too early, and waits for its predecessor.
    pub(crate) fn gap(&mut self, started: &Started, current: i64, now: Instant) {
        let Some(own) = self.records.get_mut(&started.record) else {
            return;
        };
        own.is_busy = false;
        own.current = Some(current);
        own.queue
            .insert((started.version, started.number), started.kind);
        let gap = own.gap.get_or_insert(Open {
            since: now,
            looks: 0,
            received: started.version,
            is_reported: false,
        });
        gap.received = started.version;
        gap.looks += 1;
        let waited = now.duration_since(gap.since);
        let pause = if waited < SHORT_WAIT {
            FIRST_PAUSE
                .saturating_mul(1 << gap.looks.min(10))
                .min(SHORT_PAUSE)
        } else {
            waited / 4
        };
        own.wait = Wait::Gap(now + pause.min(self.longest));
        self.look(&started.record, Some(now));
    }

    /// The attempt failed. The record rests until `again`.
    pub(crate) fn failed(&mut self, started: &Started, again: Instant) {
        if let Some(own) = self.records.get_mut(&started.record) {
            own.is_busy = false;
            own.queue
                .insert((started.version, started.number), started.kind);
            own.wait = Wait::Failed(again);
            self.look(&started.record, None);
        }
    }

    /// The event is no longer in hand, and tells nothing about the version of the replica.
    pub(crate) fn dropped(&mut self, record: &str) {
        if let Some(own) = self.records.get_mut(record) {
            own.is_busy = false;
            self.look(record, None);
        }
    }

    /// The time of the next look at a record that waits.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The number of events that wait for a predecessor or for another attempt.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        let waits = |own: &&Record| !own.is_busy && !matches!(own.wait, Wait::No);
        let records = self.records.values().filter(waits);
        records.map(|own| own.queue.len()).sum()
    }

    /// Removes at least `events` of those that wait, of the records that have waited longest.
    /// Returns them with a time for which they need not come back: the longer a record has waited,
    /// the longer it is.
    pub(crate) fn give_back(&mut self, events: usize, now: Instant) -> Vec<(u64, Duration)> {
        let mut waiting: Vec<(Instant, String, Duration)> = Vec::new();
        for (record, own) in &self.records {
            if own.is_busy {
                continue;
            }
            let (since, rest) = match (own.wait, own.gap) {
                (Wait::Gap(_), Some(gap)) => (gap.since, now.duration_since(gap.since) / 4),
                (Wait::Gap(at) | Wait::Failed(at), _) => (at, at.saturating_duration_since(now)),
                (Wait::No, _) => continue,
            };
            waiting.push((since, record.clone(), rest.min(self.longest)));
        }
        waiting.sort_unstable();
        let mut numbers = Vec::new();
        for (_, record, rest) in waiting {
            if numbers.len() >= events {
                break;
            }
            if let Some(own) = self.records.get_mut(&record) {
                numbers.extend(own.queue.keys().map(|(_, number)| (*number, rest)));
                own.queue.clear();
                own.wait = Wait::No;
            }
            self.look(&record, None);
        }
        numbers
    }

    /// Removes all events that have not started.
    pub(crate) fn drain(&mut self) -> Vec<u64> {
        let mut numbers = Vec::new();
        for own in self.records.values_mut() {
            numbers.extend(own.queue.keys().map(|(_, number)| *number));
            own.queue.clear();
        }
        self.ready.clear();
        self.timers.clear();
        numbers
    }

    /// The records that have waited for a version for longer than `patience`, each once.
    pub(crate) fn overdue(&mut self, patience: Duration, now: Instant) -> Vec<Overdue> {
        let mut overdue = Vec::new();
        for (record, own) in &mut self.records {
            let Some(gap) = &mut own.gap else { continue };
            let waited = now.duration_since(gap.since);
            if waited >= patience && !gap.is_reported {
                gap.is_reported = true;
                overdue.push(Overdue {
                    record: record.clone(),
                    current: own.current.unwrap_or_default(),
                    received: gap.received,
                    waited,
                });
            }
        }
        overdue
    }

    /// Makes a record ready, sets its timer, or forgets it.
    fn look(&mut self, record: &str, now: Option<Instant>) {
        let remembered = self.records.len() < REMEMBERED;
        let Some(own) = self.records.get_mut(record) else {
            return;
        };
        if own.is_busy || own.is_ready {
            return;
        }
        let Some((_, kind)) = own.first() else {
            if own.gap.is_none() || !remembered {
                self.records.remove(record);
            }
            return;
        };
        let until = match own.wait {
            Wait::No => None,
            Wait::Gap(_) if kind == Kind::Snapshot || own.follows() => None,
            Wait::Gap(at) | Wait::Failed(at) => Some(at),
        };
        match until {
            Some(at) if now.is_none_or(|now| at > now) => {
                self.timers.insert((at, record.to_owned()));
            }
            _ => {
                own.is_ready = true;
                self.ready.push_back(record.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests;
