//! Reasons for rejections, as they are stored in this crate's tables.

/// The maximum length of a stored reason, in bytes.
const LONGEST: usize = 2_000;

/// Shortens a reason, because only its beginning is of use, and replaces NUL, which PostgreSQL's
/// text columns reject.
pub(crate) fn storable(reason: &str) -> String {
    let mut end = reason.len().min(LONGEST);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason.get(..end).unwrap_or_default().replace('\0', " ")
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
