//! The messages of a broker in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::format::OwnedMessage;

/// How far from its place a message is delivered at most, in messages.
const SPREAD: u64 = 16;
/// The longest time, in milliseconds, until a lost delivery comes again.
const LONGEST_LOSS: u64 = 20;

/// A message.
#[derive(Debug)]
pub(super) struct Sent {
    /// Counts from 1.
    pub(super) number: u64,
    pub(super) message: OwnedMessage,
}

/// A message that is to be delivered.
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) sent: Arc<Sent>,
    /// When it is delivered, among those that wait: a number that grows with that of the message,
    /// and then the copy's own.
    place: (u64, u64),
    /// How long the delivery is lost, if it was not lost yet.
    lost_for: Option<Duration>,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    copies: u64,
    waiting: BTreeMap<(u64, u64), Copy>,
    /// Those that come later, by time and place.
    late: BTreeMap<(Instant, (u64, u64)), Copy>,
    in_hand: BTreeMap<(u64, u64), Arc<Sent>>,
    rejected: Vec<Arc<Sent>>,
}

/// What others wait for.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// The number of copies that are not settled.
    open: usize,
    is_rejected: bool,
}

#[derive(Debug)]
pub(super) struct Queue {
    seed: Option<u64>,
    state: Mutex<State>,
    newcomer: Notify,
    progress: watch::Sender<Progress>,
}

impl Queue {
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self {
            seed,
            state: Mutex::default(),
            newcomer: Notify::new(),
            progress: watch::Sender::default(),
        }
    }

    pub(super) fn seed(&self) -> Option<u64> {
        self.seed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn send(&self, message: OwnedMessage) {
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        let sent = Arc::new(Sent { number, message });
        let dice = self.seed.map(|seed| Dice { seed, number });
        let copies = dice.map_or(1, |dice| 1 + dice.roll(0, 3));
        for copy in 0..copies {
            state.copies += 1;
            let rolls = 3 * copy;
            let shift = dice.map_or(0, |dice| dice.roll(rolls + 1, SPREAD));
            let is_lost = dice.is_some_and(|dice| dice.roll(rolls + 2, 4) == 0);
            let lost_for = dice.filter(|_| is_lost);
            let lost_for = lost_for.map(|dice| 1 + dice.roll(rolls + 3, LONGEST_LOSS));
            let copy = Copy {
                sent: Arc::clone(&sent),
                place: (number + shift, state.copies),
                lost_for: lost_for.map(Duration::from_millis),
            };
            self.progress.send_modify(|progress| progress.open += 1);
            state.waiting.insert(copy.place, copy);
        }
        self.newcomer.notify_one();
    }

    /// Takes the next copy, or returns the time at which there may be one.
    pub(super) fn next(&self, now: Instant) -> Result<Copy, Option<Instant>> {
        let mut state = self.state();
        while let Some(first) = state.late.first_entry() {
            if first.key().0 > now {
                break;
            }
            let copy = first.remove();
            state.waiting.insert(copy.place, copy);
        }
        while let Some((place, mut copy)) = state.waiting.pop_first() {
            let Some(time) = copy.lost_for.take() else {
                state.in_hand.insert(place, Arc::clone(&copy.sent));
                return Ok(copy);
            };
            state.late.insert((now + time, place), copy);
        }
        Err(state.late.keys().next().map(|(due, _)| *due))
    }

    /// Ends the delivery of a copy, for ever.
    pub(super) fn settled(&self, copy: &Copy, is_rejected: bool) {
        let mut state = self.state();
        state.in_hand.remove(&copy.place);
        if is_rejected {
            state.rejected.push(Arc::clone(&copy.sent));
        }
        self.progress.send_modify(|progress| {
            progress.open -= 1;
            progress.is_rejected |= is_rejected;
        });
    }

    /// Delivers a copy again, after this time.
    pub(super) fn give_back(&self, copy: Copy, after: Duration) {
        let mut state = self.state();
        state.in_hand.remove(&copy.place);
        let due = Instant::now() + after;
        state.late.insert((due, copy.place), copy);
        self.newcomer.notify_one();
    }

    /// Waits for a new message, or one that was given back.
    pub(super) async fn newcomer(&self) {
        self.newcomer.notified().await;
    }

    /// Waits until all copies are settled.
    pub(super) async fn drained(&self) {
        self.until(|progress| progress.open == 0).await;
    }

    /// Waits until all copies are settled, or one is rejected.
    pub(super) async fn drained_or_rejected(&self) {
        self.until(|progress| progress.open == 0 || progress.is_rejected)
            .await;
    }

    async fn until(&self, is_reached: impl FnMut(&Progress) -> bool) {
        // It cannot fail: the sender is here.
        drop(self.progress.subscribe().wait_for(is_reached).await);
    }

    /// The messages that are not settled.
    pub(super) fn unsettled(&self) -> Vec<Arc<Sent>> {
        let state = self.state();
        let copies = state.waiting.values().chain(state.late.values());
        let messages = copies.map(|copy| &copy.sent).chain(state.in_hand.values());
        let messages = messages.map(|sent| (sent.number, Arc::clone(sent)));
        messages.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    pub(super) fn rejected(&self) -> Vec<Arc<Sent>> {
        self.state().rejected.clone()
    }
}

/// Numbers that depend on the seed, the message, and the purpose.
#[derive(Clone, Copy)]
struct Dice {
    seed: u64,
    number: u64,
}

impl Dice {
    /// The function `SplitMix64`.
    fn roll(self, purpose: u64, below: u64) -> u64 {
        let mixed = |number: u64| {
            let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            number ^ (number >> 31)
        };
        mixed(mixed(mixed(self.seed) ^ self.number) ^ purpose) % below
    }
}
