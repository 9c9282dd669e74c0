//! One operation, once for each statement and each way in which it can fail.

use std::fmt::Debug;

use versioned_core::{ConflictKind, Error};

use super::super::faulty::Struck;
use super::super::habits::Fault;
use super::Line;
use super::backend::{Conn, Db, NAME};
use super::front::Line as _;
use super::world::{self, World};

pub(super) type Prepare<M> = fn(&mut Conn) -> M;
pub(super) type Run<M> = fn(&mut M, &mut Line) -> Result<(), Error>;

/// What is tried.
pub(super) struct Operation<M> {
    pub(super) name: String,
    /// Fills an empty database; what the caller has in memory.
    pub(super) prepare: Prepare<M>,
    pub(super) run: Run<M>,
    /// Whether memory and rows are what the caller was told: a run in which a statement failed, and one without.
    pub(super) judge: fn(&Seen<M>, &Seen<M>) -> Result<(), String>,
    /// How the caller goes on when it was all written although there was an error; none where the operation can be run
    /// again, and then changes nothing.
    pub(super) settle: Option<Run<M>>,
}

/// A run.
pub(super) struct Seen<M> {
    pub(super) before: (M, World),
    pub(super) after: (M, World),
    pub(super) told: Result<(), Error>,
    pub(super) struck: Option<Struck>,
    sent: usize,
    left_open: bool,
}

impl<M> Seen<M> {
    /// Diesel's own `transaction` leaves a savepoint open that cannot be released, and what is around it.
    fn failed_to_release(&self) -> bool {
        let struck = self.struck.as_ref();
        struck.is_some_and(|struck| struck.statement.starts_with("RELEASE"))
    }
}

/// Tries operations, and collects what went wrong.
pub(super) struct Trials {
    line: Line,
    other: Conn,
    failures: Vec<String>,
    // Dropped last: it takes the database away.
    _db: Db,
}

impl Trials {
    pub(super) fn new() -> Self {
        let db = world::database();
        Self {
            line: db.connect_as(),
            other: db.connect(),
            failures: Vec::new(),
            _db: db,
        }
    }

    /// Fails each statement of the operation.
    pub(super) fn of<M: Clone + PartialEq + Debug>(&mut self, operation: &Operation<M>) {
        let good = self.run(operation, None, None);
        assert!(good.sent > 0, "{}: no statement", operation.name);
        for point in points(good.sent) {
            for &fault in Line::FAULTS {
                let mut seen = self.run(operation, Some((point, fault)), Some(&good));
                let done = (operation.judge)(&seen, &good)
                    .and_then(|()| self.go_on(operation, &mut seen, &good));
                if let Err(wrong) = done {
                    self.failed(&operation.name, point, fault, &seen, &wrong);
                }
            }
        }
    }

    /// The table of what went wrong, if anything did.
    #[track_caller]
    pub(super) fn end(self) {
        assert!(
            self.failures.is_empty(),
            "{} failures on {NAME}\noperation | statement | fault | what is wrong | told\n{}",
            self.failures.len(),
            self.failures.join("\n")
        );
    }

    pub(super) fn failed<M>(
        &mut self,
        name: &str,
        point: usize,
        (moment, kind): Fault,
        seen: &Seen<M>,
        wrong: &str,
    ) {
        let statement = seen.struck.as_ref().map_or("", |struck| &struck.statement);
        let statement: String = statement.chars().take(60).collect();
        let told = match &seen.told {
            Ok(()) => "Ok".to_owned(),
            Err(error) => format!("{error}"),
        };
        self.failures.push(format!(
            "{name} | {point}: {statement} | {moment:?}, {kind:?} | {wrong} | {told}"
        ));
    }

    fn run<M: Clone + PartialEq + Debug>(
        &mut self,
        operation: &Operation<M>,
        plan: Option<(usize, Fault)>,
        good: Option<&Seen<M>>,
    ) -> Seen<M> {
        self.line.begin_anew(None);
        world::empty(&mut self.other);
        let mut memory = (operation.prepare)(&mut self.other);
        let before = match good {
            Some(good) => {
                assert_eq!(memory, good.before.0, "{}", operation.name);
                good.before.clone()
            }
            None => (memory.clone(), World::read(&mut self.other)),
        };
        self.line.begin_anew(plan);
        let told = (operation.run)(&mut memory, &mut self.line);
        let report = self.line.report();
        Seen {
            before,
            after: (memory, World::read(&mut self.other)),
            told,
            struck: report.struck,
            sent: report.sent,
            left_open: report.left_open,
        }
    }

    /// After an error the caller tries again, on a connection that works: what was not written is written now, once.
    fn go_on<M: Clone + PartialEq + Debug>(
        &mut self,
        operation: &Operation<M>,
        seen: &mut Seen<M>,
        good: &Seen<M>,
    ) -> Result<(), String> {
        if seen.left_open && !seen.failed_to_release() {
            return Err("a transaction is left open".to_owned());
        }
        if seen.told.is_ok() {
            return Ok(());
        }
        self.line.begin_anew(None);
        let written = seen.after.1 != seen.before.1;
        let memory = &mut seen.after.0;
        if let (true, Some(settle)) = (written, operation.settle) {
            return settle(memory, &mut self.line)
                .map_err(|error| format!("it was written, and after it: {error}"));
        }
        let told = (operation.run)(memory, &mut self.line);
        if told.is_ok() != good.told.is_ok() {
            return Err(format!("tried again: {told:?}"));
        }
        if !written {
            same("tried again: memory", memory, &good.after.0)?;
        }
        let world = World::read(&mut self.other);
        same("tried again: rows", &world, &good.after.1)
    }
}

/// Which statements fail: all of them, or those at the beginning, in the middle and at the end of many; of very many, where
/// time is short, the one in the middle.
fn points(sent: usize) -> impl Iterator<Item = usize> {
    // Many rows are written as three are, and on a server each statement takes its way over a socket.
    let some = match sent {
        ..=40 => 4,
        _ if NAME == "sqlite" => 3,
        _ => 1,
    };
    let ends = sent <= 40 || Line::ALL == 40;
    let middle = sent / 2;
    (1..=sent).filter(move |&point| {
        sent <= Line::ALL
            || (middle..middle + some).contains(&point)
            || (ends && (point <= some || point + some > sent))
    })
}

/// The operation was done, or nothing was: in memory, and in the database.
pub(super) fn all_or_nothing<M: PartialEq + Debug>(
    seen: &Seen<M>,
    good: &Seen<M>,
) -> Result<(), String> {
    let (memory, world) = &seen.after;
    match &seen.told {
        Ok(()) => {
            if good.told.is_err() {
                return Err("Ok, although it is refused".to_owned());
            }
            same("Ok: memory", memory, &good.after.0)?;
            same("Ok: rows", world, &good.after.1)
        }
        Err(error) => {
            if good.told.is_ok() && blames_another(error) {
                return Err("a conflict with nobody".to_owned());
            }
            same("Err: memory", memory, &seen.before.0)?;
            let lost = seen
                .struck
                .as_ref()
                .is_some_and(|struck| struck.answer_lost);
            if lost && *world == good.after.1 {
                return Ok(());
            }
            same("Err: rows", world, &seen.before.1)
        }
    }
}

/// Whether an error says that another session has written the row.
fn blames_another(error: &Error) -> bool {
    match error {
        Error::Conflict(conflict) => conflict.kind() != ConflictKind::Serialization,
        Error::Conflicts(_) => true,
        _ => false,
    }
}

pub(super) fn same<T: PartialEq + Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?}, expected {expected:?}"))
    }
}
