//! Dates and times as text, in the forms that chrono reads and writes.

/// Nanoseconds of a day.
const DAY: i128 = 86_400_000_000_000;

/// The unit of an integer that is a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::format) enum Clock {
    Millis,
    Micros,
    Nanos,
}

impl Clock {
    fn nanos(self, count: i64) -> i128 {
        let factor = match self {
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        };
        i128::from(count) * factor
    }
}

/// Returns the date that is so many days after 1970-01-01. Returns `None` outside of the years 1 to
/// 9999, where infinities of databases are too.
pub(in crate::format) fn date(days: i64) -> Option<String> {
    // Days are counted from 1 March of year 0, so that the leap day is the last day of a year.
    // The algorithm is `civil_from_days` of Howard Hinnant.
    let days = days.checked_add(719_468)?;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (1..=9999)
        .contains(&year)
        .then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// Returns the time of the day. Returns `None` for what is no time of a day.
pub(in crate::format) fn time_of_day(count: i64, unit: Clock) -> Option<String> {
    let nanos = unit.nanos(count);
    (0..DAY).contains(&nanos).then(|| clock(nanos))
}

/// Returns the date and the time without a time zone that is so much after 1970-01-01 00:00.
pub(in crate::format) fn timestamp(count: i64, unit: Clock) -> Option<String> {
    let nanos = unit.nanos(count);
    let days = i64::try_from(nanos.div_euclid(DAY)).ok()?;
    Some(format!("{}T{}", date(days)?, clock(nanos.rem_euclid(DAY))))
}

/// Returns the moment in RFC 3339 with milliseconds.
pub(in crate::format) fn moment(millis: i64) -> Option<String> {
    let text = timestamp(millis, Clock::Millis)?;
    let fraction = if text.contains('.') { "" } else { ".000" };
    Some(format!("{text}{fraction}Z"))
}

/// Returns the text of the nanoseconds of a day.
fn clock(nanos: i128) -> String {
    let (seconds, fraction) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    let (minutes, second) = (seconds / 60, seconds % 60);
    let (hour, minute) = (minutes / 60, minutes % 60);
    let mut text = format!("{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        let digits = format!("{fraction:09}");
        let shown = [3, 6]
            .into_iter()
            .find(|shown| ends_in_zeros(&digits, *shown));
        text.push('.');
        text.push_str(
            shown
                .and_then(|shown| digits.get(..shown))
                .unwrap_or(&digits),
        );
    }
    text
}

fn ends_in_zeros(digits: &str, from: usize) -> bool {
    let rest = digits.get(from..).unwrap_or_default();
    rest.bytes().all(|byte| byte == b'0')
}

/// Returns whether the text is a date or a time, and ends with `Z`.
pub(super) fn has_redundant_zone(text: &str) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b' ');
    match text.strip_suffix('Z') {
        Some(time) => {
            time.starts_with(|first: char| first.is_ascii_digit())
                && time.contains(['-', ':'])
                && time.bytes().all(is_part)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (19_783, "2024-03-01"),
            (-719_162, "0001-01-01"),
            (2_932_896, "9999-12-31"),
            (11_016, "2000-02-29"),
            (-25_509, "1900-02-28"),
        ] {
            assert_eq!(date(days).as_deref(), Some(text));
        }
        for days in [-719_163, 2_932_897, i64::MAX, i64::MIN, 2_147_483_647] {
            assert_eq!(date(days), None, "{days}");
        }
    }

    #[test]
    fn integers_are_times() {
        let micros = |count| timestamp(count, Clock::Micros);
        assert_eq!(
            micros(1_529_507_596_945_104).unwrap(),
            "2018-06-20T15:13:16.945104"
        );
        assert_eq!(
            micros(1_529_507_596_000_000).unwrap(),
            "2018-06-20T15:13:16"
        );
        assert_eq!(
            micros(1_529_507_596_945_000).unwrap(),
            "2018-06-20T15:13:16.945"
        );
        assert_eq!(micros(-1).unwrap(), "1969-12-31T23:59:59.999999");
        assert_eq!(
            timestamp(1, Clock::Nanos).unwrap(),
            "1970-01-01T00:00:00.000000001"
        );
        assert_eq!(
            micros(9_223_372_036_825_200_000),
            None,
            "infinity of PostgreSQL"
        );
        assert_eq!(timestamp(i64::MIN, Clock::Millis), None);
        assert_eq!(
            time_of_day(3_723_004, Clock::Millis).unwrap(),
            "01:02:03.004"
        );
        assert_eq!(time_of_day(-1, Clock::Millis), None);
        assert_eq!(time_of_day(86_400_000_000, Clock::Micros), None);
        assert_eq!(moment(0).unwrap(), "1970-01-01T00:00:00.000Z");
        assert_eq!(moment(5).unwrap(), "1970-01-01T00:00:00.005Z");
    }

    #[test]
    fn a_redundant_zone_is_known() {
        for text in [
            "2026-09-15Z",
            "2026-09-15T01:02:03.5Z",
            "01:02:03Z",
            "2026-09-15 01:02Z",
        ] {
            assert!(has_redundant_zone(text), "{text}");
        }
        for text in [
            "Z",
            "5Z",
            "abcZ",
            "2026-09-15",
            "2026-09-15T00:00:00+02:00",
            "-1-Z",
        ] {
            assert!(!has_redundant_zone(text), "{text}");
        }
    }
}
