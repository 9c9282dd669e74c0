//! The types of a version field, and how a version moves.

#[cfg(any(feature = "chrono", feature = "time"))]
mod timestamp;
#[cfg(feature = "uuid")]
mod uuid;

use std::fmt;

#[cfg(any(feature = "chrono", feature = "time"))]
pub use self::timestamp::{Precision, TimestampVersion};

/// The type of a version field.
///
/// `i16`, `i32` and `i64` implement it. These are counters, and the right choice for most models.
/// Newtypes of them implement it through `#[derive(SequentialVersion)]`. Timestamps implement it
/// with the features `chrono` and `time`, and `uuid::Uuid` with the feature `uuid`.
///
/// A counter is the strongest guard. It also numbers the events of a record, so that a replica can
/// tell the next event from a gap. A timestamp depends on clocks and on the precision of its
/// column. A random UUID shows that the row changed, but not how often. Timestamps and UUIDs guard
/// an owner, but cannot feed a dependent.
///
/// ```
/// use versioned_core::version::{Token, Version};
///
/// assert_eq!(i64::initial(), 1);
/// assert_eq!(7_i32.next(), Some(8));
/// assert_eq!(i16::MAX.next(), None); // a save then returns an error before any SQL
/// assert_eq!(7_i64.token(), Token::Number(7));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the type of a version field, use `i64` and a `BigInt` column",
    label = "not a version",
    note = "`i32`, `i16`, and newtypes of `i64`, `i32` or `i16` with `#[derive(SequentialVersion)]` work too",
    note = "timestamps and `Uuid` need the feature `chrono`, `time` or `uuid` of `versioned-core`, and the same version of that crate"
)]
pub trait Version: Clone + PartialEq + fmt::Debug + Send + Sync {
    /// The version of a new record.
    fn initial() -> Self;

    /// The version after this one, or `None` if the type is at its maximum.
    fn next(&self) -> Option<Self>;

    /// The version without its type, as errors carry it.
    fn token(&self) -> Token;

    /// The version with exactly this token, or `None` if this type has no such version.
    fn from_token(token: Token) -> Option<Self>;
}

/// A version that counts: each one is its predecessor plus one.
///
/// Only a sequential version can feed a dependent, which tells the next event from a gap by its
/// number.
///
/// ```
/// use versioned_core::SequentialVersion;
/// use versioned_core::version::SequentialVersion as _;
///
/// #[derive(Debug, Clone, Copy, PartialEq, SequentialVersion)]
/// struct Rev(i16);
///
/// assert_eq!(Rev(7).number(), 7);
/// assert_eq!(Rev::from_number(40_000), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a counter, use `i64` for the version here",
    label = "not a sequential version",
    note = "`i32`, `i16`, and newtypes of `i64`, `i32` or `i16` with `#[derive(SequentialVersion)]` work too"
)]
pub trait SequentialVersion: Version {
    /// The version with this number, for the first version of a record with
    /// `#[versioned(initial = ..)]`.
    fn starting_at(first: i16) -> Self;

    /// The number of this version, as an event carries it.
    fn number(&self) -> i64;

    /// The version with this number, or `None` if the type cannot hold it.
    fn from_number(number: i64) -> Option<Self>;
}

macro_rules! counters {
    ($($integer:ty)*) => {$(
        impl Version for $integer {
            fn initial() -> Self {
                1
            }

            fn next(&self) -> Option<Self> {
                self.checked_add(1)
            }

            fn token(&self) -> Token {
                Token::Number((*self).into())
            }

            fn from_token(token: Token) -> Option<Self> {
                token.number().and_then(Self::from_number)
            }
        }

        impl SequentialVersion for $integer {
            fn starting_at(first: i16) -> Self {
                first.into()
            }

            fn number(&self) -> i64 {
                (*self).into()
            }

            fn from_number(number: i64) -> Option<Self> {
                number.try_into().ok()
            }
        }
    )*};
}

counters!(i16 i32 i64);

