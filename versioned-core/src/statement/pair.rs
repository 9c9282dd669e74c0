//! Something of the caller's, and the version after it.

use diesel::ExpressionMethods;
use diesel::dsl::Eq;
use diesel::expression::{AsExpression, Expression, TypedExpressionType};
use diesel::sql_types::SqlType;

use crate::model::Versioned;

/// Pairs a caller's `Insertable` or `AsChangeset` with the version, so that Diesel makes one of both.
///
/// A trait of its own, because rustc looks into a tuple that a where clause names, and asks for the bounds of its
/// parts in generic code.
pub trait WithVersion<M: Versioned>: Sized {
    /// `(Self, Eq<M::VersionColumn, M::Version>)`
    type Pair;

    /// The pair.
    fn with_version(self, version: M::Version) -> Self::Pair;
}

impl<T, M, ST> WithVersion<M> for T
where
    M: Versioned,
    M::VersionColumn: ExpressionMethods + Expression<SqlType = ST>,
    M::Version: AsExpression<ST>,
    ST: SqlType + TypedExpressionType,
{
    type Pair = (T, Eq<M::VersionColumn, M::Version>);

    fn with_version(self, version: M::Version) -> Self::Pair {
        (self, M::VersionColumn::default().eq(version))
    }
}
