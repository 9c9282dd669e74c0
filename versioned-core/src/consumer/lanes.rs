//! The order of the events in hand: those of one record in the order of their versions, in one batch
//! at a time.
//!
//! A state machine without a clock and without a broker.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
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
    records: HashMap<Arc<str>, Record>,
    ready: VecDeque<Arc<str>>,
    timers: BTreeSet<(Instant, Arc<str>)>,
    /// The longest pause.
    longest: Duration,
}

#[derive(Debug, Default)]
struct Record {
    /// The events that wait, by turn and number.
    queue: BTreeMap<(i64, u64), Kind>,
    /// The number of events that are being handled.
    busy: usize,
    is_ready: bool,
    /// Whether the next event starts without those behind it, because an event has failed.
    is_alone: bool,
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
    /// The one before its turn, which it deletes.
    Derived,
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
    pub(crate) record: Arc<str>,
    pub(crate) current: i64,
    pub(crate) received: i64,
    pub(crate) waited: Duration,
}

/// An event that may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Started {
    pub(crate) record: Arc<str>,
    /// The turn of the event.
    pub(crate) turn: i64,
    pub(crate) number: u64,
    pub(crate) kind: Kind,
}

impl Started {
    /// The version of the event.
    pub(crate) fn version(&self) -> i64 {
        match self.kind {
            Kind::Derived => self.turn - 1,
            Kind::Change | Kind::Snapshot => self.turn,
        }
    }

