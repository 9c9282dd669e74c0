//! Pairs of a caller's values or changes and the version.

use diesel::ExpressionMethods;
use diesel::dsl::Eq;
use diesel::expression::{AsExpression, Expression, TypedExpressionType};
use diesel::sql_types::SqlType;

use crate::model::Versioned;

/// Pairs a caller's `Insertable` or `AsChangeset` with the version, so that Diesel builds one from
/// both.
///
/// This is a separate trait because rustc inspects a tuple in a where clause, and in generic code
/// requires the bounds of its parts.
pub trait WithVersion<M: Versioned>: Sized {
    /// `(Self, Eq<M::VersionColumn, M::Version>)`
    type Pair;

    /// `(Eq<M::VersionColumn, M::Version>, Self)`
    type Behind;

    /// For an UPDATE. Databases that accept two assignments to a column use the last one.
    fn with_version(self, version: M::Version) -> Self::Pair;

    /// For an INSERT. Databases that accept two values for a column use the first one.
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
