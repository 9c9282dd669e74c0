//! Every order of deliveries, exhaustively, over the real code on an in-memory `SQLite`.
//!
//! For each history that an owner can have, every event is delivered several times (a duplicate, a redelivery after a
//! crash before the acknowledgement, a late replay: to the replica they are the same), in every order; what is answered
//! with a gap comes back. `SQLite` has one writer at a time and `apply` is one transaction, so that two consumers can do
//! nothing that is not one of these orders.
//!
//! First each event is applied to each content of the tables that any number of deliveries can lead to. After each step:
//! a live row is a state that the owner had at that version, the version never goes back, and the answer tells what
//! happened. Then the orders are walked through these steps. At the end of each: the replica is as the owner, and nothing
//! is parked. Orders that lead to the same content with the same deliveries left go on in the same way, and are walked
//! once; all of them are counted.

use std::collections::HashMap;
use std::io::Write as _;

use diesel::connection::{
    AnsiTransactionManager as Transactions, SimpleConnection, TransactionManager as _,
};
use diesel::prelude::*;
use versioned_core::prelude::DependentDsl;
use versioned_core::{Event, Op, Outcome};

use super::scenarios::{
    COPIES, LatestPosition, LatestRow, Replica, SequentialPark, SequentialPosition, SequentialRow,
    event, migrate,
};

/// What an owner did to a record, in order.
type History = Vec<Op>;

/// All histories of up to `length` operations: created, then updated or deleted, and created again after a deletion.
fn histories(length: usize, deletions: bool) -> Vec<History> {
    grown(length, |last| match last {
        Op::Deleted => &[Op::Created],
        _ if deletions => &[Op::Updated, Op::Deleted],
        _ => &[Op::Updated],
    })
}

/// All histories of up to `length` operations of an owner that spends no version on a deletion, and may end a record for
/// good.
fn histories_with_derived_deletions(length: usize) -> Vec<History> {
    grown(length, |last| match last {
        Op::DeletedForever => &[],
        Op::DeletedAt => &[Op::Created],
        _ => &[Op::Updated, Op::DeletedAt, Op::DeletedForever],
    })
}

/// All histories that begin with a creation, with what may follow the last operation.
fn grown(length: usize, next: impl Fn(Op) -> &'static [Op]) -> Vec<History> {
    let mut all: Vec<History> = vec![vec![Op::Created]];
    let mut longest = all.clone();
    for _ in 1..length {
        longest = longest
            .iter()
            .flat_map(|history| {
                let next = next(history[history.len() - 1]).iter();
                next.map(|op| [&history[..], &[*op]].concat())
            })
            .collect();
        all.extend(longest.clone());
    }
    all
}

/// The versions of the operations.
fn versions(history: &History) -> Vec<(i64, Op)> {
    let mut version = 0;
    let of = |op: &Op| {
        version += i64::from(!matches!(op, Op::DeletedAt | Op::DeletedForever));
        let own = if *op == Op::DeletedForever {
            i64::MAX
        } else {
            version
        };
        (own, *op)
    };
    history.iter().map(of).collect()
}

/// The price of a record at a version that it had.
fn price(history: &History, id: i64, version: i64) -> Option<i64> {
    let lives = |(own, op): &(i64, Op)| *own == version && matches!(op, Op::Created | Op::Updated);
    versions(history)
        .iter()
        .any(lives)
        .then(|| id * 1_000 + version)
}

/// Whether the record was deleted at this version.
fn is_deleted(history: &History, version: i64) -> bool {
    let deletes =
        |(own, op): &(i64, Op)| *own == version && !matches!(op, Op::Created | Op::Updated);
    versions(history).iter().any(deletes)
}

/// What the owner has at the end.
fn last(history: &History, id: i64) -> Option<(i64, i64, i64)> {
    let (version, op) = *versions(history).last()?;
    matches!(op, Op::Created | Op::Updated).then(|| (id, id * 1_000 + version, version))
}

/// The content of the tables.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Content {
    rows: Vec<(i64, i64, i64)>,
    positions: Vec<(String, i64)>,
    parked: Vec<(String, i64, String)>,
}

diesel::table! {
    copies {
        id -> BigInt,
        price -> BigInt,
        version -> BigInt,
    }
}

diesel::table! {
    versioned_positions (key) {
        key -> Text,
        version -> BigInt,
    }
}

diesel::table! {
    versioned_parked (key, version) {
        key -> Text,
        version -> BigInt,
        event -> Text,
    }
}

