//! The findings of a comparison.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a replica has a record, compared with its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// At the owner's version, with the owner's data.
    Equal,
    /// At an older version than the owner, also after the time to settle. A deletion that has not
    /// arrived is such a version.
    Behind,
    /// At a newer version than the owner. The owner was restored from a backup, or its row was
    /// changed by hand.
    Ahead,
    /// At the owner's version, with other data. Or the row is not at the version of the replica's
    /// position. Or the replica has the record as deleted at the owner's version, which only the next
    /// version of the record ends.
    Different,
    /// The replica has no row of a record that the owner has.
    Missing,
    /// The replica has a row of a record that the owner does not know.
    Extra,
    /// The record has changed between all looks, so its data were never seen at one version. The
    /// replica follows.
    Unsettled,
}

impl Verdict {
    /// Returns the name, such as `behind`: a label for a metric.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
            Self::Different => "different",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Unsettled => "unsettled",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A record that the replica has otherwise than its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// The key of the record.
    pub key: String,
    /// What is wrong. Never [`Equal`](Verdict::Equal).
    pub verdict: Verdict,
    /// The version at the owner, which may be that of a deletion. `None` if the owner does not know
    /// the record.
    pub owner: Option<i64>,
    /// The version at the replica: that of the row, or else of the position. `None` if it has
    /// neither.
    pub replica: Option<i64>,
    /// Why the data cannot be compared, or what else is wrong.
    pub reason: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = |version: Option<i64>| match version {
            Some(version) => format!("version {version}"),
            None => "nothing".to_owned(),
        };
        let (owner, replica) = (version(self.owner), version(self.replica));
        write!(
            f,
            "record {} is {}: the owner has {owner}, and the replica {replica}",
            self.key, self.verdict
        )?;
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// How far a comparison has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Place {
    /// Among the records of the owner.
    Records {
        /// The last key that was compared.
        after: Option<String>,
    },
    /// Among the rows of the replica, which are looked up at the owner.
    Rows {
        /// The last key that was looked up.
        after: Option<String>,
    },
}

/// The result of a [`Comparison`](crate::compare::Comparison).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Compared {
    /// The number of records that are [equal](Verdict::Equal).
    pub equal: u64,
    /// The number of records that are [behind](Verdict::Behind).
    pub behind: u64,
    /// The number of records that are [ahead](Verdict::Ahead).
    pub ahead: u64,
    /// The number of records that are [different](Verdict::Different).
    pub different: u64,
    /// The number of records that are [missing](Verdict::Missing).
    pub missing: u64,
    /// The number of records that are [extra](Verdict::Extra).
    pub extra: u64,
    /// The number of records that are [unsettled](Verdict::Unsettled).
    pub unsettled: u64,
    /// The number of records that the replica has [forgotten](crate::positions::forget) for good.
    /// They are not compared.
    pub forgotten: u64,
    /// The number of records of the owner that the replica does not
    /// [hold](crate::compare::Comparison::holds). They are not compared.
    pub not_held: u64,
    /// Each record that is not equal.
    pub differences: Vec<Difference>,
    /// Where the comparison ended before it was complete.
    pub next: Option<Place>,
}

impl Compared {
    /// Returns whether the replica equals its owner: the comparison is complete, it has compared at
    /// least one record, and each is [equal](Verdict::Equal).
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.next.is_none() && self.equal > 0 && self.differences.is_empty()
    }

    /// Returns the number of records that were compared.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.equal
            + self.behind
            + self.ahead
            + self.different
            + self.missing
            + self.extra
            + self.unsettled
    }

    /// Returns the keys of the records that the owner must [send again](crate::compare::resend):
    /// those that are behind, different or missing.
    pub fn to_resend(&self) -> impl Iterator<Item = &str> {
        let is_resent = |verdict| {
            matches!(
                verdict,
                Verdict::Behind | Verdict::Different | Verdict::Missing
            )
        };
        let those = self
            .differences
            .iter()
            .filter(move |one| is_resent(one.verdict));
        those.map(|one| one.key.as_str())
    }

    pub(crate) fn count(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Equal => &mut self.equal,
            Verdict::Behind => &mut self.behind,
            Verdict::Ahead => &mut self.ahead,
            Verdict::Different => &mut self.different,
            Verdict::Missing => &mut self.missing,
            Verdict::Extra => &mut self.extra,
            Verdict::Unsettled => &mut self.unsettled,
        };
        *count += 1;
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            equal,
            behind,
            ahead,
            different,
            missing,
            extra,
            unsettled,
            forgotten,
            not_held,
            ..
        } = self;
        write!(
            f,
            "{} records compared: {equal} equal, {behind} behind, {ahead} ahead, {different} different, \
             {missing} missing, {extra} extra, {unsettled} unsettled; {forgotten} forgotten, \
             {not_held} not held",
            self.records()
        )?;
        if self.next.is_some() {
            f.write_str("; the comparison is not complete")?;
        }
        Ok(())
    }
}
