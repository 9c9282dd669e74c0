//! `UPDATE "tickets" SET <changes>, "version" = $1 WHERE "id" = $2 AND "version" = $3`

use diesel::backend::Backend;
use diesel::query_builder::{AsChangeset, AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use super::Guard;
use super::pair::WithVersion;
use super::texts::is_kept;
use crate::dialect::Flavor as _;
use crate::fetch::Stored;
use crate::model::{Conversions, KeyColumns as _, Versioned};

/// Changes that [`at(..).update`](crate::At) can make to a row of `M`: any Diesel `AsChangeset` of its table.
///
/// An empty one (all fields `None`) is fine: the version moves all the same.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't change a row of `{M}`, derive Diesel's `AsChangeset` for its table",
    label = "not changes of `{M}` on `{DB}`",
    note = "give what Diesel's `.set(..)` takes: `tickets::price.eq(3)`, a tuple of such, or a struct that derives `AsChangeset`"
)]
pub trait Changes<M: Versioned, DB: Backend> {
    /// What Diesel makes of the changes and the version's assignment.
    type Assignments: QueryFragment<DB> + Send;

    /// The changes, with the version set to `next` after them.
    fn assignments(self, next: M::Version) -> Self::Assignments;
}

impl<S, M, DB, P, A> Changes<M, DB> for S
where
    DB: Backend,
    M: Versioned,
    S: WithVersion<M, Pair = P>,
    P: AsChangeset<Target = M::Table, Changeset = A>,
    A: QueryFragment<DB> + Send,
{
    type Assignments = A;

    fn assignments(self, next: M::Version) -> A {
        self.with_version(next).as_changeset()
    }
}

pub(crate) struct Revise<'a, A, M: Stored<DB>, DB: Backend> {
    source: M::Source,
    assignments: A,
    guard: Guard<'a, M>,
    assigns_key: bool,
    cached: bool,
    conversions: Conversions,
}

impl<'a, A, M, DB> Revise<'a, A, M, DB>
where
    A: QueryFragment<DB>,
    M: Stored<DB>,
    DB: Backend,
{
    pub(crate) fn new(guard: Guard<'a, M>, assignments: A) -> QueryResult<Self> {
        let sql = M::On::sql(&assignments)?;
        let sql = sql.as_deref();
        Ok(Self {
            source: M::source(),
            assigns_key: sql.is_some_and(|sql| assigns(sql, M::KeyColumns::NAMES)),
            cached: sql.is_some_and(is_kept::<(ReviseId, M::Static)>),
            assignments,
            guard,
            conversions: Conversions::default(),
        })
    }
}

impl<A, M: Stored<DB>, DB: Backend> Revise<'_, A, M, DB> {
    /// Whether the changes assign to a column of the key. A `MultiConnection` does not tell.
    pub(crate) fn assigns_key(&self) -> bool {
        self.assigns_key
    }
}

enum ReviseId {}

/// Whether an assignment of this SET clause is to one of these columns: each begins with its column in quotes, and is what
/// stands between two commas outside of quotes and parentheses.
fn assigns(clause: &str, columns: &[&str]) -> bool {
    let (mut depth, mut quote, mut begins) = (0_usize, None, true);
    let mut column = None;
    for (place, character) in clause.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open => {
                quote = None;
                let name = column.take().and_then(|start| clause.get(start..place));
                if name.is_some_and(|name| columns.contains(&name)) {
                    return true;
                }
            }
            (None, '"' | '`' | '\'') => {
                quote = Some(character);
                column = begins.then_some(place + 1);
            }
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        begins =
            quote.is_none() && depth == 0 && (character == ',' || (begins && character == ' '));
    }
    false
}

/// Cached under its text: which columns it sets is known at run time only (`Option` fields).
impl<A, M: Stored<DB>, DB: Backend> QueryId for Revise<'_, A, M, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<A, M, DB> QueryFragment<DB> for Revise<'_, A, M, DB>
where
    A: QueryFragment<DB>,
    M: Stored<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.cached {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("UPDATE ");
        self.source.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.assignments.walk_ast(out.reborrow())?;
        self.guard.condition(&self.conversions, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_to_a_column_is_found() {
        for clause in [
            r#""id" = $1, "version" = $2"#,
            r#""price" = $1, "id" = $2"#,
            r#""price" = COALESCE("a", ','), "id" = $2"#,
            "`price` = ?, `id` = ?",
        ] {
            assert!(assigns(clause, &["part", "id"]), "{clause}");
        }
        for clause in [
            r#""price" = "id", "version" = $2"#,
            r#""price" = coalesce($1, "id"), "version" = $2"#,
            r#""idea" = 'a, "id" = 1', "version" = $2"#,
            "",
        ] {
            assert!(!assigns(clause, &["part", "id"]), "{clause}");
        }
    }
}
