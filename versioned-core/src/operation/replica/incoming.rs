//! A validated event. Everything that can be wrong with an event is found before any SQL.

use std::borrow::Cow;

use crate::dependent::Dependent;
use crate::dialect::Dialect;
use crate::error::{Conflict, Error, Result, Target, is_serialization_failure};
use crate::event::Op;
use crate::event::{Event, EventError};
use crate::migrations::LONGEST_KEY;
use crate::model::{DependentModel, Guard, Policy};
use crate::operation::zero_key::has_zero;
use crate::outcome::Outcome;
use crate::runner::Runner;
use crate::statement::{AnySpelling, Current, Find, FindVersion, Position, Record};
use crate::version::SequentialVersion;
use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::result::Error as DieselError;

/// A validated event and the write that it requires.
pub(crate) struct Incoming<'e, M: DependentModel> {
    pub(crate) event: &'e Event<M>,
    pub(crate) write: Write<'e, M>,
    /// The version that stands for "no record yet", which is the one before the initial version.
    pub(crate) nothing: i64,
    /// The replica's name.
    replica: &'static str,
    /// The JSON of the event as received, if it is known.
    pub(crate) json: Option<&'e str>,
}

/// The write to the replica's row.
pub(crate) enum Write<'e, M: DependentModel> {
    /// The row becomes this model, at this version.
    Put(&'e M, M::Version),
    /// The row is deleted.
    Remove(M::Id),
}

/// Where a record is at a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) version: i64,
    pub(crate) is_deleted: bool,
}

impl Reached {
    /// A record that is at this version, and not known to be deleted.
    pub(crate) fn at(version: i64) -> Self {
        Self {
            version,
            is_deleted: false,
        }
    }
}

impl<'e, M: DependentModel> Incoming<'e, M> {
    pub(crate) fn check<DB: Backend>(event: &'e Event<M>) -> Result<Self>
    where
        M: Dependent<DB>,
    {
        if event.entity != M::ENTITY {
            return Err(EventError::Entity {
                expected: M::ENTITY,
                received: event.entity.clone().into_owned(),
            }
            .into());
        }
        if event.key.len() > LONGEST_KEY {
            let bytes = event.key.len();
            return Err(EventError::KeyTooLong { bytes }.into());
        }
        let bad_version = || EventError::Version {
            received: event.version,
        };
        let first = M::initial_version().number();
        if event.version < first {
            return Err(bad_version().into());
        }
        let is_forever = event.op == Op::DeletedForever;
        if is_forever && event.version != i64::MAX {
            return Err(bad_version().into());
        }
        let version = || M::Version::from_number(event.version).ok_or_else(bad_version);
        let bad_key = || EventError::Key {
            received: event.key.clone(),
        };
        let write = match (event.op, &event.data) {
            // A snapshot without data describes a deleted record.
            (Op::Deleted | Op::DeletedAt | Op::DeletedForever, _) | (Op::Snapshot, None) => {
                if M::GUARD == Guard::Row {
                    return Err(EventError::Deletion.into());
                }
                if !is_forever {
                    version()?;
                }
                Write::Remove(read_key::<M>(&event.key).ok_or_else(bad_key)?)
            }
            (_, Some(data)) if M::key_text(&data.id()) == event.key => Write::Put(data, version()?),
            (_, Some(_)) => return Err(bad_key().into()),
            (_, None) => return Err(EventError::NoData.into()),
        };
        Ok(Self {
            event,
            write,
            nothing: first - 1,
            replica: M::replica(),
            json: None,
        })
    }

    /// Returns the JSON to park if the event is too early. The JSON as received is preferred,
    /// because it has fields that the replica does not read yet.
    pub(crate) fn to_park(&self) -> Result<Cow<'e, str>> {
        if let Some(json) = self.json {
            return Ok(json.into());
        }
        let json = M::park(self.event).map_err(Error::other)?;
        // An event that cannot be read back could never be applied.
        M::unpark(&json).map_err(Error::other)?;
        Ok(json.into())
    }

    /// Returns the key of the row that the event deletes.
    pub(crate) fn removes(&self) -> Option<&M::Id> {
        match &self.write {
            Write::Remove(id) => Some(id),
            Write::Put(..) => None,
        }
    }

    /// Returns where the record is after the event.
    pub(crate) fn reaches(&self) -> Reached {
        Reached {
            version: self.event.version,
            is_deleted: self.removes().is_some(),
        }
    }

    /// Returns whether the event is a deletion without a version of its own.
    pub(crate) fn is_derived(&self) -> bool {
        self.event.op == Op::DeletedAt
    }

    /// Returns whether the event may follow any older version. A snapshot is the whole record, and a
    /// final deletion is its end, whatever the policy.
    pub(crate) fn replaces_any_older(&self) -> bool {
        M::POLICY == Policy::Latest || matches!(self.event.op, Op::Snapshot | Op::DeletedForever)
    }

    /// Returns whether the event may be the first one of its record at this replica.
    pub(crate) fn may_be_first(&self) -> bool {
        let is_next = self.event.version - 1 == self.nothing && !self.is_derived();
        self.replaces_any_older() || is_next
    }

    /// Returns whether the event may follow what the replica has of the record.
    pub(crate) fn follows(&self, current: Option<Reached>) -> bool {
        let Some(current) = current else {
            return self.may_be_first();
        };
        let position = self.position();
        let is_over = position.only_live && current.is_deleted;
        (position.oldest..=position.newest).contains(&current.version)
            && !(is_over && current.version == self.event.version)
    }

    /// Returns whether it depends on more than the current version whether the event may follow:
    /// whether the record is deleted at it.
    pub(crate) fn depends_on_deletion(&self, current: i64) -> bool {
        self.position().only_live && current == self.event.version
    }

