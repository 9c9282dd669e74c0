//! What the client calls: rebalances, the results of commits, errors.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer as _, ConsumerContext, RebalanceProtocol,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use super::ledger::{Ledger, Partition};
use super::shared::Shared;
use crate::consumer::{Hook, report_broker};

/// How long a rebalance waits for the events in flight of the partitions that go. The other members
/// wait, too.
const HANDOVER: Duration = Duration::from_secs(3);
/// Failures of commits that belong to a rebalance, as librdkafka prints them. The offsets are committed
/// later, if this member still owns the partitions.
const OF_REBALANCES: [&str; 4] = [
    "group generation id is not valid",
    "rebalance in progress",
    "Unknown member",
    "assignment lost",
];

/// What the client calls, on the thread that polls it.
pub(super) struct Context {
    shared: Arc<Shared>,
    report: Hook,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether a commit has failed, which was reported, since the last assignment.
    is_refused: bool,
    /// Whether the partitions are paused, because there is no room.
    is_paused: bool,
    /// Why the client has to be made again.
    broken: Option<String>,
    /// What the client said about its last error.
    reason: Option<String>,
    /// The errors that were reported, until a message arrives.
    reported: Vec<Code>,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>, report: Hook) -> Self {
        Self {
            shared,
            report,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.state().is_paused
    }

    /// Pauses or resumes all partitions, also those that come later.
    pub(super) fn pause(&self, consumer: &BaseConsumer<Self>, is_paused: bool) {
        self.state().is_paused = is_paused;
        let Ok(all) = consumer.assignment() else {
            return;
        };
        self.pause_or_resume(consumer, &all);
    }

    fn pause_or_resume(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        // A partition that was paused comes back paused from another member.
        let done = if self.is_paused() {
            consumer.pause(partitions)
        } else {
            consumer.resume(partitions)
        };
        if let Err(error) = done {
            self.broke(error.to_string());
        }
    }

    fn broke(&self, reason: String) {
        self.state().broken.get_or_insert(reason);
    }

    /// Returns why the client has to be made again.
    pub(super) fn broken(&self) -> Option<String> {
        self.state().broken.clone()
    }

    /// Errors are reported again from now on.
    pub(super) fn works(&self) {
        let mut state = self.state();
        state.reported.clear();
    }

    /// Reports an error, once until a message arrives.
    pub(super) fn report(&self, code: Code) {
        let reason = {
            let mut state = self.state();
            let reason = state.reason.take();
            if state.reported.contains(&code) {
                return;
            }
            state.reported.push(code);
            reason.unwrap_or_else(|| code.to_string())
        };
        match code {
            Code::UnknownTopicOrPartition | Code::UnknownTopic => {
                let problem = format!("create the topic, which does not exist: {reason}");
                report_broker(&self.report, &problem);
            }
            _ => report_broker(&self.report, &reason),
        }
    }

    /// What the client said about its last error.
    pub(super) fn reason(&self) -> Option<String> {
        self.state().reason.clone()
    }

    /// Commits how far the partitions are. If nothing has moved, librdkafka commits again what was
    /// refused, and sends nothing if all is committed.
    pub(super) fn commit(&self, consumer: &BaseConsumer<Self>) {
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in self.shared.with_ledger(Ledger::progress) {
            let Partition { topic, number } = partition;
            let added = offsets.add_partition_offset(&topic, number, Offset::Offset(next));
            if let Err(error) = added {
                self.broke(error.to_string());
            }
        }
        // Only the partitions that are assigned are taken. A commit of a list would take all of
        // them, and move the offset of a partition that another member owns.
        consumer.store_offsets(&offsets).ok();
        consumer.commit_consumer_state(CommitMode::Async).ok();
    }

    /// Returns whether a failed commit was reported, and notes that it is.
    fn is_refused(&self) -> bool {
        std::mem::replace(&mut self.state().is_refused, true)
    }

    /// Returns whether offsets have moved since the last commit.
    pub(super) fn has_moved(&self) -> bool {
        self.shared.with_ledger(|ledger| ledger.has_moved())
    }

    fn assign(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        self.works();
        self.state().is_refused = false;
        self.shared.with_ledger(|ledger| {
            for partition in listed(partitions) {
                ledger.assign(partition);
            }
        });
        let done = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(partitions),
            RebalanceProtocol::None | RebalanceProtocol::Eager => consumer.assign(partitions),
        };
        match done {
            Ok(()) => self.pause_or_resume(consumer, partitions),
            Err(error) => self.broke(error.to_string()),
        }
    }

    fn revoke(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) {
        let going = listed(partitions);
        // Another member may own them already, if they are lost.
        if !consumer.assignment_lost() {
            self.shared.wait_for(&going, HANDOVER);
            self.commit(consumer);
        }
        self.shared.with_ledger(|ledger| {
            for partition in &going {
                ledger.revoke(partition);
            }
        });
        let done = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
            RebalanceProtocol::None | RebalanceProtocol::Eager => consumer.unassign(),
        };
        if let Err(error) = done {
            self.broke(error.to_string());
        }
    }
}

impl ClientContext for Context {
    fn error(&self, _: KafkaError, reason: &str) {
        // The partition has no offset then, and nobody asks for one again.
        if reason.contains("Failed to fetch committed offset") {
            self.broke(reason.to_owned());
        }
        self.state().reason = Some(reason.to_owned());
    }

    /// The only place where a commit that failed is told: the client calls back for those alone that
    /// the application waits for. And the only one where an offset that is no longer there is told: the
    /// client goes on from the beginning of the log.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        let is_known = || OF_REBALANCES.iter().any(|known| text.contains(known));
        if facility == "COMMITFAIL" && !is_known() && !self.is_refused() {
            report_broker(&self.report, text);
        }
        if facility == "OFFSET" && text.contains("offset reset") {
            let problem = format!(
                "send snapshots of the records, if events were deleted before they were read: {text}"
            );
            report_broker(&self.report, &problem);
        }
        DefaultClientContext.log(level, facility, text);
    }

    fn stats_raw(&self, _: &[u8]) {}
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assign(consumer, partitions);
        } else {
            self.revoke(consumer, partitions);
        }
    }
}

fn listed(partitions: &TopicPartitionList) -> Vec<Partition> {
    let elements = partitions.elements();
    let all = elements.iter().map(|element| Partition {
        topic: element.topic().into(),
        number: element.partition(),
    });
    all.collect()
}
