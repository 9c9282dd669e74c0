//! The changes of a tracked model: the columns, with their values as serde shows them.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use super::Tracked;
use crate::error::{Error, Result};
use crate::model::{ColumnSet, Compared, Fields, changed, take};

/// A column that was changed in memory: see [`Tracked::changes`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ColumnChange {
    /// The name of the column.
    pub column: &'static str,
    /// The value that was loaded or last written.
    pub old: Value,
    /// The value in memory.
    pub new: Value,
}

/// A column that both sides changed to different values: see [`Tracked::clashes`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ColumnClash {
    /// The name of the column.
    pub column: &'static str,
    /// The value before both changes.
    pub base: Value,
    /// The value in memory.
    pub mine: Value,
    /// The value of the other side.
    pub theirs: Value,
}

impl<T: Fields + Clone> Tracked<T> {
    /// Returns the names of the columns that were changed since the model was loaded or last
    /// written, in the order of the fields. The key, the version, and fields that no UPDATE writes
    /// are not among them.
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// use versioned_core::Tracked;
    ///
    /// let mut ticket = Tracked::new(Ticket { id: 7, price: 20, version: 1 });
    /// assert!(ticket.changed_columns().is_empty());
    /// ticket.price = 25;
    /// assert_eq!(ticket.changed_columns(), ["price"]);
    /// ticket.revert();
    /// assert_eq!(ticket.price, 20);
    /// ```
    pub fn changed_columns(&self) -> Vec<&'static str> {
        let columns = changed(&self.model, &self.base);
        columns.into_iter().map(|(_, name)| name).collect()
    }
}

impl<T: Fields + Clone + Serialize> Tracked<T> {
    /// Returns the columns that were changed since the model was loaded or last written, with their
    /// old and new values, for example for an audit log. Call it before [`save`], which makes the
    /// new values the old ones.
    ///
    /// The values are those that serde shows for the field of the column. For a column of an embedded
    /// struct, they are those of the whole struct. For a field that serde skips, they are
    /// [`Value::Null`].
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, serde::Serialize, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// use versioned_core::Tracked;
    ///
    /// let mut ticket = Tracked::new(Ticket { id: 7, price: 20, version: 1 });
    /// ticket.price = 25;
    /// let changes = serde_json::to_string(&ticket.changes()?)?;
    /// assert_eq!(changes, r#"[{"column":"price","old":20,"new":25}]"#);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// [`save`]: crate::prelude::TrackedDsl::save
    ///
    /// # Errors
    ///
    /// Returns [`Error::Other`] if serde cannot represent the model as JSON.
    pub fn changes(&self) -> Result<Vec<ColumnChange>> {
        let (old, new) = (json(&self.base)?, json(&self.model)?);
        let columns = changed(&self.model, &self.base).into_iter();
        let changes = columns.map(|(place, column)| {
            let name = self.field(place, &old)?;
            let name = name.as_deref();
            Ok(ColumnChange {
                column,
                old: value(&old, name),
                new: value(&new, name),
            })
        });
        changes.collect()
    }

    /// Returns the columns that both sides changed to different values, which make a
    /// [`rebase`](crate::prelude::TrackedDsl::rebase) fail with [`Error::BothChanged`], each with the
    /// three values. A form can show them, and its user chooses.
    ///
    /// `theirs` is the current row. The values are shown as by [`changes`](Tracked::changes).
    ///
    /// ```
    /// # use diesel::prelude::*;
    /// # use versioned_core::prelude::*;
    /// # diesel::table! { tickets { id -> BigInt, price -> BigInt, version -> BigInt, } }
    /// # #[derive(Clone, Queryable, Selectable, serde::Serialize, Versioned)]
    /// # #[diesel(table_name = tickets)]
    /// # #[versioned(owner)]
    /// # struct Ticket { id: i64, price: i64, version: i64 }
    /// use versioned_core::Tracked;
    ///
    /// let mut ticket = Tracked::new(Ticket { id: 7, price: 20, version: 1 });
    /// ticket.price = 25;
    /// let theirs = Ticket { id: 7, price: 40, version: 2 }; // `Ticket::find(&7, conn)?`
    /// let clashes = serde_json::to_string(&ticket.clashes(&theirs)?)?;
    /// assert_eq!(clashes, r#"[{"column":"price","base":20,"mine":25,"theirs":40}]"#);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`Error::Other`] if serde cannot represent a model as JSON.
    pub fn clashes(&self, theirs: &T) -> Result<Vec<ColumnClash>> {
        let compared = Compared::of(&mut theirs.clone(), &self.base, &self.model);
        let (base, mine, row) = (json(&self.base)?, json(&self.model)?, json(theirs)?);
        let clashes = compared.both.into_iter().map(|(place, column)| {
            let name = self.field(place, &base)?;
            let name = name.as_deref();
            Ok(ColumnClash {
                column,
                base: value(&base, name),
                mine: value(&mine, name),
                theirs: value(&row, name),
            })
        });
        clashes.collect()
    }

    /// Returns the name of the field that serde shows for a column: the one that differs if only this
    /// column does.
    fn field(&self, place: usize, old: &Value) -> Result<Option<String>> {
        let mut other = self.base.clone();
        take(ColumnSet::of(place), &mut other, &self.model);
        let new = json(&other)?;
        let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else {
            return Ok(None);
        };
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let differs = names
            .into_iter()
            .find(|name| old.get(*name) != new.get(*name));
        Ok(differs.cloned())
    }
}

fn json(model: &impl Serialize) -> Result<Value> {
    serde_json::to_value(model).map_err(Error::other)
}

fn value(model: &Value, name: Option<&str>) -> Value {
    name.and_then(|name| model.get(name))
        .cloned()
        .unwrap_or_default()
}
