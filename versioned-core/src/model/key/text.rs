//! The text of a key in events, errors and positions. Each key has exactly one text, which can be
//! parsed back.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use diesel::sql_types::{Double, Float, Numeric, Timestamp};

use super::KeyColumns;

/// A type with a text form, for a key. Every type that implements `Display` has it.
#[diagnostic::on_unimplemented(
    message = "a key of type `{Self}` has no text form, implement `Display` for it",
    label = "events and errors name a record by the text of its key",
    note = "a replica also parses the text: implement `FromStr` for the output of `Display`",
    note = "for `Vec<u8>` or a type of another crate, use a newtype that implements both"
)]
pub trait ToKeyText: fmt::Display {}

#[diagnostic::do_not_recommend]
impl<T: fmt::Display> ToKeyText for T {}

/// A type that a replica parses from the text of a key. Every type that implements `FromStr` has
/// it.
#[diagnostic::on_unimplemented(
    message = "a key of type `{Self}` can't be parsed from its text, implement `FromStr` for it",
    label = "a replica parses the key of a deletion from the event",
    note = "`FromStr` must accept the output of the type's `Display`",
    note = "for `Vec<u8>` or a type of another crate, use a newtype that implements both"
)]
pub trait FromKeyText: FromStr {}

#[diagnostic::do_not_recommend]
impl<T: FromStr> FromKeyText for T {}

/// A part of a key. Types whose `Display` is not suitable have their own functions here, which
/// rustc prefers to those of [`KeyPartText`].
#[derive(Debug)]
pub struct KeyPart<T>(PhantomData<fn() -> T>);

/// The text of a part, and its parser, for all other types.
pub trait KeyPartText<T> {
    /// The text of a part.
    fn text(part: &T) -> String
    where
        T: ToKeyText,
    {
        part.to_string()
    }

    /// Parses a part.
    fn parse(text: &str) -> Option<T>
    where
        T: FromKeyText,
    {
        text.parse().ok()
    }
}

impl<T> KeyPartText<T> for KeyPart<T> {}

/// Its `Display` depends on the time zone of the machine, so the text is in UTC.
#[cfg(feature = "chrono")]
impl KeyPart<chrono::DateTime<chrono::Local>> {
    /// The text of a part.
    pub fn text(part: &chrono::DateTime<chrono::Local>) -> String {
        part.to_utc().to_string()
    }

    /// Parses a part.
    pub fn parse(text: &str) -> Option<chrono::DateTime<chrono::Local>> {
        let moment: chrono::DateTime<chrono::Utc> = text.parse().ok()?;
        Some(moment.with_timezone(&chrono::Local))
    }
}

/// Builds the text of a key: its parts, separated by commas. A backslash escapes a comma or a
/// backslash inside a part.
#[derive(Debug)]
pub struct KeyText {
    /// The functions that convert each part to its canonical form.
    forms: &'static [fn(String) -> String],
    parts: usize,
    text: String,
}

impl KeyText {
    pub(crate) fn of<K: KeyColumns>() -> Self {
        Self {
            forms: K::FORMS,
            parts: 0,
            text: String::new(),
        }
    }

    /// Adds the next part.
    pub fn part(&mut self, text: String) {
        let text = match self.forms.get(self.parts) {
            Some(canonical) => canonical(text),
            None => text,
        };
        self.parts += 1;
        if self.forms.len() == 1 {
            self.text = text;
            return;
        }
        if self.parts > 1 {
            self.text.push(',');
        }
        self.text
            .push_str(&text.replace('\\', "\\\\").replace(',', "\\,"));
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// Splits a text of [`KeyText`] into its parts. Returns `None` if there are not exactly `N`.
#[doc(hidden)]
pub fn key_parts<const N: usize>(text: &str) -> Option<[String; N]> {
    if N == 1 {
        return vec![text.to_owned()].try_into().ok();
    }
    let mut parts = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ',' => parts.push(String::new()),
            '\\' => parts.last_mut()?.push(characters.next()?),
            other => parts.last_mut()?.push(other),
        }
    }
    parts.try_into().ok()
}

/// Returns the one text for all texts of the same value of the SQL type `ST`: `7` for `7.00`, `0`
/// for `-0`. The text of a timestamp has a `T`, which `FromStr` requires; chrono's `Display` prints
/// a space there.
pub(crate) fn canonical<ST: 'static>(text: String) -> String {
    let of = TypeId::of::<ST>();
    if of == TypeId::of::<Numeric>() {
        return plain_decimal(&text).unwrap_or(text);
    }
    if (of == TypeId::of::<Float>() || of == TypeId::of::<Double>()) && text == "-0" {
        return "0".to_owned();
    }
    // With a time zone, the text has a second space, and chrono parses it.
    if is_timestamp(of) || (is_moment(of) && text.matches(' ').count() == 1) {
        return text.replacen(' ', "T", 1);
    }
    text
}

