//! The names of event types.

/// Returns the name without a version at its end, such as `tickets.deleted` of `tickets.deleted.v2`.
/// The version follows one of the separators.
pub(super) fn without_version<'n>(name: &'n str, separators: &[char]) -> &'n str {
    match name.rsplit_once(separators) {
        Some((rest, last)) if is_version(last) => rest,
        _ => name,
    }
}

fn is_version(text: &str) -> bool {
    let digits = text.strip_prefix(['v', 'V']).unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
