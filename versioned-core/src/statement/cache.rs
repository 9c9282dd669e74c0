//! The number of prepared statements that a connection keeps, for statements whose text depends on
//! their arguments.

use std::any::TypeId;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{LazyLock, PoisonError, RwLock};

/// The number of texts that are kept for one kind of statement about a model.
pub(crate) const TEXTS: usize = 256;

/// The hashes of the texts that are kept, for each kind.
static KEPT: LazyLock<RwLock<HashMap<TypeId, HashSet<u64>>>> = LazyLock::new(RwLock::default);

/// Returns whether this text is one of the first [`TEXTS`] of the kind `K`, on any connection.
pub(crate) fn is_kept<K: 'static>(text: &str) -> bool {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let (kind, text) = (TypeId::of::<K>(), hasher.finish());
    {
        let kept = KEPT.read().unwrap_or_else(PoisonError::into_inner);
        match kept.get(&kind) {
            Some(texts) if texts.contains(&text) => return true,
            Some(texts) if texts.len() >= TEXTS => return false,
            _ => {}
        }
    }
    let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
    let texts = kept.entry(kind).or_default();
    texts.len() < TEXTS && texts.insert(text) || texts.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ones_of_each_kind_are_kept() {
        enum One {}
        enum Other {}
        for _ in 0..2 {
            for number in 0..2 * TEXTS {
                assert_eq!(is_kept::<One>(&number.to_string()), number < TEXTS);
            }
        }
        assert!(is_kept::<Other>("another"));
    }
}
