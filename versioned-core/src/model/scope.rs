//! The scope of a model: a column that each of its statements compares.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_source::Column;
use diesel::result::QueryResult;

use super::{Field, Key, KeyColumns, Versioned, Walk};
use crate::dialect::Kind;

/// The key of a record of a model with `#[versioned(scope)]`: the scope, and the key without it.
///
/// ```
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// use versioned_core::InScope;
/// # diesel::table! { tickets { id -> BigInt, tenant -> BigInt, price -> BigInt, version -> BigInt, } }
///
/// #[derive(Clone, Queryable, Selectable, Versioned)]
/// #[diesel(table_name = tickets)]
/// #[versioned(owner)]
/// struct Ticket {
///     id: i64,
///     #[versioned(scope)]
///     tenant: i64,
///     price: i64,
///     version: i64,
/// }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let conn = &mut SqliteConnection::establish(":memory:")?;
/// # diesel::sql_query(
/// #     "CREATE TABLE tickets (id BIGINT PRIMARY KEY, tenant BIGINT NOT NULL,
/// #      price BIGINT NOT NULL, version BIGINT NOT NULL)",
/// # ).execute(conn)?;
/// # Ticket { id: 7, tenant: 1, price: 20, version: 0 }.insert(conn)?;
///
/// // SELECT .. FROM tickets WHERE id = 7 AND tenant = 1
/// let mut ticket = Ticket::find(&InScope::new(1, 7), conn)?;
/// // UPDATE tickets SET price = 25, version = 2 WHERE id = 7 AND tenant = 1 AND version = 1
/// ticket.price = 25;
/// ticket.save(conn)?;
///
/// let of_another_tenant = InScope { scope: 2, id: 7 };
/// assert!(Ticket::find(&of_another_tenant, conn).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InScope<S, K> {
    /// The scope, for example the tenant.
    pub scope: S,
    /// The key without the scope. It is a tuple if it has several columns.
    pub id: K,
}

impl<S, K> InScope<S, K> {
    /// Names the record with the key `id` in this scope.
    pub fn new(scope: S, id: K) -> Self {
        Self { scope, id }
    }
}

/// The key columns of a model with a scope: `K` are those of the table's key, `R` those without the
/// scope, and `C` is the scope.
#[doc(hidden)]
#[derive(Debug)]
pub struct ScopedColumns<K, R, C>(PhantomData<(K, R, C)>);

impl<K: KeyColumns, R: KeyColumns, C: Column> KeyColumns for ScopedColumns<K, R, C> {
    const NAMES: &'static [&'static str] = K::NAMES;
    const FORMS: &'static [fn(String) -> String] = K::FORMS;
    const ORDER: &'static [&'static str] = R::NAMES;
    const SCOPE: Option<&'static str> = Some(C::NAME);
}

#[diagnostic::do_not_recommend]
impl<S, A, K, R, C, DB> Key<ScopedColumns<K, R, C>, DB> for InScope<S, A>
where
    A: Key<R, DB>,
    S: Field<C, DB>,
    C: Column + Default,
    DB: Backend,
{
    fn parts<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()> {
        self.id.parts(walk)?;
        walk.scope(C::default(), &self.scope)
    }

    fn kind() -> Kind {
        <A as Key<R, DB>>::kind()
    }
}

/// The key columns of a model without a scope.
#[diagnostic::on_unimplemented(
    message = "pages of a model with `#[versioned(scope)]` need its scope: call `snapshot_in` or `resend_page_in`",
    label = "this would read the rows of every scope"
)]
pub trait Unscoped: KeyColumns {}

/// A model with `#[versioned(scope)]` whose scope can be compared on `DB`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no scope: call `snapshot` or `resend_page`, or mark a field: `#[versioned(scope)]`",
    label = "not a model with a scope"
)]
pub trait Scoped<DB: Backend>: Versioned {
    /// The type of the field with `#[versioned(scope)]`.
    type Scope: Sync;

    /// Shows the scope's column to `walk`.
    #[doc(hidden)]
    fn show_scope<'b>(scope: &'b Self::Scope, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>;
}

/// The columns of a key that have a scope.
#[doc(hidden)]
pub trait ScopeColumn {
    type Column: Column + Default;
}

impl<K, R, C: Column + Default> ScopeColumn for ScopedColumns<K, R, C> {
    type Column = C;
}

#[diagnostic::do_not_recommend]
impl<M, DB, S, K> Scoped<DB> for M
where
    M: Versioned<Id = InScope<S, K>>,
    M::KeyColumns: ScopeColumn,
    S: Field<<M::KeyColumns as ScopeColumn>::Column, DB> + Sync,
    DB: Backend,
{
    type Scope = S;

    fn show_scope<'b>(scope: &'b S, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()> {
        walk.scope(Default::default(), scope)
    }
}

/// The scope of a page.
pub(crate) trait ShowScope<DB: Backend>: Sync {
    fn show<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()>;
}

/// The scope of a page of `M`.
pub(crate) struct ScopeOf<'s, M: Scoped<DB>, DB: Backend>(pub(crate) &'s M::Scope);

impl<M: Scoped<DB>, DB: Backend> ShowScope<DB> for ScopeOf<'_, M, DB> {
    fn show<'b>(&'b self, walk: &mut Walk<'_, 'b, DB>) -> QueryResult<()> {
        M::show_scope(self.0, walk)
    }
}

/// Returns whether a deletion that is remembered under the text of its key belongs to one scope.
pub(crate) fn deletions_have_a_scope<M: Versioned>() -> bool {
    M::KeyColumns::SCOPE.is_none_or(|scope| M::KeyColumns::NAMES.contains(&scope))
}
