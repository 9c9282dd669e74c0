//! Conditions on rows, and times.

use std::time::{Duration, SystemTime};

use versioned_core::inspect::Filter;

/// Which events of the outbox. All conditions apply together.
#[derive(Debug, clap::Args)]
pub(crate) struct EventFilter {
    /// Only this entity.
    #[arg(long, value_name = "NAME")]
    pub(crate) entity: Option<String>,
    #[command(flatten)]
    pub(crate) more: RowFilter,
}

/// Which rows of replicas. All conditions apply together.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplicaFilter {
    /// Only the replica of this name.
    #[arg(long, value_name = "NAME")]
    pub(crate) replica: Option<String>,
    /// Only replicas of this entity.
    #[arg(long, value_name = "NAME")]
    pub(crate) entity: Option<String>,
    #[command(flatten)]
    pub(crate) more: RowFilter,
}

/// Which dead letters a command writes. All conditions apply together.
#[derive(Debug, clap::Args)]
pub(crate) struct LetterChoice {
    /// The ids of letters.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<i64>,
    /// Only letters that failed, and not those that wait behind one.
    #[arg(long)]
    pub(crate) failed: bool,
    #[command(flatten)]
    pub(crate) which: ReplicaFilter,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RowFilter {
    /// Only the record with this key.
    #[arg(long, value_name = "KEY")]
    pub(crate) record: Option<String>,
    /// Only rows whose error contains this text.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Only rows from this time on: 2025-01-02T03:04:05Z, or 2h for two hours ago.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<SystemTime>,
    /// Only rows before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<SystemTime>,
}

impl RowFilter {
    fn add_to(&self, mut filter: Filter) -> Filter {
        if let Some(key) = &self.record {
            filter = filter.record(key);
        }
        if let Some(part) = &self.reason {
            filter = filter.reason_contains(part);
        }
        if let Some(since) = self.since {
            filter = filter.since(since);
        }
        if let Some(until) = self.until {
            filter = filter.until(until);
        }
        filter
    }
}

impl EventFilter {
    pub(crate) fn filter(&self) -> Filter {
        let mut filter = Filter::new();
        if let Some(entity) = &self.entity {
            filter = filter.entity(entity);
        }
        self.more.add_to(filter)
    }
}

impl ReplicaFilter {
    pub(crate) fn filter(&self) -> Filter {
        let mut filter = Filter::new();
        if let Some(replica) = &self.replica {
            filter = filter.replica(replica);
        }
        if let Some(entity) = &self.entity {
            filter = filter.entity(entity);
        }
        self.more.add_to(filter)
    }
}

impl LetterChoice {
    pub(crate) fn filter(&self) -> Filter {
        let mut filter = self.which.filter();
        if self.failed {
            filter = filter.failed();
        }
        if !self.ids.is_empty() {
            filter = filter.ids(self.ids.iter().copied());
        }
        filter
    }
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("give a time such as 90s or 2h: {error}"))
}

pub(super) fn interval(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < Duration::from_secs(1) => Err("give at least 1s".to_owned()),
        interval => Ok(interval),
    }
}

fn time(text: &str) -> Result<SystemTime, String> {
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return Ok(time);
    }
    let ago = humantime::parse_duration(text)
        .map_err(|_| "give a time such as 2025-01-02T03:04:05Z, or 2h for two hours ago")?;
    let then = SystemTime::now().checked_sub(ago);
    then.ok_or_else(|| "give a later time".to_owned())
}
