//! The settlements of a consumer, against a broker and a replica in memory that fail at random.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use futures_util::future::{self, BoxFuture};
use futures_util::stream::{self, Stream};
use serde_json::Value;

use super::dice::Dice;
use super::run::Run;
use super::settings::Settings;
use super::source::{Delivery, Handler, Incoming, Message, NextDue, Origin, Reader, Settlement};
use super::{Counters, Hook};
use crate::dead_letter::Redriven;
use crate::error::{Error, NotConnected, Result};
use crate::event::{self, Event};
use crate::format::{self, Binding, Read, Refused};
use crate::health::Health;
use crate::operation::replica::dead_letters::Passing;
use crate::operation::replica::dead_letters::keep::NewLetter;
use crate::outcome::Outcome;
use crate::parked_record::ParkedRecord;

const RECORDS: usize = 4;
const VERSIONS: i64 = 8;

/// A message: of a record, at a version, or no event at all.
type Id = (usize, i64);

/// The version of a message that is no event.
const GARBAGE: i64 = 0;

#[derive(Default)]
struct World {
    dice: Dice,
    /// Whether the broker can deliver one message again.
    redelivers: bool,
    is_closing: bool,
    waiting: VecDeque<Id>,
    /// The delivery that waits for an answer, and those that were given up with a consumer.
    generation: HashMap<Id, u64>,
    deliveries: u64,
    acknowledged: BTreeMap<Id, u64>,
    replica: BTreeMap<usize, i64>,
    letters: BTreeSet<Id>,
    /// The event that the replica rejects for now.
    poison: Option<Id>,
    faults: Vec<String>,
}

impl World {
    /// Whether what the message says is at the replica, or will be.
    fn is_safe(&self, (record, version): Id) -> bool {
        self.letters.contains(&(record, version))
            || (version != GARBAGE && self.replica.get(&record).is_some_and(|at| *at >= version))
    }

    fn is_done(&self) -> bool {
        let is_garbage = |(_, version): &Id| *version == GARBAGE;
        self.waiting.is_empty() && self.generation.is_empty() && self.letters.iter().all(is_garbage)
    }

    /// Applies an event, and returns its outcome.
    fn apply(&mut self, (record, version): Id) -> Outcome {
        let current = self.replica.entry(record).or_default();
        if version == *current + 1 {
            *current = version;
            return Outcome::Applied;
        }
        Outcome::refused(*current, version)
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<World>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}

struct FakeDelivery {
    world: Shared,
    id: Id,
    generation: u64,
}

#[derive(Clone)]
struct FakeMessage {
    id: Id,
    text: String,
}

impl Message for FakeMessage {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn with<R>(&self, read: impl FnOnce(&format::Message<'_>) -> R) -> R {
        let body = Some(self.bytes());
        read(&format::Message::new(Binding::Nats, "tickets", body))
    }

    fn source(&self) -> String {
        format!("{}:{}", self.id.0, self.id.1)
    }
}

impl Delivery for FakeDelivery {
    type Body = FakeMessage;

    fn body(&self) -> FakeMessage {
        let (record, version) = self.id;
        let text = match version {
            GARBAGE => "no event".to_owned(),
            _ => format!(
                r#"{{"entity":"tickets","key":"{record}","version":{version},"op":"updated","data":1}}"#
            ),
        };
        FakeMessage { id: self.id, text }
    }

    fn settle(self, settlement: Settlement) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let mut world = self.world.lock();
            if world.generation.get(&self.id) != Some(&self.generation) {
                let fault = format!("{:?}: {settlement:?} of an older generation", self.id);
                world.faults.push(fault);
                return;
            }
            match settlement {
                Settlement::Acknowledge if world.is_safe(self.id) => {
                    world.generation.remove(&self.id);
                    *world.acknowledged.entry(self.id).or_default() += 1;
                }
                Settlement::Acknowledge | Settlement::Reject => {
                    let fault = format!("{:?}: {settlement:?} of what is nowhere", self.id);
                    world.faults.push(fault);
                }
                Settlement::Retry(_) if !world.redelivers && !world.is_closing => {
                    let fault = format!("{:?}: returned to a log", self.id);
                    world.faults.push(fault);
                }
                Settlement::Retry(_) => {
                    world.generation.remove(&self.id);
                    world.waiting.push_back(self.id);
                }
            }
        })
    }

    fn keep(&self) -> BoxFuture<'static, ()> {
        Box::pin(future::ready(()))
    }
}

