//! The interface of the derive: the metadata of a model, and walks over its columns, its key and,
//! for an owner, its fields. The derive generates nothing else.

mod columns;
mod fields;
mod finite;
mod json;
mod key;
mod value;
mod walk;

use std::any::TypeId;
use std::fmt;

use diesel::internal::table_macro::StaticQueryFragment;
#[doc(hidden)]
pub use diesel::query_source::Column;
use diesel::query_source::Table;

#[doc(hidden)]
pub use diesel::backend::Backend;
#[doc(hidden)]
pub use diesel::result::QueryResult;
#[doc(hidden)]
pub use serde_json::Result as JsonResult;

pub use self::columns::{Columns, Field};
#[doc(hidden)]
pub use self::columns::{Made, MadeAny};
#[doc(hidden)]
pub use self::fields::FieldWalk;
pub(crate) use self::fields::{ColumnSet, Compared, Diff, take};
#[doc(hidden)]
pub use self::fields::{Comparable, Fields, Floats};
#[doc(hidden)]
pub use self::json::{
    EventJson, FromJson, NotSent, ToJson, event_to_json, parked_from_json, parked_to_json,
};
pub use self::key::{Key, KeyColumns, NeverNull};
#[doc(hidden)]
pub use self::key::{KeyNames, KeyPart, KeyPartText, KeyText, key_parts, whole_key};
pub(crate) use self::value::Value;
pub use self::walk::Walk;
pub(crate) use self::walk::{Clause, WriteKind};
#[doc(hidden)]
pub use crate::dialect::Elements;
pub use crate::dialect::JsonTable;
use crate::event::Event;
use crate::table_name::{self, TableName};
use crate::version::{SequentialVersion, Version};

/// A model whose record has a version. `#[derive(Versioned)]` implements it.
///
/// It is not in the prelude, because its [`id`](Versioned::id) would be ambiguous with Diesel's
/// `Identifiable::id`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not versioned, add `#[derive(Versioned)]` with `#[versioned(owner)]` or `#[versioned(dependent)]`",
    label = "not a versioned model"
)]
pub trait Versioned: Sized + Send + Sync {
    /// The table, as Diesel's `table!` declares it.
    type Table: Table + Default + StaticQueryFragment<Component: fmt::Debug>;

    /// The columns of the primary key, always as a tuple.
    type KeyColumns: KeyColumns;

    /// The column of the version.
    type VersionColumn: Column<Table = Self::Table> + NeverNull + Default;

    /// The primary key, owned. A key of several columns is a tuple.
    type Id: Clone + fmt::Debug + Send + Sync;

    /// The type of the version field.
    type Version: Version;

    /// This model with every lifetime `'static`. Its statements are cached under this type.
    type Static: 'static;

    /// The name of the table's module, as Diesel's `table!` declares it.
    const TABLE: &'static str;

    /// The name under which the positions of a replica are stored. It is empty for the name of the
    /// replica's table, and `None` for an owner.
    #[doc(hidden)]
    const REPLICA: Option<&'static str> = None;

    /// Whether the key is the table's primary key, so that at most one row has it.
    #[doc(hidden)]
    const WHOLE_KEY: bool = true;

    /// The record's name in events. The default is the name of the table;
    /// `#[versioned(entity = "..")]` sets another one.
    const ENTITY: &'static str;

    /// The table's name in the database, qualified by its schema if it has one.
    fn table_name() -> &'static str {
        name_of_table::<Self>().full
    }

    /// The primary key.
    fn id(&self) -> Self::Id;

    /// The version that was loaded or set by the last successful write.
    fn version(&self) -> Self::Version {
        self.loaded().clone()
    }

    /// The version field.
    #[doc(hidden)]
    fn loaded(&self) -> &Self::Version;

    /// Moves the version in memory. It is called only after a successful write.
    #[doc(hidden)]
    fn set_version(&mut self, version: Self::Version);

    /// Adds the parts of the key to its text.
    #[doc(hidden)]
    fn key_parts(id: &Self::Id, text: &mut KeyText);

    /// The key as text, for errors and events.
    #[doc(hidden)]
    fn key_text(id: &Self::Id) -> String {
        let mut text = KeyText::of::<Self::KeyColumns>();
        Self::key_parts(id, &mut text);
        text.finish()
    }

    /// The version of a new record.
    #[doc(hidden)]
    fn initial_version() -> Self::Version {
        Version::initial()
    }

    /// The version after `current`, or `None` at the maximum of the type.
    #[doc(hidden)]
    fn next_version(current: &Self::Version) -> Option<Self::Version> {
        current.next()
    }
}

