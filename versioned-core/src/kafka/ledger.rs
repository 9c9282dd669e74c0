//! Which offsets may be committed: a state machine without a broker.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Partition {
    pub(super) topic: Arc<str>,
    pub(super) number: i32,
}

/// What was delivered of the partitions that this member owns, and is not done.
///
/// Each assignment of a partition has an epoch. What is completed under an older one is ignored: the
/// partition may have gone to another member and come back, and its offsets are those of the new
/// assignment then.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    epoch: u64,
    owned: HashMap<Partition, Owned>,
}

#[derive(Debug)]
struct Owned {
    epoch: u64,
    /// The offsets that were delivered and are not done.
    outstanding: BTreeSet<i64>,
    /// The offset after the last one that was delivered.
    next: Option<i64>,
    /// The last offset that was given out for a commit.
    given: Option<i64>,
}

impl Owned {
    fn new(epoch: u64) -> Self {
        Self {
            epoch,
            outstanding: BTreeSet::new(),
            next: None,
            given: None,
        }
    }

    /// The offset from which another member must read. Offsets may have holes, so it is not counted.
    fn watermark(&self) -> Option<i64> {
        self.outstanding.first().copied().or(self.next)
    }
}

impl Ledger {
    /// The partition is owned from now on.
    pub(super) fn assign(&mut self, partition: Partition) {
        self.epoch += 1;
        self.owned.insert(partition, Owned::new(self.epoch));
    }

    /// The partition is no longer owned.
    pub(super) fn revoke(&mut self, partition: &Partition) {
        self.owned.remove(partition);
    }

    /// No partition is owned any more.
    pub(super) fn revoke_all(&mut self) {
        self.owned.clear();
    }

    /// A message was delivered. Returns the epoch of the assignment, or `None` if the partition is
    /// not owned.
    pub(super) fn deliver(&mut self, partition: &Partition, offset: i64) -> Option<u64> {
        let owned = self.owned.get_mut(partition)?;
        if owned.next.is_some_and(|next| offset < next) {
            // The topic was made again, or its log was cut: an offset of before is another message.
            self.epoch += 1;
            *owned = Owned::new(self.epoch);
        }
        owned.outstanding.insert(offset);
        owned.next = owned.next.max(Some(offset + 1));
        Some(owned.epoch)
    }

    /// A message is done.
    pub(super) fn complete(&mut self, partition: &Partition, epoch: u64, offset: i64) {
        let owned = self.owned.get_mut(partition);
        if let Some(owned) = owned.filter(|owned| owned.epoch == epoch) {
            owned.outstanding.remove(&offset);
        }
    }

    /// Returns whether messages of these partitions are not done.
    pub(super) fn is_busy(&self, partitions: &[Partition]) -> bool {
        let mut owned = partitions.iter().filter_map(|one| self.owned.get(one));
        owned.any(|owned| !owned.outstanding.is_empty())
    }

    /// Returns the offsets to commit that have moved since the last call.
    pub(super) fn progress(&mut self) -> Vec<(Partition, i64)> {
        let mut moved = Vec::new();
        for (partition, owned) in &mut self.owned {
            let watermark = owned.watermark();
            if let Some(offset) = watermark.filter(|_| watermark > owned.given) {
                owned.given = watermark;
                moved.push((partition.clone(), offset));
            }
        }
        moved
    }

    /// Returns whether there is progress.
    pub(super) fn has_moved(&self) -> bool {
        let mut owned = self.owned.values();
        owned.any(|owned| owned.watermark() > owned.given)
    }
}

#[cfg(test)]
mod tests;