    /// Returns whether the row may be new and its column may store another key.
    pub(crate) fn may_change_key<DB: Backend>(&self, model: &M, dialect: Dialect) -> bool
    where
        M: Dependent<DB>,
    {
        (self.may_be_first() || self.event.op != Op::Updated)
            && (M::may_change_key() || (dialect == Dialect::Mysql && has_zero(model)))
    }

    /// Returns the outcome of an event that the guard rejected at the current version, if there is
    /// one.
    pub(crate) fn refused(&self, current: Option<Reached>) -> Outcome {
        let current = current.unwrap_or(Reached::at(self.nothing));
        let received = self.event.version;
        if self.is_derived() && current.version == received && !current.is_deleted {
            return Outcome::Gap {
                current: received,
                received,
            };
        }
        Outcome::refused(current.version, received)
    }

    /// Converts a database error of this event.
    pub(crate) fn failed(&self, error: diesel::result::Error) -> Error {
        failed_event::<M>(&self.event.key, error)
    }

    /// Returns the position that the event moves, with the versions that it may move from. A
    /// snapshot may repeat its version. A deletion without a version of its own, and a snapshot of a
    /// live record, may not follow a deletion at their version.
    pub(crate) fn position(&self) -> Position<'e> {
        let version = self.event.version;
        let is_end = matches!(self.event.op, Op::DeletedAt | Op::DeletedForever);
        let is_snapshot = self.event.op == Op::Snapshot;
        let repeats = is_end || is_snapshot;
        let newest = if repeats { version } else { version - 1 };
        Position {
            replica: self.replica,
            entity: M::ENTITY,
            key: &self.event.key,
            version,
            oldest: if self.replaces_any_older() {
                i64::MIN
            } else {
                newest
            },
            newest,
            only_live: is_end || (is_snapshot && self.removes().is_none()),
            at: match self.write {
                Write::Put(..) => 0,
                Write::Remove(_) => crate::event::micros_now(),
            },
            body: "",
        }
    }
}

/// Parses a key and accepts its canonical text only. `007` is the same number as `7`, but would be
/// another position.
pub(crate) fn read_key<M: DependentModel>(text: &str) -> Option<M::Id> {
    M::parse_key(text).filter(|id| M::key_text(id) == text)
}

/// Returns the error for an event whose row was not written. Either the database treats its key as
/// that of another row, or it suppressed the write.
pub(crate) async fn not_written<M, C>(key: &str, model: &M, conn: &mut C) -> Error
where
    C: Runner,
    M: Dependent<C::Backend>,
{
    let suppressed = || Conflict::unwritten(target::<M>(key), None).into();
    clash_or(suppressed, key, model, conn).await
}

/// Checks that a row that may be new is found by the event's key. The column may have changed the
/// key.
pub(crate) async fn keeps_key<M, C>(
    incoming: &Incoming<'_, M>,
    model: &M,
    dialect: Dialect,
    conn: &mut C,
) -> Result<()>
where
    C: Runner,
    M: Dependent<C::Backend>,
{
    if !incoming.may_change_key(model, dialect) {
        return Ok(());
    }
    let look = FindVersion::<Current, M, C::Backend>::new(Record::Of(model));
    match M::row_version(conn, look).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => {
            let received = incoming.event.key.clone();
            let not_kept = || EventError::KeyNotKept { received }.into();
            Err(clash_or(not_kept, &incoming.event.key, model, conn).await)
        }
        Err(error) => Err(incoming.failed(error)),
    }
}

/// Returns the clash of the key with that of another row, or `otherwise`.
async fn clash_or<M, C>(
    otherwise: impl FnOnce() -> Error + Send,
    key: &str,
    model: &M,
    conn: &mut C,
) -> Error
where
    C: Runner,
    M: Dependent<C::Backend>,
{
    match clash(model, conn).await {
        Ok(Some(clash)) => clash.into(),
        Ok(None) => otherwise(),
        Err(error) => failed_event::<M>(key, error),
    }
}

/// Returns the error for a unique violation: the clash of the key with that of another row, or the
/// violation itself.
pub(crate) async fn already_taken<M, C>(
    key: &str,
    model: &M,
    taken: DieselError,
    conn: &mut C,
) -> Error
where
    C: Runner,
    M: Dependent<C::Backend>,
{
    match clash(model, conn).await {
        Ok(Some(clash)) => clash.into(),
        _ => failed_event::<M>(key, taken),
    }
}

/// Returns the clash with a row whose key differs from the model's, if the database treats the two
/// keys as equal.
async fn clash<M, C>(model: &M, conn: &mut C) -> QueryResult<Option<EventError>>
where
    C: Runner,
    M: Dependent<C::Backend>,
{
    if !M::has_coarse_key() {
        return Ok(None);
    }
    let find = Find::<AnySpelling, M, C::Backend>::new(Record::Of(model));
    let received = M::key_text(&model.id());
    let found = M::row(conn, find).await?.map(|row| M::key_text(&row.id()));
    Ok(found
        .filter(|found| *found != received)
        .map(|found| EventError::KeyClash { received, found }))
}

/// Converts a database error of a statement about the replica with this key.
pub(crate) fn failed_event<M: DependentModel>(key: &str, error: DieselError) -> Error {
    if !is_serialization_failure(&error) {
        return Error::Database(error);
    }
    Conflict::rejected(Some(target::<M>(key)), error).into()
}

pub(crate) fn target<M: DependentModel>(key: &str) -> Target {
    Target {
        table: M::table_name(),
        id: key.to_owned(),
        expected: None,
    }
}
