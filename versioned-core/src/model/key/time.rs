//! The types of the `time` crate. Their `Display` differs from the text of other crates and
//! databases, and they do not implement `FromStr`.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use super::KeyPart;

/// `2026-01-02`
impl KeyPart<Date> {
    /// The text of a part.
    pub fn text(part: &Date) -> String {
        let (month, day) = (u8::from(part.month()), part.day());
        match part.year() {
            year @ 0..=9999 => format!("{year:04}-{month:02}-{day:02}"),
            year => format!("{year:+05}-{month:02}-{day:02}"),
        }
    }

    /// Parses a part.
    pub fn parse(text: &str) -> Option<Date> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        let mut numbers = digits.splitn(3, '-');
        let year = sign * numbers.next()?.parse::<i32>().ok()?;
        let month = Month::try_from(numbers.next()?.parse::<u8>().ok()?).ok()?;
        Date::from_calendar_date(year, month, numbers.next()?.parse().ok()?).ok()
    }
}

/// `03:04:05`, `03:04:05.600`. The fraction has 0, 3, 6 or 9 digits, as few as possible.
impl KeyPart<Time> {
    /// The text of a part.
    pub fn text(part: &Time) -> String {
        let (hour, minute, second, nano) = part.as_hms_nano();
        let seconds = format!("{hour:02}:{minute:02}:{second:02}");
        if nano == 0 {
            seconds
        } else if nano % 1_000_000 == 0 {
            format!("{seconds}.{:03}", nano / 1_000_000)
        } else if nano % 1_000 == 0 {
            format!("{seconds}.{:06}", nano / 1_000)
        } else {
            format!("{seconds}.{nano:09}")
        }
    }

    /// Parses a part.
    pub fn parse(text: &str) -> Option<Time> {
        let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
        let mut numbers = seconds
            .splitn(3, ':')
            .map(|number| number.parse::<u8>().ok());
        let (hour, minute) = (numbers.next()??, numbers.next()??);
        let nano = format!("{fraction:0<9}").parse().ok()?;
        Time::from_hms_nano(hour, minute, numbers.next()??, nano).ok()
    }
}

/// `2026-01-02T03:04:05`
impl KeyPart<PrimitiveDateTime> {
    /// The text of a part.
    pub fn text(part: &PrimitiveDateTime) -> String {
        let date = KeyPart::<Date>::text(&part.date());
        format!("{date}T{}", KeyPart::<Time>::text(&part.time()))
    }

    /// Parses a part.
    pub fn parse(text: &str) -> Option<PrimitiveDateTime> {
        let (date, time) = text.split_once('T')?;
        let date = KeyPart::<Date>::parse(date)?;
        Some(PrimitiveDateTime::new(date, KeyPart::<Time>::parse(time)?))
    }
}

/// `2026-01-02 03:04:05 UTC`, like chrono's `Display`.
impl KeyPart<OffsetDateTime> {
    /// The text of a part.
    pub fn text(part: &OffsetDateTime) -> String {
        let moment = part.to_offset(UtcOffset::UTC);
        let date = KeyPart::<Date>::text(&moment.date());
        format!("{date} {} UTC", KeyPart::<Time>::text(&moment.time()))
    }

    /// Parses a part.
    pub fn parse(text: &str) -> Option<OffsetDateTime> {
        let (date, time) = text.strip_suffix(" UTC")?.split_once(' ')?;
        let date = KeyPart::<Date>::parse(date)?;
        Some(PrimitiveDateTime::new(date, KeyPart::<Time>::parse(time)?).assume_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments() -> impl Iterator<Item = OffsetDateTime> {
        [
            0,
            1,
            -1,
            1_767_323_045_600_000_000,
            1_767_323_045_600_700_000,
            1_767_323_045_600_700_008,
            -62_198_755_200_000_000_000,
        ]
        .into_iter()
        .map(|nanos| OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap())
    }

    #[test]
    fn each_reads_back() {
        for moment in moments() {
            let text = KeyPart::<OffsetDateTime>::text(&moment);
            assert_eq!(
                KeyPart::<OffsetDateTime>::parse(&text),
                Some(moment),
                "{text}"
            );
            let plain = PrimitiveDateTime::new(moment.date(), moment.time());
            let text = KeyPart::<PrimitiveDateTime>::text(&plain);
            assert_eq!(
                KeyPart::<PrimitiveDateTime>::parse(&text),
                Some(plain),
                "{text}"
            );
        }
        assert_eq!(KeyPart::<Date>::text(&Date::MIN), "-9999-01-01");
        assert_eq!(KeyPart::<Date>::parse("-9999-01-01"), Some(Date::MIN));
        for text in ["", "2026-01", "2026-13-01", "2026-01-01-01", "x-y-z"] {
            assert_eq!(KeyPart::<Date>::parse(text), None, "{text}");
        }
        for text in ["", "3", "24:00:00", "01:02:03.1234567890", "01:02:x"] {
            assert_eq!(KeyPart::<Time>::parse(text), None, "{text}");
        }
    }

    /// An owner may use one crate and a replica the other.
    #[cfg(feature = "chrono")]
    #[test]
    fn both_crates_write_the_same() {
        use crate::model::key::canonical;

        for moment in moments() {
            let nanos = moment.unix_timestamp_nanos();
            let Some(same) = i64::try_from(nanos)
                .ok()
                .map(chrono::DateTime::from_timestamp_nanos)
            else {
                continue;
            };
            assert_eq!(KeyPart::<OffsetDateTime>::text(&moment), same.to_string());
            let plain = PrimitiveDateTime::new(moment.date(), moment.time());
            assert_eq!(
                KeyPart::<PrimitiveDateTime>::text(&plain),
                canonical::<diesel::sql_types::Timestamp>(same.naive_utc().to_string())
            );
            assert_eq!(
                KeyPart::<Time>::text(&moment.time()),
                same.time().to_string()
            );
            assert_eq!(
                KeyPart::<Date>::text(&moment.date()),
                same.date_naive().to_string()
            );
        }
    }
}
