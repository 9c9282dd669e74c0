//! The records whose parked events have waited too long.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::{Duration, Instant, SystemTime};

use serde::de::DeserializeOwned;

use super::breaker::may_be_unreachable;
use super::problem::ConsumerProblem;
use super::run::Run;
use super::source::Delivery;
use crate::error::Result;
use crate::parked_record::ParkedRecord;

/// The number of records that one look reads.
pub(super) const PAGE: usize = 500;
/// The pauses between two looks, if the patience is shorter or longer.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// The key after which a page begins. `None` for the first page.
pub(super) struct After(pub(super) Option<String>);

/// The number of records that are remembered as reported. More are not reported.
const REMEMBERED: usize = 10_000;

/// The looks at the records with parked events, page by page.
#[derive(Debug)]
pub(super) struct Parked {
    /// The time of the next look.
    next: Option<Instant>,
    /// The last key of the page before.
    after: Option<String>,
    reported: BTreeMap<String, Reported>,
    /// Whether it was reported that the look failed.
    has_failed: bool,
}

/// A record that was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reported {
    since: SystemTime,
    /// The version of the replica. At another one, it waits for another event.
    current: i64,
}

impl Parked {
    pub(super) fn new(looks: bool, patience: Duration) -> Self {
        Self {
            next: looks.then(|| Instant::now() + pause(patience)),
            after: None,
            reported: BTreeMap::new(),
            has_failed: false,
        }
    }

    /// The time at which the next look is due.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next
    }

    /// Removes the reported records of a page that wait for that event no more, and returns them.
    /// The page goes up to the key `last`, or to the end.
    fn over(&mut self, page: &[ParkedRecord], last: Option<&String>) -> Vec<(String, SystemTime)> {
        let waiting: BTreeMap<&str, i64> = page
            .iter()
            .map(|record| (&*record.key, record.current))
            .collect();
        let first = self
            .after
            .as_ref()
            .map_or(Bound::Unbounded, Bound::Excluded);
        let end = last.map_or(Bound::Unbounded, Bound::Included);
        let reported = self.reported.range::<String, _>((first, end));
        let over =
            reported.filter(|(key, reported)| waiting.get(key.as_str()) != Some(&reported.current));
        let over: Vec<_> = over
            .map(|(key, reported)| (key.clone(), reported.since))
            .collect();
        for (key, _) in &over {
            self.reported.remove(key);
        }
        over
    }
}

fn pause(patience: Duration) -> Duration {
    patience.clamp(SHORTEST, LONGEST)
}

impl<T, D> Run<'_, T, D>
where
    T: DeserializeOwned + Send,
    D: Delivery,
{
    /// Returns where the page begins that is due, while so many things are being done.
    pub(super) fn page_to_look_at(&mut self, busy: usize) -> Option<After> {
        let now = Instant::now();
        let is_due = self.parked.next.is_some_and(|at| at <= now);
        if !is_due || !self.breaker.allows(busy, now) {
            return None;
        }
        self.parked.next = None;
        Some(After(self.parked.after.clone()))
    }

    /// Reports the records of a page that have waited too long, and those that wait no more, each
    /// once.
    pub(super) fn looked_at(&mut self, found: Result<Vec<ParkedRecord>>) {
        let now = Instant::now();
        self.note(&found, now);
        self.parked.next = Some(now + pause(self.settings.patience));
        let page = match found {
            Ok(page) => page,
            Err(error) => {
                if !may_be_unreachable(&error) && !self.parked.has_failed {
                    self.report(&ConsumerProblem::NotListed { error: &error });
                    self.parked.has_failed = true;
                }
                return;
            }
        };
        self.parked.has_failed = false;
        let last = (page.len() >= PAGE).then(|| page.last()).flatten();
        let last = last.map(|record| record.key.clone());
        if last.is_some() {
            self.parked.next = Some(now);
        }
        for (key, since) in self.parked.over(&page, last.as_ref()) {
            let record = self.record(&key);
            let waited = waited(since);
            self.report(&ConsumerProblem::WaitOver {
                record: &record,
                waited,
            });
        }
        for record in page {
            let waited = waited(record.since);
            let reported = &mut self.parked.reported;
            let is_known = reported.contains_key(&record.key) || reported.len() >= REMEMBERED;
            if waited < self.settings.patience || is_known {
                continue;
            }
            self.report(&ConsumerProblem::Waiting {
                record: &self.record(&record.key),
                current: record.current,
                received: record.received,
                waited,
            });
            let reported = Reported {
                since: record.since,
                current: record.current,
            };
            self.parked.reported.insert(record.key, reported);
        }
        self.parked.after = last;
    }

    fn record(&self, key: &str) -> String {
        format!("{}/{key}", self.reader.entity)
    }
}

/// The clock of another process may be ahead.
fn waited(since: SystemTime) -> Duration {
    SystemTime::now().duration_since(since).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str) -> ParkedRecord {
        // The rest is the version.
        ParkedRecord {
            key: key[..1].to_owned(),
            current: key[1..].parse().unwrap_or(0),
            received: 2,
            events: 1,
            since: SystemTime::UNIX_EPOCH,
            reason: None,
        }
    }

    /// Those that are not in it, and those that are at another version.
    #[test]
    fn only_the_records_of_a_page_can_be_over() {
        let mut parked = Parked::new(true, Duration::from_secs(5));
        for key in ["a", "b", "c", "d"] {
            let reported = Reported {
                since: SystemTime::UNIX_EPOCH,
                current: 0,
            };
            parked.reported.insert(key.to_owned(), reported);
        }
        let mut over = |after: Option<&str>, page: &[&str], last: Option<&str>| {
            parked.after = after.map(str::to_owned);
            let page: Vec<_> = page.iter().copied().map(record).collect();
            let over = parked.over(&page, last.map(str::to_owned).as_ref());
            over.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
        };
        assert_eq!(over(None, &["a"], Some("a")), [""; 0]);
        assert_eq!(over(Some("a"), &["b1", "c"], Some("c")), ["b"]);
        assert_eq!(over(Some("a"), &["b1", "c"], Some("c")), [""; 0]);
        assert_eq!(over(Some("c"), &["e"], None), ["d"]);
        assert_eq!(over(None, &[], None), ["a", "c"]);
    }
}