/// Returns the name of the table of `M` in the database.
pub(crate) fn name_of_table<M: Versioned>() -> TableName {
    let component = &<M::Table as StaticQueryFragment>::STATIC_COMPONENT;
    table_name::of(TypeId::of::<M::Static>(), component, M::TABLE)
}

/// A model in owner mode: `#[versioned(owner)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an owner, which `#[derive(Versioned)]` with `#[versioned(owner)]` makes of it",
    label = "only an owner can do this",
    note = "a `#[versioned(dependent)]` model changes only through `apply`"
)]
pub trait OwnerModel: Versioned {
    /// Whether deletions are stored in `versioned_positions`: `#[versioned(tombstones)]`.
    const TOMBSTONES: bool = false;

    /// Whether each write inserts its event into `versioned_outbox`: `#[versioned(outbox)]`.
    const OUTBOX: bool = false;

    /// The columns with `#[versioned(excluded)]`.
    #[doc(hidden)]
    const EXCLUDED: &'static [&'static str] = &[];

    /// The JSON of an event. The derive generates it with `outbox`.
    #[doc(hidden)]
    fn event_json(_event: &Event<&Self>) -> EventJson {
        Err(serde::ser::Error::custom("this model has no outbox"))
    }

    /// The number of a version. The derive generates it with `tombstones` and `outbox`.
    #[doc(hidden)]
    fn number(_version: &Self::Version) -> i64 {
        0
    }

    /// The version with this number. The derive generates it with `tombstones` and `outbox`.
    #[doc(hidden)]
    fn numbered(_number: i64) -> Option<Self::Version> {
        None
    }
}

/// An owner whose writes do not require events, because it has no `outbox`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has an outbox, where each write must emit an event: load the rows and `save` them",
    label = "this would change rows without an event"
)]
pub trait PlainOwner: OwnerModel {}

/// A model in dependent mode: `#[versioned(dependent)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a dependent, which `#[derive(Versioned)]` with `#[versioned(dependent)]` makes of it",
    label = "only a dependent can do this",
    note = "a `#[versioned(owner)]` model is changed by `save`, never by events"
)]
pub trait DependentModel: Versioned<Version: SequentialVersion> {
    /// The rule for the order of events.
    const POLICY: Policy;

    /// The location of a record's position.
    const GUARD: Guard;

    /// The handling of an event that arrives too early.
    const GAP: Gap;

    /// Parses a key.
    #[doc(hidden)]
    fn parse_key(text: &str) -> Option<Self::Id>;

    /// The JSON of a parked event. The derive generates it with `gap = "park"`.
    #[doc(hidden)]
    fn park(_event: &Event<Self>) -> JsonResult<String> {
        Err(serde::ser::Error::custom("this model parks no events"))
    }

    /// Parses a parked event. The derive generates it with `gap = "park"`.
    #[doc(hidden)]
    fn unpark(_text: &str) -> JsonResult<Event<Self>> {
        Err(serde::de::Error::custom("this model parks no events"))
    }
}

/// The rule for the order of events: `#[versioned(policy = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Event N is applied only to a replica at version N−1.
    Sequential,
    /// Any newer event replaces the row.
    Latest,
}

/// The location of a record's position: `#[versioned(guard = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// A row of `versioned_positions`, which remains after a deletion.
    Position,
    /// The replica's row itself, for records that are never deleted.
    Row,
}

/// The handling of an event that arrives too early: `#[versioned(gap = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The caller gets an `Outcome::Gap`, so that the broker can redeliver the event.
    Nack,
    /// The event is stored in `versioned_parked` until the event before it arrives.
    Park,
}

/// A table for a model that the derive could not parse, so that the derive's errors are the only
/// ones.
#[doc(hidden)]
pub mod fallback {
    diesel::table! {
        unknown {
            id -> BigInt,
            version -> BigInt,
        }
    }
}
