//! What the version of a deletion means.

use super::Refused;
use crate::event::Op;

/// What the version of a deletion means at its source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeletionVersion {
    /// The deletion has a version of its own, the one after the version of the deleted record, as
    /// an owner of this crate sends it. A deletion without a version is refused.
    #[default]
    Next,
    /// The deletion has the last version of the deleted record: [`Op::DeletedAt`]. A deletion
    /// without a version is refused.
    Last,
    /// Ids are used once, so a deleted record never comes back, and the deletion needs no version:
    /// [`Op::DeletedForever`].
    Final,
    /// Every deletion is refused.
    Refuse,
}

impl DeletionVersion {
    /// Returns what the version of a deletion means that is named as `op`: the policy, unless the
    /// operation says more.
    pub(super) fn named(self, op: Op) -> Self {
        match op {
            Op::DeletedAt => Self::Last,
            Op::DeletedForever => Self::Final,
            _ => self,
        }
    }

    /// Returns the operation and the version of a deletion that `name` names.
    pub(super) fn of(self, name: &str, version: Option<i64>) -> Result<(Op, i64), Refused> {
        let op = match self {
            Self::Next => Op::Deleted,
            Self::Last => Op::DeletedAt,
            Self::Final => return Ok((Op::DeletedForever, i64::MAX)),
            Self::Refuse => {
                return Err(Refused::new(format!(
                    "{name} is a deletion, and deletions are refused: say what their versions mean (`next`, `last` or `final`)"
                )));
            }
        };
        let version = version.ok_or_else(|| {
            Refused::new(format!(
                "{name} has no version: say that ids are used once (`final`), or send one"
            ))
        })?;
        Ok((op, version))
    }
}
