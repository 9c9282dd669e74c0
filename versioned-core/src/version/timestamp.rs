//! Timestamp versions, which are made strictly increasing.

use super::{Token, Version};

/// The precision of a timestamp column. The library cuts a version to it before a write, so that
/// the version in memory equals the one in the row.
///
/// Without the cut, a version in microseconds would come back from a column in seconds (MySQL's
/// `DATETIME` without `(6)`) as another value, and every second save would be rejected. Set the
/// precision with `#[versioned(version, precision = "seconds")]` on the field. The default is
/// microseconds.
///
/// ```
/// # #[cfg(feature = "chrono")]
/// # mod example {
/// # use diesel::prelude::*;
/// # use versioned_core::prelude::*;
/// diesel::table! {
///     notes { id -> BigInt, text -> Text, changed -> Timestamp, }
/// }
///
/// #[derive(Queryable, Selectable, Versioned)]
/// #[diesel(table_name = notes)]
/// #[versioned(owner)]
/// struct Note {
///     id: i64,
///     text: String,
///     #[versioned(version, precision = "seconds")] // `changed DATETIME NOT NULL`
///     changed: chrono::NaiveDateTime,
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// `DATETIME(6)`, PostgreSQL's `timestamp`.
    Micros,
    /// `DATETIME(3)`.
    Millis,
    /// `DATETIME`.
    Seconds,
}

impl Precision {
    /// The length of one tick in microseconds.
    const fn micros(self) -> i64 {
        match self {
            Self::Micros => 1,
            Self::Millis => 1_000,
            Self::Seconds => 1_000_000,
        }
    }
}

/// A version that is a point in time.
///
/// It always moves forward. The next version is the clock's time or one tick after the loaded
/// version, whichever is later. Two saves within one tick, or a clock that is set back, therefore
/// never produce the current version again.
///
/// Two *owners* that save the same loaded row within one tick still exclude each other, because the
/// guard is in the statement. A clock cannot rule out that a re-created row has the same time as a
/// version that was loaded before its deletion.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a timestamp: `precision` is for timestamp versions only"
)]
pub trait TimestampVersion: Version {
    /// Microseconds since 1970-01-01 00:00 UTC.
    fn micros(&self) -> Option<i64>;

    /// The time at these microseconds, or `None` outside the range of the type.
    fn at_micros(micros: i64) -> Option<Self>;

    /// The clock's time, in microseconds.
    fn clock() -> i64;

    /// The first version, cut to `precision`.
    fn first(precision: Precision) -> Self;

    /// The version after this one, cut to `precision`.
    fn after(&self, precision: Precision) -> Option<Self> {
        let tick = precision.micros();
        let now = cut(Self::clock(), tick);
        let soonest = cut(self.micros()?, tick).checked_add(tick)?;
        Self::at_micros(now.max(soonest))
    }
}

const fn cut(micros: i64, tick: i64) -> i64 {
    micros - micros.rem_euclid(tick)
}

macro_rules! timestamp {
    ($(#[$docs:meta])* $type:ty {
        now: $now:expr, micros: $micros:expr, at: $at:expr, exactly: $exactly:expr, at_exactly: $at_exactly:expr $(,)?
    }) => {
        $(#[$docs])*
        impl Version for $type {
            fn initial() -> Self {
                Self::first(Precision::Micros)
            }

            fn next(&self) -> Option<Self> {
                self.after(Precision::Micros)
            }

            fn token(&self) -> Token {
                let exactly: fn(&Self) -> (i64, u32) = $exactly;
                let (seconds, nanos) = exactly(self);
                Token::of_time(seconds, nanos)
            }

            fn from_token(token: Token) -> Option<Self> {
                let at_exactly: fn(i64, u32) -> Option<Self> = $at_exactly;
                let (seconds, nanos) = token.time()?;
                at_exactly(seconds, nanos)
            }
        }

        impl TimestampVersion for $type {
            fn micros(&self) -> Option<i64> {
                let micros: fn(&Self) -> Option<i64> = $micros;
                micros(self)
            }

            fn at_micros(micros: i64) -> Option<Self> {
                let at: fn(i64) -> Option<Self> = $at;
                at(micros)
            }

            fn clock() -> i64 {
                let now: Self = $now;
                now.micros().unwrap_or(i64::MAX)
            }

            fn first(precision: Precision) -> Self {
                let now: Self = $now;
                now.micros()
                    .and_then(|micros| Self::at_micros(cut(micros, precision.micros())))
                    .unwrap_or(now)
            }
        }
    };
}

#[cfg(feature = "chrono")]
timestamp! {
    /// UTC.
    chrono::NaiveDateTime {
        now: chrono::Utc::now().naive_utc(),
        micros: |time| Some(time.and_utc().timestamp_micros()),
        at: |micros| chrono::DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc()),
        exactly: |time| (time.and_utc().timestamp(), time.and_utc().timestamp_subsec_nanos()),
        at_exactly: |seconds, nanos| chrono::DateTime::from_timestamp(seconds, nanos).map(|time| time.naive_utc()),
    }
}

