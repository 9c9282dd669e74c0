//! Reasons for rejections, as they are stored in this crate's tables.

/// The maximum length of a stored reason, in bytes.
const LONGEST: usize = 2_000;

/// Shortens a reason, because only its beginning is of use, and replaces NUL, which PostgreSQL's
/// text columns reject.
pub(crate) fn storable(reason: &str) -> String {
    shortened(reason, LONGEST).replace('\0', " ")
}

/// Returns the beginning of a text, at most so many bytes.
pub(crate) fn shortened(text: &str, longest: usize) -> &str {
    let mut end = text.len().min(longest);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_cut_between_characters_and_has_no_nul() {
        let long = format!("{}ä", "a".repeat(LONGEST - 1));
        assert_eq!(storable(&long).len(), LONGEST - 1);
        assert_eq!(storable("a\0b"), "a b");
        assert_eq!(storable(""), "");
    }
}
