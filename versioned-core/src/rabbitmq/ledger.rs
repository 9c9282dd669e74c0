//! Which messages of a channel are not settled yet, and how to tell the server about those that
//! are.

use std::collections::BTreeMap;

/// The delivery tags of one channel, whose numbers begin at 1 on each channel.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Those that the server waits for.
    open: BTreeMap<u64, State>,
    in_hand: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InHand,
    /// Goes back to the queue when the channel is closed.
    Left,
}

/// An answer to the server. It closes the channel if the tag is not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Acknowledges this one.
    Ack(u64),
    /// Acknowledges all open ones up to this one.
    AckUpTo(u64),
}

impl Ledger {
    pub(super) fn deliver(&mut self, tag: u64) {
        if self.open.insert(tag, State::InHand).is_none() {
            self.in_hand += 1;
        }
    }

    /// Settles messages. Returns the fewest answers that acknowledge them, and no others.
    pub(super) fn acknowledge(&mut self, mut tags: Vec<u64>) -> Vec<Answer> {
        tags.retain(|tag| self.open.get(tag) == Some(&State::InHand));
        tags.sort_unstable();
        tags.dedup();
        let oldest = self.open.keys().zip(&tags);
        let together = oldest.take_while(|(open, tag)| open == tag).count();
        let mut answers = Vec::new();
        let (first, others) = tags.split_at(together);
        match first {
            [] => {}
            [tag] => answers.push(Answer::Ack(*tag)),
            [.., tag] => answers.push(Answer::AckUpTo(*tag)),
        }
        answers.extend(others.iter().copied().map(Answer::Ack));
        for tag in &tags {
            self.open.remove(tag);
        }
        self.in_hand -= tags.len();
        answers
    }

    /// Settles a message that is answered in another way. Returns whether it was open.
    pub(super) fn close(&mut self, tag: u64) -> bool {
        let is_in_hand = self.open.get(&tag) == Some(&State::InHand);
        if is_in_hand {
            self.open.remove(&tag);
            self.in_hand -= 1;
        }
        is_in_hand
    }

    /// Settles a message without an answer. No answer to a later one includes it.
    pub(super) fn leave(&mut self, tag: u64) {
        if let Some(state @ State::InHand) = self.open.get_mut(&tag) {
            *state = State::Left;
            self.in_hand -= 1;
        }
    }

    /// The number of messages that are not settled.
    pub(super) fn in_hand(&self) -> usize {
        self.in_hand
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "tests"
    )]

    use super::*;
    use crate::consumer::dice::Dice;
    use std::collections::BTreeSet;

    /// What the server does with answers.
    #[derive(Default)]
    struct Server {
        open: BTreeSet<u64>,
        acknowledged: BTreeSet<u64>,
    }

    impl Server {
        fn take(&mut self, answer: Answer) {
            let (tag, up_to) = match answer {
                Answer::Ack(tag) => (tag, false),
                Answer::AckUpTo(tag) => (tag, true),
            };
            assert!(
                self.open.contains(&tag),
                "406, the channel is closed: {tag}"
            );
            let all = self.open.iter().copied();
            let settled: Vec<u64> = all
                .filter(|open| *open == tag || (up_to && *open < tag))
                .collect();
            for tag in settled {
                self.open.remove(&tag);
                self.acknowledged.insert(tag);
            }
        }
    }

    #[test]
    fn the_server_hears_of_what_is_settled_and_of_nothing_else() {
        let mut together = 0;
        for seed in 0..2_000 {
            let mut dice = Dice(seed);
            let (mut ledger, mut server) = (Ledger::default(), Server::default());
            let mut in_hand: Vec<u64> = Vec::new();
            let (mut settled, mut last) = (BTreeSet::new(), 0);
            for _ in 0..60 {
                match dice.roll(6) {
                    0..=2 => {
                        last += 1;
                        ledger.deliver(last);
                        server.open.insert(last);
                        in_hand.push(last);
                    }
                    3 | 4 => {
                        let mut tags = Vec::new();
                        for _ in 0..=dice.roll(6) {
                            if !in_hand.is_empty() {
                                // The older half is more likely.
                                let at = dice.roll(in_hand.len()).min(dice.roll(in_hand.len()));
                                tags.push(in_hand.remove(at));
                            }
                        }
                        settled.extend(&tags);
                        // Twice, or of a message that was settled long ago.
                        tags.extend(tags.first().copied());
                        tags.extend(settled.first());
                        for answer in ledger.acknowledge(tags) {
                            together += usize::from(matches!(answer, Answer::AckUpTo(_)));
                            server.take(answer);
                        }
                    }
                    _ if in_hand.is_empty() => {}
                    _ => {
                        let tag = in_hand.remove(dice.roll(in_hand.len()));
                        if dice.roll(2) == 0 {
                            ledger.leave(tag);
                        } else {
                            assert!(ledger.close(tag) && !ledger.close(tag));
                            server.open.remove(&tag);
                        }
                    }
                }
                assert_eq!(server.acknowledged, settled, "seed {seed}");
                assert_eq!(ledger.in_hand(), in_hand.len(), "seed {seed}");
            }
        }
        assert!(together > 1_000, "{together}");
    }
}
