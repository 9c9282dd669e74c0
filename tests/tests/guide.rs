//! The guide of `versioned-core` names tests, in italics: *`t03_a_record_is_saved_again_and_again`*. They must exist.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy.toml exempts what is inside a test, and not its helpers"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_guide_names_exists() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    files_below(&package.join("tests"), &mut |path| {
        let text = fs::read_to_string(path).unwrap();
        known.extend(functions(&text).map(ToOwned::to_owned));
    });
    // A test of what rustc says is a file.
    files_below(&package.join("ui"), &mut |path| {
        let stem = path.file_stem().unwrap();
        known.insert(stem.to_str().unwrap().to_owned());
    });

    let source = package.join("../versioned-core/src");
    let mut texts = vec![fs::read_to_string(source.join("guide.rs")).unwrap()];
    files_below(&source.join("guide"), &mut |path| {
        texts.push(fs::read_to_string(path).unwrap());
    });
    let named: BTreeSet<&str> = texts.iter().flat_map(|text| italics(text)).collect();
    assert!(named.len() > 50, "only {} are named", named.len());
    let missing: Vec<_> = named
        .into_iter()
        .filter(|name| !known.contains(*name))
        .collect();
    assert!(missing.is_empty(), "there are no such tests: {missing:#?}");
}

fn files_below(directory: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, visit);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "md")
        {
            visit(&path);
        }
    }
}

/// The names behind `fn`.
fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.split("fn ").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
        rest.get(..end)
    })
}

/// What stands between `` *` `` and `` `* ``; not what is bold.
fn italics(text: &str) -> impl Iterator<Item = &str> {
    text.split("*`").skip(1).filter_map(|rest| {
        let name = rest.get(..rest.find('`')?)?;
        let after = rest.get(name.len()..)?;
        (after.starts_with("`*") && !after.starts_with("`**")).then_some(name)
    })
}
