//! The metadata that the derive generates for a model, and the walks over its columns, its key and,
//! for an owner, its fields.

mod columns;
mod events;
mod fields;
mod finite;
mod json;
mod key;
mod scope;
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
pub(crate) use self::fields::{ColumnSet, Compared, Diff, changed, restore, take};
#[doc(hidden)]
pub use self::fields::{Comparable, Fields, Floats};
#[doc(hidden)]
pub use self::json::{
    EventJson, FromJson, NotSent, ToJson, event_to_json, parked_from_json, parked_to_json,
};
pub use self::key::{Key, KeyColumns, NeverNull, ReadKey};
#[doc(hidden)]
pub use self::key::{KeyNames, KeyPart, KeyPartText, KeyText, key_parts, whole_key};
pub use self::scope::{InScope, Scoped, Unscoped};
#[doc(hidden)]
pub use self::scope::{ScopeColumn, ScopedColumns};
pub(crate) use self::scope::{ScopeOf, ShowScope, deletions_have_a_scope};
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
/// The trait is not in the prelude, because its [`id`](Versioned::id) would be ambiguous with
/// Diesel's `Identifiable::id`.
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

    /// The owned primary key. It is a tuple if it has several columns.
    type Id: Clone + fmt::Debug + Send + Sync;

    /// The type of the version field.
    type Version: Version;

    /// This model with every lifetime `'static`. Its statements are cached under this type.
    type Static: 'static;

    /// The name of the table's module, as Diesel's `table!` declares it.
    const TABLE: &'static str;

    /// The name under which the positions of a replica are kept. Empty for the name of the table,
    /// `None` for an owner.
    #[doc(hidden)]
    const REPLICA: Option<&'static str> = None;

    /// Whether the key is the primary key of the table, so that at most one row has it.
    #[doc(hidden)]
    const WHOLE_KEY: bool = true;

    /// The name of the record in events. The default is the name of the table;
    /// `#[versioned(entity = "..")]` sets another.
    const ENTITY: &'static str;

    /// Returns the name of the table in the database, with the name of its schema if it has one.
    fn table_name() -> &'static str {
        name_of_table::<Self>().full
    }

    /// Returns the primary key.
    fn id(&self) -> Self::Id;

    /// Returns the version that was loaded, or that the last successful write gave.
    fn version(&self) -> Self::Version {
        self.loaded().clone()
    }

    /// The version field.
    #[doc(hidden)]
    fn loaded(&self) -> &Self::Version;

    /// Sets the version in memory. Called only after a successful write.
    #[doc(hidden)]
    fn set_version(&mut self, version: Self::Version);

    /// Appends the parts of the key to its text.
    #[doc(hidden)]
    fn key_parts(id: &Self::Id, text: &mut KeyText);

    /// Returns the key as text, for errors and events.
    #[doc(hidden)]
    fn key_text(id: &Self::Id) -> String {
        let mut text = KeyText::of::<Self::KeyColumns>();
        Self::key_parts(id, &mut text);
        text.finish()
    }

    /// Returns the scope as text. The derive generates it with `scope`.
    #[doc(hidden)]
    fn scope_text(_id: &Self::Id) -> Option<ScopeText> {
        None
    }

    /// Returns the version of a new record.
    #[doc(hidden)]
    fn initial_version() -> Self::Version {
        Version::initial()
    }

    /// Returns the version after `current`, or `None` at the maximum of the type.
    #[doc(hidden)]
    fn next_version(current: &Self::Version) -> Option<Self::Version> {
        current.next()
    }
}

/// The text of a scope.
#[doc(hidden)]
pub type ScopeText = String;

/// Returns the name of the table of `M` in the database.
pub(crate) fn name_of_table<M: Versioned>() -> TableName {
    let component = &<M::Table as StaticQueryFragment>::STATIC_COMPONENT;
    table_name::of(TypeId::of::<M::Static>(), component, M::TABLE)
}

/// The name of a replica: its table, or the one that the model gives it. The table too for an owner.
pub(crate) fn name_of_replica<M: Versioned>() -> &'static str {
    match M::REPLICA {
        None | Some("") => M::table_name(),
        Some(name) => name,
    }
}

/// A model in owner mode: `#[versioned(owner)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an owner: this needs a model with `#[derive(Versioned)]` and `#[versioned(owner)]`",
    label = "not an owner",
    note = "a `#[versioned(dependent)]` model changes only through `apply`"
)]
pub trait OwnerModel: Versioned {
    /// Whether deletions are recorded in `versioned_positions`: `#[versioned(tombstones)]`.
    const TOMBSTONES: bool = false;

    /// Whether each write also writes its event to `versioned_outbox`: `#[versioned(outbox)]`.
    const OUTBOX: bool = false;

    /// The columns with `#[versioned(excluded)]`.
    #[doc(hidden)]
    const EXCLUDED: &'static [&'static str] = &[];

    /// Serializes an event. The derive generates it with `outbox`.
    #[doc(hidden)]
    fn event_json(_event: &Event<&Self>) -> EventJson {
        Err(serde::ser::Error::custom("this model has no outbox"))
    }

    /// Returns the number of a version. The derive generates it with `tombstones` and `outbox`.
    #[doc(hidden)]
    fn number(_version: &Self::Version) -> i64 {
        0
    }

    /// Returns the version with this number. The derive generates it with `tombstones` and
    /// `outbox`.
    #[doc(hidden)]
    fn numbered(_number: i64) -> Option<Self::Version> {
        None
    }
}

/// An owner without `outbox`, whose writes emit no events.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has an outbox, so each write must emit an event: load the rows and `save` them",
    label = "this would change rows without an event"
)]
pub trait PlainOwner: OwnerModel {}

/// A model in dependent mode: `#[versioned(dependent)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a replica: this needs a model with `#[derive(Versioned)]` and `#[versioned(dependent)]`",
    label = "not a replica",
    note = "a `#[versioned(owner)]` model changes through `save`, not through events"
)]
pub trait DependentModel: Versioned<Version: SequentialVersion> {
    /// Which event may follow the current version.
    const POLICY: Policy;

    /// The location of a record's position.
    const GUARD: Guard;

    /// How the replica treats an event that comes too early.
    const GAP: Gap;

    /// Parses the key with this text.
    #[doc(hidden)]
    fn parse_key(text: &str) -> Option<Self::Id>;

    /// Serializes an event that is parked. The derive generates it with `gap = "park"`.
    #[doc(hidden)]
    fn park(_event: &Event<Self>) -> JsonResult<String> {
        Err(serde::ser::Error::custom("this model parks no events"))
    }

    /// Deserializes an event that was parked. The derive generates it with `gap = "park"`.
    #[doc(hidden)]
    fn unpark(_text: &str) -> JsonResult<Event<Self>> {
        Err(serde::de::Error::custom("this model parks no events"))
    }
}

/// Which event may follow the current version: `#[versioned(policy = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Event N is applied only onto version N−1.
    Sequential,
    /// Any newer event replaces the row.
    Latest,
}

/// The location of a record's position: `#[versioned(guard = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// A row of `versioned_positions`, which remains after a deletion.
    Position,
    /// The row of the replica itself, for records that are never deleted.
    Row,
}

/// How a replica treats an event that comes too early: `#[versioned(gap = "..")]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// The gap is reported, so that the broker redelivers the event.
    Nack,
    /// The event is stored in `versioned_parked` until the events before it were applied.
    Park,
}

/// A table for models that the derive rejected, so that its errors remain the only ones.
#[doc(hidden)]
pub mod fallback {
    diesel::table! {
        unknown {
            id -> BigInt,
            version -> BigInt,
        }
    }
}