    /// The id of the event.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.record, self.version())
    }
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

    /// The events that start next, at most `most`: the first one, and the versions that follow it
    /// without a gap.
    fn run(&self, most: usize) -> Vec<((i64, u64), Kind)> {
        let Some(first) = self.first() else {
            return Vec::new();
        };
        let most = if self.is_alone { 1 } else { most };
        let mut run = vec![first];
        let mut version = first.0.0;
        for (event, kind) in self.queue.range(first.0..).skip(1) {
            let follows = event.0 <= version.saturating_add(1) || *kind == Kind::Snapshot;
            if run.len() >= most || !follows {
                break;
            }
            version = event.0;
            run.push((*event, *kind));
        }
        run
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
    pub(crate) fn arrive(&mut self, record: &str, turn: i64, number: u64, kind: Kind) {
        let known = self.records.get_key_value(record);
        let record = known.map_or_else(|| record.into(), |(record, _)| Arc::clone(record));
        let own = self.records.entry(Arc::clone(&record)).or_default();
        own.queue.insert((turn, number), kind);
        self.look(&record, None);
    }

    /// Returns the next events to handle, at most so many. Their records are busy until one of the
    /// methods below says of each event what became of it.
    pub(crate) fn start(&mut self, most: usize, now: Instant) -> Vec<Started> {
        while let Some((at, _)) = self.timers.first() {
            if *at > now {
                break;
            }
            if let Some((_, record)) = self.timers.pop_first() {
                self.look(&record, Some(now));
            }
        }
        let mut batch = Vec::new();
        while batch.len() < most {
            let Some(record) = self.ready.pop_front() else {
                break;
            };
            let Some(own) = self.records.get_mut(&record) else {
                continue;
            };
            own.is_ready = false;
            let run = own.run(most - batch.len());
            own.busy = run.len();
            if !run.is_empty() {
                own.wait = Wait::No;
            }
            for (event, kind) in run {
                own.queue.remove(&event);
                let (turn, number) = event;
                batch.push(Started {
                    record: Arc::clone(&record),
                    turn,
                    number,
                    kind,
                });
            }
        }
        batch
    }

    /// The event was applied or is a duplicate, and the replica is at `current`. Returns for how
    /// long the record had waited, if that was reported.
    pub(crate) fn reached(
        &mut self,
        record: &Arc<str>,
        current: i64,
        now: Instant,
    ) -> Option<Duration> {
        let own = self.records.get_mut(record)?;
        own.is_alone = false;
        let moved = own.current.is_none_or(|before| before < current);
        own.current = Some(current);
        let closed = if moved { own.gap.take() } else { None };
        let waited = closed
            .filter(|gap| gap.is_reported)
            .map(|gap| now.duration_since(gap.since));
        self.done(record, Some(now));
        waited
    }

    /// The event came too early, and waits for its predecessor.
    pub(crate) fn gap(&mut self, started: &Started, current: i64, now: Instant) {
        let Some(own) = self.records.get_mut(&started.record) else {
            return;
        };
        own.current = Some(current);
        own.queue
            .insert((started.turn, started.number), started.kind);
        let gap = own.gap.get_or_insert(Open {
            since: now,
            looks: 0,
            received: started.version(),
            is_reported: false,
        });
        gap.received = started.version();
        gap.looks += 1;
        let waited = now.duration_since(gap.since);
        let pause = if waited < SHORT_WAIT {
            FIRST_PAUSE
                .saturating_mul(1 << gap.looks.min(10))
                .min(SHORT_PAUSE)
        } else {
            waited / 4
        };
        // An event before it may have failed.
        if !matches!(own.wait, Wait::Failed(_)) {
            own.wait = Wait::Gap(now + pause.min(self.longest));
        }
        self.done(&started.record, Some(now));
    }

    /// The attempt failed. The record rests until `again`.
    pub(crate) fn failed(&mut self, started: &Started, again: Instant) {
        if let Some(own) = self.records.get_mut(&started.record) {
            own.queue
                .insert((started.turn, started.number), started.kind);
            own.wait = Wait::Failed(again);
            own.is_alone = true;
        }
        self.done(&started.record, None);
    }

    /// The event is no longer in hand, and tells nothing about the version of the replica.
    pub(crate) fn dropped(&mut self, record: &Arc<str>) {
        self.done(record, None);
    }

    /// One event of the record less is being handled.
    fn done(&mut self, record: &Arc<str>, now: Option<Instant>) {
        if let Some(own) = self.records.get_mut(record) {
            own.busy = own.busy.saturating_sub(1);
        }
        self.look(record, now);
    }

    /// The time of the next look at a record that waits.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// The number of events that wait for a predecessor or for another attempt.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        let waits = |own: &&Record| own.busy == 0 && !matches!(own.wait, Wait::No);
        let records = self.records.values().filter(waits);
        records.map(|own| own.queue.len()).sum()
    }

    /// Removes at least `events` of those that wait, of the records that have waited longest.
    /// Returns them with a time for which they need not come back: the longer a record has waited,
    /// the longer it is.
    pub(crate) fn give_back(&mut self, events: usize, now: Instant) -> Vec<(u64, Duration)> {
        let mut waiting: Vec<(Instant, Arc<str>, Duration)> = Vec::new();
        for (record, own) in &self.records {
            if own.busy > 0 {
                continue;
            }
            let (since, rest) = match (own.wait, own.gap) {
                (Wait::Gap(_), Some(gap)) => (gap.since, now.duration_since(gap.since) / 4),
                (Wait::Gap(at) | Wait::Failed(at), _) => (at, at.saturating_duration_since(now)),
                (Wait::No, _) => continue,
            };
            waiting.push((since, Arc::clone(record), rest.min(self.longest)));
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

    /// Returns whether events wait for an earlier version.
    pub(crate) fn has_early(&self) -> bool {
        let mut records = self.records.values();
        records.any(|own| matches!(own.wait, Wait::Gap(_)))
    }

    /// Starts all events that have waited for an earlier version since `before` or longer. Their
    /// records are then busy.
    pub(crate) fn start_early(&mut self, before: Instant) -> Vec<Started> {
        let mut early = Vec::new();
        for (record, own) in &mut self.records {
            if own.busy > 0 || own.is_ready || !matches!(own.wait, Wait::Gap(_)) {
                continue;
            }
            if own.gap.is_some_and(|gap| gap.since > before) {
                continue;
            }
            own.wait = Wait::No;
            own.busy = own.queue.len();
            let queue = std::mem::take(&mut own.queue);
            early.extend(queue.into_iter().map(|((turn, number), kind)| Started {
                record: Arc::clone(record),
                turn,
                number,
                kind,
            }));
        }
        early
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
                    record: Arc::clone(record),
                    current: own.current.unwrap_or_default(),
                    received: gap.received,
                    waited,
                });
            }
        }
        overdue
    }

    /// Makes a record ready, sets its timer, or forgets it.
    fn look(&mut self, record: &Arc<str>, now: Option<Instant>) {
        let remembered = self.records.len() < REMEMBERED;
        let Some(own) = self.records.get_mut(record) else {
            return;
        };
        if own.busy > 0 || own.is_ready {
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
                self.timers.insert((at, Arc::clone(record)));
            }
            _ => {
                own.is_ready = true;
                self.ready.push_back(Arc::clone(record));
            }
        }
    }
}

#[cfg(test)]
mod tests;
