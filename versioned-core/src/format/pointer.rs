//! JSON pointers into JSON that is not parsed yet.

use serde_json::value::RawValue;

use super::members::Members;

/// Returns the value at a JSON pointer.
pub(super) fn at<'j>(json: &'j RawValue, pointer: &str) -> Option<&'j RawValue> {
    if pointer.is_empty() {
        return Some(json);
    }
    let (name, rest) = split(pointer)?;
    let text = json.get();
    let inner = if text.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        *items.get(name.parse::<usize>().ok()?)?
    } else {
        let members: Members<&RawValue> = serde_json::from_str(text).ok()?;
        *members.get(&name)?
    };
    at(inner, rest)
}

/// Splits a JSON pointer into the name of a member and the pointer inside it.
pub(super) fn split(pointer: &str) -> Option<(String, &str)> {
    let path = pointer.strip_prefix('/')?;
    let end = path.find('/').unwrap_or(path.len());
    let (first, rest) = path.split_at_checked(end)?;
    Some((first.replace("~1", "/").replace("~0", "~"), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_goes_through_objects_and_lists() {
        let json = r#" {"a":{"b":[1,{"c~/":2}]},"":3} "#;
        let json: Box<RawValue> = serde_json::from_str(json).unwrap();
        let text = |pointer| at(&json, pointer).map(RawValue::get);
        assert_eq!(text("/a/b/0"), Some("1"));
        assert_eq!(text("/a/b/1/c~0~1"), Some("2"));
        assert_eq!(text("/"), Some("3"));
        assert_eq!(text("/a/b"), Some(r#"[1,{"c~/":2}]"#));
        for pointer in ["/x", "/a/x", "/a/b/2", "/a/b/x", "/a/b/0/x", "a"] {
            assert_eq!(text(pointer), None, "{pointer}");
        }
    }
}
