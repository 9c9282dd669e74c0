//! Something of the caller's, and the version.

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

    /// `(Eq<M::VersionColumn, M::Version>, Self)`
    type Behind;

    /// For an UPDATE: of two assignments to a column the last one counts, where both are taken.
    fn with_version(self, version: M::Version) -> Self::Pair;

    /// For an INSERT: of two values for a column the first one counts, where both are taken.
    fn behind_version(self, version: M::Version) -> Self::Behind;
}

impl<T, M, ST> WithVersion<M> for T
where
    M: Versioned,
    M::VersionColumn: ExpressionMethods + Expression<SqlType = ST>,
    M::Version: AsExpression<ST>,
    ST: SqlType + TypedExpressionType,
{
    type Pair = (T, Eq<M::VersionColumn, M::Version>);
    type Behind = (Eq<M::VersionColumn, M::Version>, T);

    fn with_version(self, version: M::Version) -> Self::Pair {
        (self, M::VersionColumn::default().eq(version))
    }

    fn behind_version(self, version: M::Version) -> Self::Behind {
        (M::VersionColumn::default().eq(version), self)
    }
}
