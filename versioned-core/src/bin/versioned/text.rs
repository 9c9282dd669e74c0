//! Values as a person reads them.

use std::time::{Duration, SystemTime};

/// An age in two units: `3h 20m`.
pub(crate) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let (large, small) = match seconds {
        0..60 => return format!("{seconds}s"),
        60..3_600 => ((seconds / 60, "m"), (seconds % 60, "s")),
        3_600..86_400 => ((seconds / 3_600, "h"), (seconds % 3_600 / 60, "m")),
        _ => ((seconds / 86_400, "d"), (seconds % 86_400 / 3_600, "h")),
    };
    if small.0 == 0 {
        format!("{}{}", large.0, large.1)
    } else {
        format!("{}{} {}{}", large.0, large.1, small.0, small.1)
    }
}

/// How long ago a time was, by the clock of this machine.
pub(crate) fn since(time: SystemTime) -> String {
    age(time.elapsed().unwrap_or_default())
}

/// How long it is until a time: `in 5m`.
pub(crate) fn until(time: SystemTime) -> String {
    let left = time.duration_since(SystemTime::now()).unwrap_or_default();
    format!("in {}", age(left))
}

/// A time in UTC, as RFC 3339 writes it.
pub(crate) fn time(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// A text from the database in one line. Its control characters would otherwise reach the terminal.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => out.push(' '),
            char if char.is_control() => out.extend(char.escape_default()),
            // They change the direction of what follows.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.extend(char.escape_unicode()),
            char => out.push(char),
        }
    }
    out
}

/// `1 event`, `2 events`.
pub(crate) fn many(number: impl TryInto<u64> + Copy, one: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    if number == 1 {
        format!("1 {one}")
    } else if let Some(stem) = one.strip_suffix('y') {
        format!("{number} {stem}ies")
    } else {
        format!("{number} {one}s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_at_most_two_units() {
        let text = |seconds| age(Duration::from_secs(seconds));
        assert_eq!(text(0), "0s");
        assert_eq!(text(59), "59s");
        assert_eq!(text(60), "1m");
        assert_eq!(text(3_725), "1h 2m");
        assert_eq!(text(90_000), "1d 1h");
    }

    #[test]
    fn a_text_cannot_move_the_cursor() {
        assert_eq!(shown("a\n\u{1b}[2J\u{202e}b"), "a \\u{1b}[2J\\u{202e}b");
    }
}