impl Content {
    /// Each query is prepared once.
    fn of(conn: &mut SqliteConnection) -> Self {
        use versioned_parked as parked;
        use versioned_positions as positions;

        let rows = copies::table.order(copies::id);
        let positions = positions::table.order((positions::key, positions::version));
        let parked = parked::table.order((parked::key, parked::version));
        Self {
            rows: rows.load(conn).unwrap(),
            positions: positions.load(conn).unwrap(),
            parked: parked.load(conn).unwrap(),
        }
    }

    fn version_of(&self, id: i64) -> i64 {
        let row = self
            .rows
            .iter()
            .find(|row| row.0 == id)
            .map_or(0, |row| row.2);
        let position = self
            .positions
            .iter()
            .find(|position| position.0 == id.to_string());
        row.max(position.map_or(0, |position| position.1))
    }
}

/// A promise that was broken, with the deliveries that led there.
#[derive(Debug)]
struct Fault {
    what: String,
    #[allow(dead_code, reason = "printed")]
    deliveries: Vec<String>,
}

struct Explorer<'h, M> {
    conn: SqliteConnection,
    histories: &'h [History],
    events: Vec<Event<M>>,
    deliveries: Vec<String>,
    /// The contents that were met, and for each what each event leads to: none if it has to come back.
    numbers: HashMap<Content, usize>,
    steps: Vec<Vec<Option<usize>>>,
    /// The orders from this content with these deliveries left.
    runs: HashMap<(usize, Vec<u8>), u64>,
    /// Forgets deletions after each step, to show that this is found.
    forgetful: bool,
}

impl<'h, M: Replica> Explorer<'h, M> {
    /// With a snapshot of each version, too.
    fn with_snapshots(histories: &'h [History]) -> Self {
        let mut explorer = Self::new(histories, false);
        for (id, history) in (1..).zip(histories) {
            let mut versions: Vec<i64> = versions(history).iter().map(|(own, _)| *own).collect();
            versions.dedup();
            for version in versions {
                if version == i64::MAX {
                    continue;
                }
                let price = price(history, id, version);
                let mut snapshot = event(Op::Snapshot, id, version, price.unwrap_or(0));
                if price.is_none() {
                    snapshot.data = None;
                }
                explorer.events.push(snapshot);
            }
        }
        explorer
    }

    fn new(histories: &'h [History], forgetful: bool) -> Self {
        let mut conn = SqliteConnection::establish(":memory:").unwrap();
        // A savepoint copies the pages that change.
        conn.batch_execute("PRAGMA page_size = 512").unwrap();
        conn.batch_execute(COPIES).unwrap();
        migrate(&mut conn);
        let mut events = Vec::new();
        for (id, history) in (1..).zip(histories) {
            for (version, op) in versions(history) {
                events.push(event(
                    op,
                    id,
                    version,
                    price(history, id, version).unwrap_or(0),
                ));
            }
        }
        Self {
            conn,
            histories,
            events,
            deliveries: Vec::new(),
            numbers: HashMap::new(),
            steps: Vec::new(),
            runs: HashMap::new(),
            forgetful,
        }
    }

    /// Explores all orders in which each event is delivered `times` times; answers with their number.
    fn explore(&mut self, times: u8) -> Result<u64, Fault> {
        let left = vec![times; self.events.len()];
        let empty = Content::of(&mut self.conn);
        let empty = self.discover(&empty)?;
        let contents = self
            .numbers
            .iter()
            .map(|(content, number)| (*number, content));
        let wrong: HashMap<usize, String> = contents
            .filter_map(|(number, content)| Some((number, self.wrong_at_end(content)?)))
            .collect();
        self.walk(empty, left, &wrong)
    }

    /// Applies each event to this content of the database, and to all contents that follow.
    fn discover(&mut self, content: &Content) -> Result<usize, Fault> {
        if let Some(number) = self.numbers.get(content) {
            return Ok(*number);
        }
        let number = self.steps.len();
        self.numbers.insert(content.clone(), number);
        self.steps.push(vec![None; self.events.len()]);
        for place in 0..self.events.len() {
            self.deliveries.push(self.events[place].id());
            Transactions::begin_transaction(&mut self.conn).unwrap();
            let outcome = M::apply(&self.events[place], &mut self.conn).unwrap();
            if self.forgetful {
                self.conn
                    .batch_execute("DELETE FROM versioned_positions WHERE CAST(\"key\" AS INTEGER) NOT IN (SELECT id FROM copies)")
                    .unwrap();
            }
            let after = Content::of(&mut self.conn);
            self.check_step(content, &after)?;
            self.check_outcome(place, outcome, content, &after)?;
            if outcome.should_ack() {
                self.steps[number][place] = Some(self.discover(&after)?);
            } else if after != *content {
                return Err(self.fault(&format!("{outcome:?} wrote something")));
            }
            Transactions::rollback_transaction(&mut self.conn).unwrap();
            self.deliveries.pop();
        }
        Ok(number)
    }

