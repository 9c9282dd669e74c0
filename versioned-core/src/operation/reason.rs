//! Why something was refused, as it is kept in our tables.

/// What of a reason is kept.
const LONGEST: usize = 2_000;

/// What a text column takes: PostgreSQL's have no NUL, and nobody reads more than the beginning.
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