struct FakeHandler(Shared);

fn rejected() -> Error {
    let text = Box::new("rejected".to_owned());
    DieselError::DatabaseError(DatabaseErrorKind::CheckViolation, text).into()
}

impl FakeHandler {
    fn apply_all(&self, events: &[Event<Value>]) -> Result<Vec<Outcome>> {
        let mut world = self.0.lock();
        let ids = || {
            let id = |event: &Event<Value>| (event.key.parse().unwrap(), event.version);
            events.iter().map(id).collect::<Vec<Id>>()
        };
        if ids().iter().any(|id| world.poison == Some(*id)) {
            return Err(rejected());
        }
        let outcomes = ids().into_iter().map(|id| {
            let outcome = world.apply(id);
            match outcome {
                Outcome::Gap { current, .. } => {
                    let mut between = world.letters.range((id.0, current + 1)..id);
                    if between.next().is_none() {
                        return outcome;
                    }
                    world.letters.insert(id);
                    Outcome::Parked
                }
                outcome => outcome,
            }
        });
        Ok(outcomes.collect())
    }
}

impl Handler<Value, FakeMessage> for FakeHandler {
    const KEEPS: bool = true;
    const PARKS: bool = false;

    async fn handle(
        &self,
        events: Vec<Event<Value>>,
        _: Vec<Origin<FakeMessage>>,
    ) -> Result<Vec<Outcome>> {
        let (pause, fate) = {
            let mut world = self.0.lock();
            (world.dice.roll(3), world.dice.roll(24))
        };
        for _ in 0..pause {
            tokio::task::yield_now().await;
        }
        match fate {
            0 => return Err(Error::other(NotConnected("away".to_owned()))),
            1 => panic!("a panic of the handler"),
            2 => future::pending().await,
            3 => return Err(rejected()),
            _ => {}
        }
        self.apply_all(&events)
    }

    async fn execute(&self) -> Result<Option<NextDue>> {
        Ok(None)
    }

    async fn keep(&self, letters: &[NewLetter]) -> Result<()> {
        tokio::task::yield_now().await;
        let mut world = self.0.lock();
        if world.dice.roll(4) == 0 {
            return Err(rejected());
        }
        for letter in letters {
            let (record, version) = letter.source.split_once(':').unwrap();
            let id = (record.parse().unwrap(), version.parse().unwrap());
            world.letters.insert(id);
        }
        Ok(())
    }

    async fn redrive(&self, _: Passing) -> Result<Option<(Redriven, i64)>> {
        tokio::task::yield_now().await;
        let mut world = self.0.lock();
        if world.dice.roll(4) == 0 {
            return Err(rejected());
        }
        let letters: Vec<Id> = world.letters.iter().copied().collect();
        for id in letters {
            if id.1 == GARBAGE || world.poison == Some(id) {
                continue;
            }
            if !matches!(world.apply(id), Outcome::Gap { .. }) {
                world.letters.remove(&id);
            }
        }
        Ok(Some((Redriven::default(), 0)))
    }

    async fn parked(&self, _: Option<String>, _: usize) -> Result<Vec<ParkedRecord>> {
        Ok(Vec::new())
    }
}

fn settings() -> Settings {
    Settings {
        concurrency: 3,
        batch: 4,
        in_hand: 6,
        first_delay: Duration::from_millis(1),
        longest_delay: Duration::from_millis(2),
        deadline: Duration::from_millis(4),
        attempts: 3,
        redrive: Duration::from_millis(2),
        keep: Duration::from_millis(3),
        shutdown: Duration::from_millis(20),
        ..Settings::default()
    }
}