    fn walk(
        &mut self,
        content: usize,
        mut left: Vec<u8>,
        wrong: &HashMap<usize, String>,
    ) -> Result<u64, Fault> {
        if let Some(runs) = self.runs.get(&(content, left.clone())) {
            return Ok(*runs);
        }
        let mut runs = 0;
        for place in 0..left.len() {
            let Some(after) = self.steps[content][place].filter(|_| left[place] > 0) else {
                continue;
            };
            self.deliveries.push(self.events[place].id());
            left[place] -= 1;
            runs += self.walk(after, left.clone(), wrong)?;
            left[place] += 1;
            self.deliveries.pop();
        }
        if left.iter().all(|times| *times == 0) {
            if let Some(wrong) = wrong.get(&content) {
                return Err(self.fault(wrong));
            }
            runs = 1;
        } else if runs == 0 {
            return Err(self.fault("none of the events that are left can be applied"));
        }
        self.runs.insert((content, left), runs);
        Ok(runs)
    }

    fn check_step(&self, before: &Content, after: &Content) -> Result<(), Fault> {
        for (id, history) in (1..).zip(self.histories) {
            if after.version_of(id) < before.version_of(id) {
                return Err(self.fault(&format!("record {id} went back")));
            }
            let row = after.rows.iter().find(|row| row.0 == id);
            let was_there = before.rows.iter().any(|row| row.0 == id);
            if row.is_some() && !was_there && row.map(|row| row.2) == Some(before.version_of(id)) {
                return Err(self.fault(&format!("record {id} came back")));
            }
            if let Some((_, held, version)) = row {
                if price(history, id, *version) != Some(*held) {
                    return Err(self.fault(&format!(
                        "record {id} is in a state that its owner never had"
                    )));
                }
            } else if price(history, id, after.version_of(id)).is_some()
                && !is_deleted(history, after.version_of(id))
            {
                return Err(self.fault(&format!("record {id} is not there")));
            }
        }
        Ok(())
    }

    /// The answer tells what the event did.
    fn check_outcome(
        &self,
        place: usize,
        outcome: Outcome,
        before: &Content,
        after: &Content,
    ) -> Result<(), Fault> {
        // The replica forgets on purpose, after the answer.
        if self.forgetful {
            return Ok(());
        }
        let event = &self.events[place];
        let id = event.key.parse().unwrap();
        let version = before.version_of(id);
        let turn = event
            .version
            .saturating_add(i64::from(event.op == Op::DeletedAt));
        let was_there = before.rows.iter().any(|row| row.0 == id);
        // What may follow a version that it does not move, and when.
        let repeats = event.version == version
            && match event.op {
                Op::Snapshot => event.data.is_none() || was_there,
                Op::DeletedAt => was_there,
                _ => false,
            };
        let told = match outcome {
            Outcome::Applied => event.version > version || repeats,
            Outcome::Duplicate { current } => {
                after == before && current == version && event.version <= version && !repeats
            }
            Outcome::Gap { current, received } => {
                after == before
                    && current == version
                    && received == event.version
                    && turn > version + 1
            }
            Outcome::Parked => {
                let is_it = |(key, at, _): &(String, i64, String)| *key == event.key && *at == turn;
                after.parked.iter().any(is_it) && turn > version + 1
            }
            _ => false,
        };
        if told {
            Ok(())
        } else {
            Err(self.fault(&format!("{outcome:?} on version {version}")))
        }
    }

    /// What is wrong with this content if no event is left.
    fn wrong_at_end(&self, content: &Content) -> Option<String> {
        let owner: Vec<_> = (1..)
            .zip(self.histories)
            .filter_map(|(id, history)| last(history, id))
            .collect();
        if content.rows != owner {
            return Some(format!(
                "the owner has {owner:?}, the replica {:?}",
                content.rows
            ));
        }
        let is_parked = !content.parked.is_empty();
        is_parked.then(|| "events are left parked".to_owned())
    }

    fn fault(&self, what: &str) -> Fault {
        Fault {
            what: what.to_owned(),
            deliveries: self.deliveries.clone(),
        }
    }
}

