//! What the owner and the replica have of a record, and what that means.

use diesel::backend::Backend;

use crate::compared::{State, Verdict};
use crate::dependent::Dependent;
use crate::model::FromJson;
use crate::version::SequentialVersion as _;

/// What was seen of a record at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// Neither side has it.
    Neither,
    /// The replica has forgotten it for good.
    Forgotten,
    As {
        verdict: Verdict,
        owner: Option<i64>,
        replica: Option<i64>,
        reason: Option<String>,
    },
}

impl Seen {
    pub(super) fn new(verdict: Verdict, owner: Option<i64>, replica: Option<i64>) -> Self {
        Self::As {
            verdict,
            owner,
            replica,
            reason: None,
        }
    }

    pub(super) fn because(self, why: impl Into<String>) -> Self {
        match self {
            Self::As {
                verdict,
                owner,
                replica,
                ..
            } => Self::As {
                verdict,
                owner,
                replica,
                reason: Some(why.into()),
            },
            other => other,
        }
    }

    /// A row of the replica at this version, of a record that the owner has deleted or does not know.
    pub(super) fn unowned(state: Option<&State>, version: i64) -> Self {
        match state {
            None => Self::new(Verdict::Extra, None, Some(version)),
            Some(state) => Self::by_version(state.version, version),
        }
    }

    /// A row of the replica that is not the owner's data at the owner's version.
    pub(super) fn by_version(owner: i64, replica: i64) -> Self {
        let verdict = match replica.cmp(&owner) {
            std::cmp::Ordering::Less => Verdict::Behind,
            std::cmp::Ordering::Equal => Verdict::Different,
            std::cmp::Ordering::Greater => Verdict::Ahead,
        };
        Self::new(verdict, Some(owner), Some(replica))
    }

    fn parts(&self) -> Option<(Verdict, Option<i64>, Option<i64>)> {
        match self {
            Self::As {
                verdict,
                owner,
                replica,
                ..
            } => Some((*verdict, *owner, *replica)),
            Self::Neither | Self::Forgotten => None,
        }
    }
}

/// Compares the state of a live record with the row of the replica. Returns `None` if they are equal.
pub(super) fn at_first<M, DB>(
    state: &State,
    row: Option<M>,
    same: fn(&M, &M) -> bool,
) -> Option<Seen>
where
    DB: Backend,
    M: Dependent<DB> + FromJson,
{
    let owner = state.version;
    let Some(row) = row else {
        return Some(Seen::new(Verdict::Missing, Some(owner), None));
    };
    let version = row.loaded().number();
    if version != owner {
        return Some(Seen::by_version(owner, version));
    }
    let differs = Seen::by_version(owner, owner);
    match state.data::<M>() {
        Ok(Some(mut theirs)) => {
            theirs.set_version(row.loaded().clone());
            // No event writes these fields.
            theirs.take_made(&row);
            (!same(&theirs, &row)).then_some(differs)
        }
        Ok(None) => Some(differs.because("the owner sent no data")),
        Err(error) => Some(differs.because(format!("the owner's data cannot be read: {error}"))),
    }
}

/// Returns whether what was seen now counts, because what was seen a settle time before does not
/// show that the record was in flight.
pub(super) fn is_settled(before: &Seen, now: &Seen) -> bool {
    let (Some((verdict_before, owner_before, replica_before)), Some((verdict, owner, replica))) =
        (before.parts(), now.parts())
    else {
        return false;
    };
    match verdict {
        // The replica still does not have the version that the owner had.
        Verdict::Behind => {
            owner_before.is_some_and(|before| replica.is_none_or(|now| now < before))
        }
        // The owner still does not have the version that the replica had.
        Verdict::Ahead => replica_before.is_some_and(|before| owner.is_none_or(|now| now < before)),
        // Two looks at one version cannot differ because of an event in flight.
        Verdict::Different => true,
        Verdict::Missing | Verdict::Extra => verdict_before == verdict,
        Verdict::Equal | Verdict::Unsettled => false,
    }
}
