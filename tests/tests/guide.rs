//! The guide of `versioned-core` names tests, in italics: *`t03_a_record_is_saved_again_and_again`*. They must exist. What it quotes of the
//! compiler must be what that says.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "clippy.toml exempts what is inside a test, and not its helpers"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_guide_names_exists() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    files_below(&package.join("tests"), "rs", &mut |path| {
        let text = fs::read_to_string(path).unwrap();
        known.extend(functions(&text).map(ToOwned::to_owned));
    });
    // The tests of the forms of messages are beside their code.
    let formats = package.join("../versioned-core/src/format");
    files_below(&formats, "rs", &mut |path| {
        let is_tests = |part: &str| part == "tests" || part == "tests.rs";
        let mut parts = path.iter().filter_map(|part| part.to_str());
        // The path of the package begins in `tests`.
        if parts.any(|part| part == "format") && parts.any(is_tests) {
            let text = fs::read_to_string(path).unwrap();
            known.extend(functions(&text).map(ToOwned::to_owned));
        }
    });
    // A test of what rustc says is a file.
    files_below(&package.join("ui"), "rs", &mut |path| {
        let stem = path.file_stem().unwrap();
        known.insert(stem.to_str().unwrap().to_owned());
    });

    let source = package.join("../versioned-core/src");
    let mut texts = vec![fs::read_to_string(source.join("guide.rs")).unwrap()];
    files_below(&source.join("guide"), "md", &mut |path| {
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

#[test]
fn the_guide_quotes_what_the_compiler_says_to_mistakes() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut said = BTreeMap::new();
    files_below(&package.join("ui/fail"), "stderr", &mut |path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        said.insert(name, fs::read_to_string(path).unwrap());
    });
    let page =
        fs::read_to_string(package.join("../versioned-core/src/guide/reference/mistakes.md"))
            .unwrap();
    let rows: Vec<_> = page.lines().filter(|row| row.starts_with("| *`")).collect();
    assert!(rows.len() > 50, "only {} mistakes", rows.len());
    for row in rows {
        let name = italics(row).next().unwrap();
        let quoted = row.split(" | ").nth(1).unwrap();
        let quoted = quoted.trim_matches('`').trim().replace("\\|", "|");
        let first = said[name].lines().next().unwrap();
        let (_, first) = first.split_once(": ").unwrap();
        // `..` stands for a type.
        let same = match quoted.split_once("..`") {
            Some((before, after)) => first.starts_with(before) && first.ends_with(after),
            None => quoted == first,
        };
        assert!(same, "{name}: {first}");
    }
}

fn files_below(directory: &Path, kind: &str, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, kind, visit);
        } else if path.extension().is_some_and(|extension| extension == kind) {
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
