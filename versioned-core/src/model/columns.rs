//! The columns of a model, and the bounds on their values.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::expression::Expression;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::HasSqlType;

use super::Walk;
use crate::dialect::Elements;
use crate::dialect::{Dialect, Kind, SqlFor};

/// The walks over the columns and the key of a model or of an embedded struct.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be embedded in a versioned model, add `#[derive(Versioned)]` with `#[versioned(embedded)]` to it",
    label = "its columns are not known"
)]
pub trait Columns<DB: Backend> {
    /// Whether INSERT and UPDATE write every field except the version, so that a written model
    /// equals its row.
    #[doc(hidden)]
    const COMPLETE: bool = true;

    /// Copies the values that the database generated for fields that no UPDATE writes.
    #[doc(hidden)]
    fn take_made(&mut self, _row: &Self) {}

    /// Shows each column except the version to `walk`, in the order of the fields.
    ///
    /// # Errors
    ///
    /// Returns an error if a value cannot be serialized as its column's type.
    fn columns<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>;

    /// Shows the key columns to `walk`. The other columns may be shown too; the walk skips them.
    ///
    /// # Errors
    ///
    /// Returns an error if a value cannot be serialized as its column's type.
    #[doc(hidden)]
    fn keys<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()> {
        self.columns(walk)
    }
}

/// A field whose value the database generates. rustc prefers a function here to that of [`MadeAny`]
/// if it exists, so that a field that cannot be copied stays unchanged.
#[derive(Debug)]
pub struct Made<T>(PhantomData<fn() -> T>);

impl<T: Clone> Made<T> {
    /// Copies the row's value.
    pub fn take(field: &mut T, row: &T) {
        field.clone_from(row);
    }
}

impl<T: PartialEq> Made<T> {
    /// Returns whether both values are the same. A value that does not equal itself counts as the
    /// same as any other.
    #[allow(clippy::eq_op, reason = "NaN does not equal itself")]
    pub fn is(field: &T, other: &T) -> bool {
        field == other || field != field
    }
}

/// A field whose value cannot be copied or compared.
pub trait MadeAny<T> {
    /// Takes both values as the same.
    fn is(_field: &T, _other: &T) -> bool {
        true
    }

    /// Leaves the field unchanged.
    fn take(_field: &mut T, _row: &T) {}
}

impl<T> MadeAny<T> for Made<T> {}

/// A value that can be written to the column `C` on `DB`.
#[diagnostic::on_unimplemented(
    message = "a field of type `{Self}` can't be written to the column `{C}` on `{DB}`",
    label = "this type does not fit the column",
    note = "the column's SQL type is in the `table!` declaration; the field's type must implement `ToSql` for it"
)]
pub trait Field<C, DB: Backend> {
    /// Binds the value.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be serialized as the column's type.
    fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()>;

    /// Serializes the value.
    #[doc(hidden)]
    fn write<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result;

    /// Binds the column's values of many models as an array, on PostgreSQL.
    #[doc(hidden)]
    fn bind_all<'b>(out: &mut AstPass<'_, 'b, DB>, values: &'b Elements<'b, DB>)
    -> QueryResult<()>;

    /// How the database may alter or compare the values.
    #[doc(hidden)]
    fn kind() -> Kind;

    /// The dialect of this backend value.
    #[doc(hidden)]
    fn dialect(backend: &DB) -> Option<Dialect>;
}

#[diagnostic::do_not_recommend]
impl<T, C, DB> Field<C, DB> for T
where
    C: Expression<SqlType: 'static>,
    DB: Backend + HasSqlType<C::SqlType> + Binds<T, C::SqlType>,
    DB::MetadataLookup: SqlFor<DB>,
{
    fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, DB>) -> QueryResult<()> {
        DB::bind(self, out)
    }

    fn write<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
        DB::write(self, out)
    }

    fn bind_all<'b>(
        out: &mut AstPass<'_, 'b, DB>,
        values: &'b Elements<'b, DB>,
    ) -> QueryResult<()> {
        DB::MetadataLookup::push_array::<C::SqlType>(out, values)
    }

    fn kind() -> Kind {
        DB::MetadataLookup::kind::<C::SqlType>()
    }

    fn dialect(backend: &DB) -> Option<Dialect> {
        DB::MetadataLookup::dialect(backend)
    }
}

/// `T: ToSql<ST, Self>`, as a bound on the backend. With a bound on the type, rustc would select an
/// impl before it knows the connection's backend. If only one backend is enabled, generic code
/// would then be compiled for that one.
#[doc(hidden)]
pub trait Binds<T, ST>: Backend {
    fn bind<'b>(value: &'b T, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()>;

    fn write<'b>(value: &'b T, out: &mut Output<'b, '_, Self>) -> serialize::Result;
}

impl<T, ST, DB> Binds<T, ST> for DB
where
    DB: Backend + HasSqlType<ST>,
    T: ToSql<ST, DB>,
{
    fn bind<'b>(value: &'b T, out: &mut AstPass<'_, 'b, Self>) -> QueryResult<()> {
        out.push_bind_param::<ST, T>(value)
    }

    fn write<'b>(value: &'b T, out: &mut Output<'b, '_, Self>) -> serialize::Result {
        value.to_sql(out)
    }
}