/// One record with histories of up to five operations, each event delivered three times; two records with up to three
/// operations each, each event delivered twice.
fn explore<M: Replica>(name: &str, deletions: bool) {
    let mut runs = 0;
    let mut states = 0;
    for history in histories(5, deletions) {
        let histories = [history];
        let mut explorer = Explorer::<M>::new(&histories, false);
        runs += explorer
            .explore(3)
            .unwrap_or_else(|fault| panic!("{name}: {histories:?}: {fault:#?}"));
        states += explorer.runs.len();
    }
    for one in histories(3, deletions) {
        for two in histories(3, deletions) {
            let histories = [one.clone(), two];
            let mut explorer = Explorer::<M>::new(&histories, false);
            runs += explorer
                .explore(2)
                .unwrap_or_else(|fault| panic!("{name}: {histories:?}: {fault:#?}"));
            states += explorer.runs.len();
        }
    }
    // Not `println!`, which the test harness keeps to itself.
    let report = format!("explored {name}: {runs} runs, through {states} different states\n");
    std::io::stderr().write_all(report.as_bytes()).unwrap();
    assert!(runs >= 100_000, "{name}: only {runs} runs");
}

#[test]
fn sequential_with_positions() {
    explore::<SequentialPosition>("sequential, position, nack", true);
}

#[test]
fn sequential_with_parking() {
    explore::<SequentialPark>("sequential, position, park", true);
}

#[test]
fn latest_with_positions() {
    explore::<LatestPosition>("latest, position", true);
}

#[test]
fn sequential_on_the_row() {
    explore::<SequentialRow>("sequential, row", false);
}

#[test]
fn latest_on_the_row() {
    explore::<LatestRow>("latest, row", false);
}

/// A snapshot may repeat a version, before or after the event of it, and again.
fn explore_snapshots<M: Replica>(name: &str, deletions: bool) {
    let mut runs = 0;
    for history in histories(4, deletions) {
        let histories = [history];
        runs += Explorer::<M>::with_snapshots(&histories)
            .explore(2)
            .unwrap_or_else(|fault| panic!("{name}: {histories:?}: {fault:#?}"));
    }
    assert!(runs >= 100_000, "{name}: only {runs} runs");
}

#[test]
fn snapshots_with_positions() {
    explore_snapshots::<SequentialPosition>("sequential, position, nack", true);
    explore_snapshots::<LatestPosition>("latest, position", true);
}

#[test]
fn snapshots_with_parking() {
    explore_snapshots::<SequentialPark>("sequential, position, park", true);
}

#[test]
fn snapshots_on_the_row() {
    explore_snapshots::<SequentialRow>("sequential, row", false);
    explore_snapshots::<LatestRow>("latest, row", false);
}

/// Deletions without a version of their own, with a snapshot of each version.
fn explore_derived_deletions<M: Replica>(name: &str) {
    let mut runs = 0;
    for history in histories_with_derived_deletions(5) {
        let histories = [history];
        runs += Explorer::<M>::new(&histories, false)
            .explore(2)
            .unwrap_or_else(|fault| panic!("{name}: {histories:?}: {fault:#?}"));
    }
    for history in histories_with_derived_deletions(3) {
        let histories = [history];
        runs += Explorer::<M>::with_snapshots(&histories)
            .explore(2)
            .unwrap_or_else(|fault| panic!("{name}: {histories:?}: {fault:#?}"));
    }
    for one in histories_with_derived_deletions(3) {
        for two in histories_with_derived_deletions(3) {
            let histories = [one.clone(), two];
            runs += Explorer::<M>::new(&histories, false)
                .explore(1)
                .unwrap_or_else(|fault| panic!("{name}: {histories:?}: {fault:#?}"));
        }
    }
    assert!(runs >= 100_000, "{name}: only {runs} runs");
}

#[test]
fn derived_deletions_with_positions() {
    explore_derived_deletions::<SequentialPosition>("sequential, position, nack");
    explore_derived_deletions::<LatestPosition>("latest, position");
}

#[test]
fn derived_deletions_with_parking() {
    explore_derived_deletions::<SequentialPark>("sequential, position, park");
}

/// The explorer is worth something: it finds what goes wrong when a deletion is not remembered.
#[test]
fn a_replica_that_forgets_deletions_is_found_out() {
    let history = [vec![Op::Created, Op::Deleted]];
    let fault = Explorer::<LatestPosition>::new(&history, true)
        .explore(2)
        .unwrap_err();
    assert!(
        fault.what.contains("went back") || fault.what.contains("the replica"),
        "{fault:#?}"
    );
    let fault = Explorer::<SequentialPosition>::new(&history, true)
        .explore(2)
        .unwrap_err();
    assert!(
        fault.what.contains("went back") || fault.what.contains("the replica"),
        "{fault:#?}"
    );
}

#[test]
fn the_histories_are_all_there() {
    let number = |length| {
        histories(length, true)
            .iter()
            .filter(|history| history.len() == length)
            .count()
    };
    assert_eq!([1, 2, 3, 4, 5].map(number), [1, 2, 3, 5, 8]);
}
