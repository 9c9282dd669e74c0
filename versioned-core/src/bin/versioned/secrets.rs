//! Keeps secrets out of what is printed.

/// The parts of a URL that must not be printed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

const HIDDEN: &str = "***";

impl Secrets {
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        self.0.push(secret.to_owned());
        if let Some(decoded) = decoded(secret).filter(|decoded| decoded != secret) {
            self.0.push(decoded);
        }
        // A part may contain another one.
        self.0.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// Returns a text of a driver in one line, without the secrets.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = text.replace(secret, HIDDEN);
        }
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join("; ")
    }
}

/// Decodes `%41` and the like. Returns `None` if a percent sign stands alone, or the result is no text.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_as_it_is_written_and_as_it_is_meant() {
        let mut secrets = Secrets::default();
        secrets.add("p%40ss");
        secrets.add("p");
        assert_eq!(
            secrets.scrub("a p%40ss\n  b p@ss c p\n"),
            "a ***; b *** c ***"
        );
    }

    #[test]
    fn a_percent_sign_that_stands_alone_is_not_decoded() {
        assert_eq!(decoded("a%41%c3%a9"), Some("aA\u{e9}".to_owned()));
        for text in ["%", "%4", "%zz", "%+1", "%ff"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