/// Returns whether the type is a date and time without a time zone.
fn is_timestamp(of: TypeId) -> bool {
    #[cfg(feature = "mysql")]
    if of == TypeId::of::<diesel::sql_types::Datetime>() {
        return true;
    }
    of == TypeId::of::<Timestamp>()
}

/// Returns whether the type is a date and time with a time zone, for which chrono also has a type
/// without one.
fn is_moment(of: TypeId) -> bool {
    #[cfg(feature = "sqlite")]
    if of == TypeId::of::<diesel::sql_types::TimestamptzSqlite>() {
        return true;
    }
    #[cfg(feature = "postgres")]
    if of == TypeId::of::<diesel::sql_types::Timestamptz>() {
        return true;
    }
    let _ = of;
    false
}

/// Returns the decimal without an exponent and without redundant zeros: `1200` for `1.20E+3`.
/// Returns `None` for a text that is not a decimal.
fn plain_decimal(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = match digits.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // The index of the decimal point among all digits.
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    // PostgreSQL's numbers have at most 131,072 digits before the point and 16,383 after it.
    if point.unsigned_abs() > 200_000 {
        return None;
    }
    let (whole, fraction) = match usize::try_from(point) {
        Ok(point) if point < all.len() => {
            let (whole, fraction) = all.split_at(point);
            (whole.to_owned(), fraction.to_owned())
        }
        Ok(point) => (format!("{all:0<point$}"), String::new()),
        Err(_) => {
            let zeros = usize::try_from(point.unsigned_abs()).ok()?;
            (String::new(), format!("{}{all}", "0".repeat(zeros)))
        }
    };
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    Some(match (whole, fraction) {
        ("", "") => "0".to_owned(),
        ("", fraction) => format!("{sign}0.{fraction}"),
        (whole, "") => format!("{sign}{whole}"),
        (whole, fraction) => format!("{sign}{whole}.{fraction}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    diesel::table! {
        parts (one, two) {
            one -> Text,
            two -> Text,
        }
    }

    fn composite(one: &str, two: &str) -> String {
        let mut text = KeyText::of::<(parts::one, parts::two)>();
        text.part(one.to_owned());
        text.part(two.to_owned());
        text.finish()
    }

    #[test]
    fn the_text_of_a_composite_key_is_unambiguous() {
        let mut single = KeyText::of::<(parts::one,)>();
        single.part("a,b".to_owned());
        assert_eq!(single.finish(), "a,b");
        assert_eq!(composite("7", "a,b"), "7,a\\,b");
        assert_ne!(composite("a,", "b"), composite("a", ",b"));
        assert_ne!(composite("a\\", "b"), composite("a", "\\b"));
    }

    #[test]
    fn the_text_of_a_key_can_be_read_back() {
        assert_eq!(key_parts::<1>("a,b\\"), Some(["a,b\\".to_owned()]));
        for parts in [["a", "b"], ["a,b", "c\\"], ["", ","], ["\\,", ""]] {
            let text = composite(parts[0], parts[1]);
            assert_eq!(
                key_parts::<2>(&text),
                Some(parts.map(str::to_owned)),
                "{text}"
            );
        }
        assert_eq!(key_parts::<2>("a"), None);
        assert_eq!(key_parts::<2>("a,b,c"), None);
        assert_eq!(
            key_parts::<2>("a,b\\"),
            None,
            "nothing stands behind the backslash"
        );
    }

    #[test]
    fn a_decimal_has_one_text() {
        for (text, plain) in [
            ("7", "7"),
            ("7.00", "7"),
            ("007.10", "7.1"),
            ("-7.00", "-7"),
            ("-0.00", "0"),
            ("0", "0"),
            ("+.5", "0.5"),
            ("-12.", "-12"),
            ("1.20E+3", "1200"),
            ("1.2e1", "12"),
            ("12E-3", "0.012"),
            ("-1.5E-1", "-0.15"),
            ("100", "100"),
        ] {
            assert_eq!(canonical::<Numeric>(text.to_owned()), plain, "{text}");
        }
        for other in ["", "NaN", ".", "1e", "1e999999999", "a", "1.2.3"] {
            assert_eq!(canonical::<Numeric>(other.to_owned()), other);
        }
    }

    #[test]
    fn only_what_is_the_same_value_has_the_same_text() {
        let text = || "7.00 -0".to_owned();
        assert_eq!(canonical::<diesel::sql_types::Text>(text()), "7.00 -0");
        assert_eq!(canonical::<Double>("-0".to_owned()), "0");
        assert_eq!(canonical::<Float>("-0.5".to_owned()), "-0.5");
        let printed = || "2026-01-02 03:04:05.6".to_owned();
        assert_eq!(canonical::<Timestamp>(printed()), "2026-01-02T03:04:05.6");
        assert_eq!(canonical::<diesel::sql_types::Text>(printed()), printed());
    }
}