/// The messages of the broker, in any order, while there is room for them.
fn deliveries(world: &Shared) -> impl Stream<Item = Incoming<FakeDelivery>> + use<> {
    let world = world.clone();
    stream::unfold((), move |()| {
        let world = world.clone();
        async move {
            loop {
                if world.lock().is_closing {
                    return None;
                }
                let taken = {
                    let mut own = world.lock();
                    let number = own.waiting.len();
                    (number > 0 && own.generation.len() < 6).then(|| {
                        let place = own.dice.roll(number);
                        let id = own.waiting.remove(place).unwrap();
                        own.deliveries += 1;
                        let generation = own.deliveries;
                        own.generation.insert(id, generation);
                        (id, generation)
                    })
                };
                if let Some((id, generation)) = taken {
                    let delivery = FakeDelivery {
                        world: world.clone(),
                        id,
                        generation,
                    };
                    return Some((Incoming::Delivery(delivery), ()));
                }
                tokio::time::sleep(Duration::from_micros(300)).await;
                if world.lock().dice.roll(20) == 0 {
                    return Some((Incoming::Full(6), ()));
                }
            }
        }
    })
}

/// Consumers that are shut down or dropped at any time, one after the other, and a last one that
/// runs to the end.
async fn play(seed: u64, redelivers: bool) -> World {
    let shared = Shared::default();
    {
        let mut world = shared.lock();
        world.dice = Dice(seed);
        world.redelivers = redelivers;
        for record in 0..RECORDS {
            world
                .waiting
                .extend((1..=VERSIONS).map(|version| (record, version)));
        }
        world
            .waiting
            .extend((0..3).map(|place| (RECORDS + place, GARBAGE)));
        world.poison = Some((1, 3));
    }
    let settings = settings();
    for life in 0.. {
        let is_last = life == 4;
        if life == 3 {
            shared.lock().poison = None;
        }
        shared.lock().is_closing = false;
        let reader = Reader {
            entity: "tickets",
            replica: "ticket_copies",
            read: Box::new(|message: &FakeMessage| {
                let read = event::read(message.bytes());
                let read = read.map(|event| Some(Read { event, whole: None }));
                read.map_err(Refused::new)
            }),
        };
        let hook: Hook = Arc::new(|_| ());
        let counters = Counters::default();
        let health = Health::of("consumer");
        let consumer = Run::<Value, FakeDelivery>::new(
            &settings, redelivers, false, reader, &hook, counters, &health,
        );
        let time =
            Duration::from_micros(500) * u32::try_from(1 + shared.lock().dice.roll(20)).unwrap();
        let shutdown = async {
            if is_last {
                let end = Instant::now() + Duration::from_secs(60);
                while !shared.lock().is_done() && Instant::now() < end {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            } else {
                tokio::time::sleep(time).await;
            }
        };
        let close = || shared.lock().is_closing = true;
        let run = consumer.run(
            deliveries(&shared),
            FakeHandler(shared.clone()),
            shutdown,
            close,
        );
        if is_last {
            run.await.unwrap();
            break;
        }
        if shared.lock().dice.roll(2) == 0 {
            run.await.unwrap();
        } else {
            // The process dies.
            drop(tokio::time::timeout(time, run).await);
        }
        let mut world = shared.lock();
        let lost: Vec<Id> = world.generation.drain().map(|(id, _)| id).collect();
        world.waiting.extend(lost);
    }
    std::mem::take(&mut *shared.lock())
}

/// Nothing is settled that was neither committed nor kept, nothing that was stays unsettled for
/// ever, and nothing is settled that another consumer has by now.
#[test]
fn whatever_fails_each_message_is_settled_once_it_is_safe() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let worlds: Vec<(u64, World)> = (1..240)
        .map(|seed| (seed, runtime.block_on(play(seed, seed % 2 == 0))))
        .collect();
    std::panic::set_hook(hook);
    for (seed, world) in worlds {
        assert_eq!(world.faults, Vec::<String>::new(), "seed {seed}");
        assert!(
            world.waiting.is_empty() && world.generation.is_empty(),
            "seed {seed}"
        );
        let whole = (0..RECORDS).map(|record| (record, VERSIONS)).collect();
        assert_eq!(world.replica, whole, "seed {seed}");
        let all = RECORDS * usize::try_from(VERSIONS).unwrap() + 3;
        assert_eq!(world.acknowledged.len(), all, "seed {seed}");
        assert!(
            world.acknowledged.values().all(|times| *times == 1),
            "seed {seed}"
        );
        assert_eq!(world.letters.len(), 3, "seed {seed}");
    }
}