/// A version without its type, as a [`Conflict`](crate::Conflict) carries it.
///
/// ```
/// use versioned_core::version::Token;
///
/// let found = Token::Number(7);
/// assert_eq!(found, 7);
/// assert_eq!(found.to_string(), "7");
/// assert_eq!(Token::Micros(7).number(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Token {
    /// A counter.
    Number(i64),
    /// A timestamp, in microseconds since 1970-01-01 00:00 UTC.
    Micros(i64),
    /// A timestamp that is not a whole number of microseconds. This crate never writes one.
    Nanos {
        /// Whole seconds since 1970-01-01 00:00 UTC.
        seconds: i64,
        /// The remainder in nanoseconds. In a leap second it is a second or more.
        nanos: u32,
    },
    /// A UUID, as its 128 bits.
    Uuid(u128),
}

impl Token {
    /// The number of a counter, or `None` for other tokens.
    pub fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Micros(_) | Self::Nanos { .. } | Self::Uuid(_) => None,
        }
    }

    /// The token of a point in time.
    #[cfg(any(feature = "chrono", feature = "time"))]
    fn of_time(seconds: i64, nanos: u32) -> Self {
        let micros = seconds
            .checked_mul(1_000_000)
            .and_then(|micros| micros.checked_add(i64::from(nanos / 1_000)));
        match micros {
            Some(micros) if nanos % 1_000 == 0 && nanos < 1_000_000_000 => Self::Micros(micros),
            _ => Self::Nanos { seconds, nanos },
        }
    }

    /// The point in time in seconds and nanoseconds, or `None` for other tokens.
    #[cfg(any(feature = "chrono", feature = "time"))]
    fn time(self) -> Option<(i64, u32)> {
        match self {
            Self::Micros(micros) => Some((
                micros.div_euclid(1_000_000),
                u32::try_from(micros.rem_euclid(1_000_000)).ok()? * 1_000,
            )),
            Self::Nanos { seconds, nanos } => Some((seconds, nanos)),
            Self::Number(_) | Self::Uuid(_) => None,
        }
    }
}

impl From<i64> for Token {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl PartialEq<i64> for Token {
    fn eq(&self, other: &i64) -> bool {
        self.number() == Some(*other)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Micros(micros) => write!(f, "{micros} µs"),
            Self::Nanos { seconds, nanos } => write!(f, "{seconds}.{nanos:09} s"),
            Self::Uuid(bits) => {
                let hex = format!("{bits:032x}");
                let mut rest = hex.as_str();
                for (position, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
                    let (part, after) = rest.split_at(length);
                    if position > 0 {
                        f.write_str("-")?;
                    }
                    f.write_str(part)?;
                    rest = after;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_start_at_one_and_stop_at_their_maximum() {
        assert_eq!(i64::initial(), 1);
        assert_eq!(Version::next(&7_i32), Some(8));
        assert_eq!(Version::next(&i16::MAX), None);
        assert_eq!(Version::next(&i32::MAX), None);
        assert_eq!(Version::next(&i64::MAX), None);
    }

    #[test]
    fn counters_come_back_from_their_token() {
        for version in [i64::MIN, -1, 0, 7, i64::MAX] {
            assert_eq!(i64::from_token(version.token()), Some(version));
        }
        assert_eq!(i16::from_token(Token::Number(32_767)), Some(i16::MAX));
        assert_eq!(i16::from_token(Token::Number(32_768)), None);
        assert_eq!(i64::from_token(Token::Micros(7)), None);
        assert_eq!(i64::from_token(Token::Uuid(7)), None);
    }

    #[test]
    fn a_token_that_is_a_number_is_equal_to_it_and_to_no_other() {
        assert!(Token::Number(7) == 7);
        assert!(Token::Number(7) != 8);
        assert!(Token::Micros(7) != 7);
        assert!(Token::Uuid(7) != 7);
    }

    #[test]
    fn tokens_print_as_their_type_does() {
        assert_eq!(Token::Number(7).to_string(), "7");
        assert_eq!(
            Token::Uuid(0x1234_5678_9abc_def0_1122_3344_5566_7788).to_string(),
            "12345678-9abc-def0-1122-334455667788"
        );
    }
}
