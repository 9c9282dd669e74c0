//! Words from a fixed list, and the error for a word that is not on it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// An enum of `versioned-core` whose values are named by strings in the attribute.
pub(crate) trait Choice: Copy + 'static {
    const ALL: &'static [(&'static str, Self)];

    fn named(word: &str) -> Option<Self> {
        let named = Self::ALL.iter().find(|(name, _)| *name == word);
        named.map(|(_, choice)| *choice)
    }

    fn words() -> Vec<&'static str> {
        Self::ALL.iter().map(|(name, _)| *name).collect()
    }
}

macro_rules! choices {
    ($($name:ident { $($word:literal => $choice:ident),+ $(,)? })+) => {$(
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($choice),+ }

        impl Choice for $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$choice)),+];
        }

        impl ToTokens for $name {
            fn to_tokens(&self, tokens: &mut TokenStream) {
                tokens.extend(match self {
                    $(Self::$choice => quote!($name::$choice),)+
                });
            }
        }
    )+};
}

choices! {
    Policy { "sequential" => Sequential, "latest" => Latest }
    Guard { "position" => Position, "row" => Row }
    Gap { "nack" => Nack, "park" => Park }
    Precision { "micros" => Micros, "millis" => Millis, "seconds" => Seconds }
}

/// Returns the error message for `found`, with the `valid` words and the nearest of them.
pub(crate) fn unknown(what: &str, found: &str, valid: &[&str]) -> String {
    let hint = nearest(found, valid).map_or_else(
        || ", ".to_owned(),
        |word| format!(", did you mean `{word}`?\n"),
    );
    format!("unknown {what} `{found}`{hint}expected {}", list(valid))
}

/// Returns the nearest word, if it differs from `found` by at most a third of its length.
pub(crate) fn nearest<'w>(found: &str, words: &[&'w str]) -> Option<&'w str> {
    let distances = words.iter().map(|word| (distance(found, word), *word));
    let (distance, word) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= word.len().div_ceil(3)).then_some(word)
}

/// `` `a`, `b` or `c` ``
pub(crate) fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [rest @ .., last] => format!("`{}` or `{last}`", rest.join("`, `")),
    }
}

/// Returns the number of characters to add, remove or replace to turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    // The distances from the processed part of `a` to each prefix of `b`.
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (seen, from) in a.chars().enumerate() {
        let mut left = seen + 1;
        let mut diagonal = seen;
        let after_first = row.iter_mut().skip(1).zip(b.chars());
        for (cell, to) in after_first {
            let replaced = diagonal + usize::from(from != to);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = seen + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "gap", 3),
            ("gap", "", 3),
            ("owner", "owner", 0),
            ("ower", "owner", 1),
            ("polciy", "policy", 2),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn a_near_miss_is_named_and_anything_else_is_not() {
        let words = ["owner", "gap"];
        assert_eq!(
            unknown("key", "onwer", &words),
            "unknown key `onwer`, did you mean `owner`?\nexpected `owner` or `gap`"
        );
        assert_eq!(
            unknown("key", "elephant", &words),
            "unknown key `elephant`, expected `owner` or `gap`"
        );
    }
}
