//! What the thread of the client and the deliveries in hand share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::ledger::{Ledger, Partition};

/// What the thread of the client and the deliveries in hand share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    in_hand: usize,
}

#[derive(Debug)]
struct State {
    ledger: Ledger,
    /// The number of messages in hand.
    held: usize,
    phase: Phase,
}

/// How far the shutdown is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Open,
    /// Nothing more is delivered.
    Draining,
    /// The client leaves the group.
    Closing,
}

impl Shared {
    pub(super) fn new(in_hand: usize) -> Self {
        Self {
            state: Mutex::new(State {
                ledger: Ledger::default(),
                held: 0,
                phase: Phase::Open,
            }),
            changed: Condvar::new(),
            in_hand,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn with_ledger<R>(&self, work: impl FnOnce(&mut Ledger) -> R) -> R {
        work(&mut self.state().ledger)
    }

    /// A message was delivered. Returns the epoch of its assignment.
    pub(super) fn deliver(&self, partition: &Partition, offset: i64) -> Option<u64> {
        let mut state = self.state();
        let epoch = state.ledger.deliver(partition, offset)?;
        state.held += 1;
        Some(epoch)
    }

    pub(super) fn complete(&self, partition: &Partition, epoch: u64, offset: i64) {
        self.state().ledger.complete(partition, epoch, offset);
        self.changed.notify_all();
    }

    /// A message is no longer in hand.
    pub(super) fn release(&self) {
        let mut state = self.state();
        state.held = state.held.saturating_sub(1);
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state().held == 0
    }

    pub(super) fn has_room(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Open && state.held < self.in_hand
    }

    /// Returns whether there is room enough to begin again after a pause.
    pub(super) fn has_much_room(&self) -> bool {
        let state = self.state();
        state.phase == Phase::Open && state.held <= self.in_hand / 2
    }

    pub(super) fn phase(&self) -> Phase {
        self.state().phase
    }

    /// Enters this phase, unless a later one has begun.
    pub(super) fn enter(&self, phase: Phase) {
        let mut state = self.state();
        state.phase = state.phase.max(phase);
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for a change, at most so long.
    pub(super) fn wait(&self, most: Duration) {
        drop(self.changed.wait_timeout(self.state(), most));
    }

    /// Waits until no message of these partitions is in flight, at most so long.
    pub(super) fn wait_for(&self, partitions: &[Partition], most: Duration) {
        let end = Instant::now() + most;
        let mut state = self.state();
        while state.phase == Phase::Open && state.ledger.is_busy(partitions) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
