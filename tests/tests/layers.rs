//! The modules of the crates form layers: each uses only those of the layers below its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy.toml exempts what is inside a test, and not its helpers"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The layers of `versioned-core`, from the bottom up.
const CORE: &[&[&str]] = &[
    &[
        "version",
        "event",
        "outcome",
        "dead_letter",
        "parked_record",
        "inspected",
        "arrival",
        "backlog",
        "retry",
        "trace",
        "runner",
        "table_name",
        "connection",
        "hex",
        "health",
        "meters",
        "escape",
        "compared",
    ],
    &[
        "dialect",
        "error",
        "format/record",
        "comparison",
        "filter",
        "purged",
    ],
    &[
        "executor",
        "model",
        "migrations",
        "outbox",
        "clock",
        "request",
    ],
    &["counters", "loadable", "change", "transaction", "format"],
    &["owner", "dependent", "tracked"],
    &["statement"],
    &["statement/owner"],
    &["statement/outbox"],
    &["statement/batch"],
    &["statement/replica", "statement/requests", "trigger"],
    &["guard_trigger", "version_trigger", "notify_trigger"],
    &["operation"],
    &["operation/requests"],
    &["operation/outbox"],
    &["operation/replica"],
    &["operation/owner"],
    &["operation/batch"],
    &["front", "etag"],
    &["consumer", "retention"],
    &[
        "nats",
        "kafka",
        "rabbitmq",
        "positions",
        "requests",
        "dead_letters",
        "status",
        "parked",
        "wait",
        "direct",
        "compare",
        "testing",
        "inspect",
        "tables",
    ],
    &["metrics"],
    &["bin"],
];

/// Those of `versioned-derive`.
const DERIVE: &[&[&str]] = &[
    &["errors", "choice"],
    &["attr", "diesel"],
    &["model"],
    &["fields"],
    &["check"],
    &["read"],
    &["expand"],
];

#[test]
fn each_module_uses_those_below_it() {
    check("versioned-core", CORE);
    check("versioned-derive", DERIVE);
}

fn check(package: &str, layers: &[&[&str]]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../{package}/src"));
    let floor: BTreeMap<&str, usize> = (0..)
        .zip(layers)
        .flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor)))
        .collect();
    let mut upward = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    let mut count = 0;
    files_below(&source, &mut |path| {
        let name = path.strip_prefix(&source).unwrap().with_extension("");
        let name = name.to_str().unwrap().replace('\\', "/");
        if name == "lib" || name.starts_with("guide") || name.ends_with("/tests") {
            return;
        }
        let own = room(&name, &floor);
        if !floor.contains_key(own.as_str()) {
            unknown.insert(own.clone());
        }
        for used in used(&fs::read_to_string(path).unwrap()) {
            let used = room(&used, &floor);
            let (Some(here), Some(there)) = (floor.get(own.as_str()), floor.get(used.as_str()))
            else {
                continue;
            };
            count += 1;
            if there > here || (there == here && own != used) {
                upward.insert(format!("{name} uses {used}"));
            }
        }
    });
    assert!(unknown.is_empty(), "these have no layer: {unknown:#?}");
    assert!(upward.is_empty(), "these go upward: {upward:#?}");
    assert!(count > 30, "only {count} uses were found in {package}");
}

/// The longest part of a module's path that has a layer.
fn room(path: &str, floor: &BTreeMap<&str, usize>) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let two = parts.get(..2).map(|parts| parts.join("/"));
    match two {
        Some(two) if floor.contains_key(two.as_str()) => two,
        _ => parts[0].to_owned(),
    }
}

/// The modules behind `crate::` in code that is no test.
fn used(text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]").next().unwrap();
    let text = text.split("#[cfg(all(test").next().unwrap();
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let paths = code.split("crate::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    });
    paths.map(|path| path.replace("::", "/")).collect()
}

fn files_below(directory: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path);
        }
    }
}