#[cfg(feature = "chrono")]
timestamp! {
    chrono::DateTime<chrono::Utc> {
        now: chrono::Utc::now(),
        micros: |time| Some(time.timestamp_micros()),
        at: chrono::DateTime::from_timestamp_micros,
        exactly: |time| (time.timestamp(), time.timestamp_subsec_nanos()),
        at_exactly: chrono::DateTime::from_timestamp,
    }
}

#[cfg(feature = "time")]
timestamp! {
    time::OffsetDateTime {
        now: Self::now_utc(),
        micros: |time| i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000)).ok(),
        at: |micros| Self::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok(),
        exactly: |time| (time.unix_timestamp(), time.nanosecond()),
        at_exactly: |seconds, nanos| {
            Self::from_unix_timestamp(seconds).ok()?.replace_nanosecond(nanos).ok()
        },
    }
}

#[cfg(feature = "time")]
timestamp! {
    /// UTC.
    time::PrimitiveDateTime {
        now: {
            let now = time::OffsetDateTime::now_utc();
            Self::new(now.date(), now.time())
        },
        micros: |time| time.assume_utc().micros(),
        at: |micros| {
            let time = time::OffsetDateTime::at_micros(micros)?;
            Some(Self::new(time.date(), time.time()))
        },
        exactly: |time| (time.assume_utc().unix_timestamp(), time.nanosecond()),
        at_exactly: |seconds, nanos| {
            let time = time::OffsetDateTime::from_unix_timestamp(seconds).ok()?;
            Self::new(time.date(), time.time()).replace_nanosecond(nanos).ok()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves_forward<T: TimestampVersion + PartialOrd>() {
        let first = T::initial();
        let second = first.next().unwrap();
        let third = second.next().unwrap();
        assert!(
            first < second && second < third,
            "{first:?} {second:?} {third:?}"
        );

        let tomorrow = T::at_micros(T::clock() + 86_400_000_000).unwrap();
        let after = tomorrow.next().unwrap();
        assert_eq!(
            after.micros().unwrap(),
            tomorrow.micros().unwrap() + 1,
            "the clock is behind: one tick on"
        );

        let seconds = tomorrow.after(Precision::Seconds).unwrap();
        assert_eq!(seconds.micros().unwrap() % 1_000_000, 0);
        assert!(tomorrow < seconds);
        let millis = T::first(Precision::Millis);
        assert_eq!(millis.micros().unwrap() % 1_000, 0);
    }

    /// Values that a column may contain, including some of finer precision than this crate writes.
    fn comes_back<T: TimestampVersion>(leap_seconds: bool) {
        for seconds in [-62_000_000_000, -1, 0, 1, 1_483_228_799, 62_000_000_000] {
            for nanos in [0, 1, 999, 1_000, 123_456_000, 999_999_999, 1_500_000_000] {
                // A leap second is the sixtieth of a minute.
                let there_is =
                    nanos < 1_000_000_000 || leap_seconds && i64::rem_euclid(seconds, 60) == 59;
                let time = T::from_token(Token::Nanos { seconds, nanos });
                assert_eq!(time.is_some(), there_is, "{seconds} {nanos}");
                if let Some(time) = time {
                    assert_eq!(time.token().time(), Some((seconds, nanos)));
                    assert_eq!(T::from_token(time.token()), Some(time));
                }
            }
        }
        assert_eq!(
            T::at_micros(-1).map(|time| time.token()),
            Some(Token::Micros(-1))
        );
        assert_eq!(T::from_token(Token::Number(7)), None);
        assert_eq!(
            T::from_token(Token::Micros(i64::MAX)),
            T::at_micros(i64::MAX)
        );
        let nanos = 0;
        assert_eq!(
            T::from_token(Token::Nanos {
                seconds: i64::MAX,
                nanos
            }),
            None
        );
    }

    #[cfg(feature = "chrono")]
    #[test]
    fn chrono_comes_back_from_its_token() {
        comes_back::<chrono::NaiveDateTime>(true);
        comes_back::<chrono::DateTime<chrono::Utc>>(true);
        let last = chrono::NaiveDateTime::MAX;
        assert_eq!(Version::from_token(last.token()), Some(last));
    }

    #[cfg(feature = "time")]
    #[test]
    fn time_comes_back_from_its_token() {
        comes_back::<time::OffsetDateTime>(false);
        comes_back::<time::PrimitiveDateTime>(false);
        let last = time::PrimitiveDateTime::MAX;
        assert_eq!(Version::from_token(last.token()), Some(last));
    }

    #[cfg(feature = "chrono")]
    #[test]
    fn chrono_moves_forward() {
        moves_forward::<chrono::NaiveDateTime>();
        moves_forward::<chrono::DateTime<chrono::Utc>>();
        assert_eq!(chrono::NaiveDateTime::MAX.next(), None);
    }

    #[cfg(feature = "time")]
    #[test]
    fn time_moves_forward() {
        moves_forward::<time::OffsetDateTime>();
        moves_forward::<time::PrimitiveDateTime>();
        assert_eq!(time::PrimitiveDateTime::MAX.next(), None);
    }
}
