//! Keys of 0, for which MySQL and MariaDB generate another key.

use diesel::backend::Backend;

use crate::dialect::Kind;
use crate::loadable::Loadable;
use crate::model::KeyColumns as _;

/// Returns whether a part of the key is the number 0, or is a newtype whose text does not show its
/// number.
pub(crate) fn has_zero<M, DB>(model: &M) -> bool
where
    DB: Backend,
    M: Loadable<DB>,
{
    let is_zero = |part: &str| part.parse::<f64>().is_ok_and(|number| number == 0.0);
    let key = M::key_text(&model.id());
    match (M::KeyColumns::NAMES.len(), M::key_kind()) {
        (1, Kind::Integer) => key.parse::<i64>().is_err() || is_zero(&key),
        (1, Kind::Exact | Kind::Rounded) => is_zero(&key),
        (1, _) => false,
        _ => key.split(',').any(is_zero),
    }
}
