//! What the derive costs at compile time, beside Diesel's own derives.
//!
//! `cargo bench -p versioned-tests --bench compile_time [-- <rounds>]`
//!
//! Writes crates of 200 models with 12 columns into a temporary directory, one file for each model and a `schema.rs` as
//! Diesel prints it, and runs `cargo check` on them: whole, and again after one model was edited. The crates differ in the
//! derives alone, and they take turns, so that a change of the machine's speed meets all of them. What is printed is the
//! median of the CPU time of cargo and rustc, which other programs on the machine disturb less than they do the clock on the
//! wall; a delta is what a crate takes longer than the one without the derives.
//!
//! The lines are those that rustc prints of the crate after expansion (`-Zunpretty=expanded`).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a program of our own"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const MODELS: usize = 200;
const ROUNDS: usize = 9;

/// The columns of each table: what a service's tables are made of.
const COLUMNS: [(&str, &str, &str); 12] = [
    ("id", "BigInt", "i64"),
    ("title", "Text", "String"),
    ("subtitle", "Nullable<Text>", "Option<String>"),
    ("price", "BigInt", "i64"),
    ("seats", "Integer", "i32"),
    ("row_number", "Nullable<Integer>", "Option<i32>"),
    ("weight", "Double", "f64"),
    ("sold", "Bool", "bool"),
    ("code", "Binary", "Vec<u8>"),
    ("made_by", "Text", "String"),
    ("made_at", "Timestamp", "std::time::SystemTime"),
    ("version", "BigInt", "i64"),
];

/// A crate: its name, the derives of its models, and their attribute.
struct Candidate {
    name: &'static str,
    derives: &'static str,
    attribute: &'static str,
}

/// The first is what the others are compared with, the second what they are measured by.
const CANDIDATES: [Candidate; 5] = [
    Candidate {
        name: "plain-models",
        derives: "Queryable, Selectable, serde::Serialize",
        attribute: "",
    },
    Candidate {
        name: "with-diesel",
        derives: "Queryable, Selectable, serde::Serialize, Insertable, AsChangeset, Identifiable",
        attribute: "",
    },
    Candidate {
        name: "with-owner",
        derives: "Queryable, Selectable, serde::Serialize, Versioned",
        attribute: "#[versioned(owner)]",
    },
    Candidate {
        name: "with-outbox",
        derives: "Queryable, Selectable, serde::Serialize, Versioned",
        attribute: "#[versioned(owner, outbox)]",
    },
    Candidate {
        name: "with-diesel-and-owner",
        derives: "Queryable, Selectable, serde::Serialize, Insertable, AsChangeset, Identifiable, Versioned",
        attribute: "#[versioned(owner)]",
    },
];

/// A directory with a workspace of the candidates.
struct Bench {
    directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let members: Vec<_> = CANDIDATES.iter().map(|one| one.name).collect();
        bench.write(
            "Cargo.toml",
            &format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n"),
        );
        // The versions that are here already.
        fs::copy(repository.join("Cargo.lock"), bench.path("Cargo.lock")).unwrap();
        for candidate in &CANDIDATES {
            bench.write_crate(candidate, repository);
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn write_crate(&self, candidate: &Candidate, repository: &Path) {
        let name = candidate.name;
        let core = repository.join("versioned-core");
        self.write(
            &format!("{name}/Cargo.toml"),
            &format!(
                "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                 [dependencies]\n\
                 diesel = {{ version = \"2.3\", default-features = false, features = [\"postgres_backend\"] }}\n\
                 serde = {{ version = \"1\", features = [\"derive\"] }}\n\
                 versioned-core = {{ path = {core:?}, features = [\"postgres\"] }}\n"
            ),
        );
        let mut schema = String::new();
        let mut lib = String::from("#![allow(dead_code)]\n\nmod schema;\n");
        for number in 0..MODELS {
            schema.push_str(&table(number));
            writeln!(lib, "mod model_{number};").unwrap();
            self.write(
                &format!("{name}/src/model_{number}.rs"),
                &model(number, candidate, 0),
            );
        }
        self.write(&format!("{name}/src/schema.rs"), &schema);
        self.write(&format!("{name}/src/lib.rs"), &lib);
    }

    /// Changes a model in the middle of the others.
    fn edit(&self, candidate: &Candidate, edition: usize) {
        let number = MODELS / 2;
        self.write(
            &format!("{}/src/model_{number}.rs", candidate.name),
            &model(number, candidate, edition),
        );
    }

    /// Has the whole crate checked again.
    fn touch(&self, candidate: &Candidate) {
        let lib = self.path(&format!("{}/src/lib.rs", candidate.name));
        let text = fs::read(&lib).unwrap();
        fs::write(lib, text).unwrap();
    }

    /// `cargo check`: the CPU time of it and of what it starts, in seconds.
    fn check(&self, candidate: &Candidate, incremental: bool) -> f64 {
        // Safe Rust cannot ask for the CPU time of its children, and every shell can.
        let output = Command::new("sh")
            .args(["-c", "\"$@\" && times", "sh"])
            .arg(cargo())
            .args(["check", "--quiet", "--offline", "--package", candidate.name])
            .current_dir(self.directory.path())
            .env("CARGO_INCREMENTAL", if incremental { "1" } else { "0" })
            .env("CARGO_TARGET_DIR", self.target(incremental))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", candidate.name);
        let times = String::from_utf8(output.stdout).unwrap();
        let children = times.lines().last().unwrap();
        children.split_whitespace().map(seconds).sum()
    }

    fn target(&self, incremental: bool) -> PathBuf {
        self.path(if incremental { "incremental" } else { "whole" })
    }

    /// How many lines the crate has after expansion.
    fn lines(&self, candidate: &Candidate) -> usize {
        let output = Command::new(cargo())
            .args(["rustc", "--quiet", "--offline", "--profile", "check"])
            .args(["--package", candidate.name, "--", "-Zunpretty=expanded"])
            .current_dir(self.directory.path())
            .env("CARGO_TARGET_DIR", self.target(false))
            // What `-Zunpretty` needs of a stable compiler.
            .env("RUSTC_BOOTSTRAP", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", candidate.name);
        output.stdout.iter().filter(|byte| **byte == b'\n').count()
    }
}

fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// `1m2.34s`, as `times` prints it.
fn seconds(text: &str) -> f64 {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap();
    minutes.parse::<f64>().unwrap() * 60.0 + seconds.replace(',', ".").parse::<f64>().unwrap()
}

fn table(number: usize) -> String {
    let mut text = format!("diesel::table! {{\n    table_{number} (id) {{\n");
    for (name, sql, _) in COLUMNS {
        writeln!(text, "        {name} -> {sql},").unwrap();
    }
    text.push_str("    }\n}\n\n");
    text
}

/// A model; each edition has another constant, and its struct on another line.
fn model(number: usize, candidate: &Candidate, edition: usize) -> String {
    let Candidate {
        derives, attribute, ..
    } = candidate;
    let mut text = format!(
        "#[allow(unused_imports)]\nuse diesel::prelude::*;\n#[allow(unused_imports)]\nuse versioned_core::Versioned;\n\n\
         use crate::schema::table_{number};\n\npub const EDITION: usize = {edition};\n{}\n\
         #[derive({derives})]\n#[diesel(table_name = table_{number})]\n{attribute}\npub struct Model{number} {{\n",
        "\n".repeat(edition % 2)
    );
    for (name, _, rust) in COLUMNS {
        writeln!(text, "    pub {name}: {rust},").unwrap();
    }
    text.push_str("}\n");
    text
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    if env::args().any(|argument| argument == "--test") {
        return;
    }
    let rounds = env::args().find_map(|argument| argument.parse().ok());
    let rounds: usize = rounds.unwrap_or(ROUNDS);
    let bench = Bench::new();
    println!(
        "{MODELS} models of {} columns, {rounds} rounds",
        COLUMNS.len()
    );

    // The dependencies, and the first state of each incremental crate.
    for candidate in &CANDIDATES {
        bench.check(candidate, false);
        bench.check(candidate, true);
    }
    let mut whole = vec![Vec::new(); CANDIDATES.len()];
    let mut edited = vec![Vec::new(); CANDIDATES.len()];
    for round in 1..=rounds {
        for (index, candidate) in CANDIDATES.iter().enumerate() {
            bench.touch(candidate);
            whole[index].push(bench.check(candidate, false));
            bench.edit(candidate, round);
            edited[index].push(bench.check(candidate, true));
        }
    }

    let lines: Vec<_> = CANDIDATES.iter().map(|one| bench.lines(one)).collect();
    report("cargo check, whole", &mut whole);
    report(
        "cargo check, incremental, after one model was edited",
        &mut edited,
    );
    println!("\nlines after expansion, for each model");
    for (candidate, lines_of) in CANDIDATES.iter().zip(&lines) {
        println!(
            "  {:<21} {:>8}   {:>5} more",
            candidate.name,
            lines_of / MODELS,
            (lines_of - lines[0]) / MODELS
        );
    }
}

fn report(what: &str, times: &mut [Vec<f64>]) {
    let medians: Vec<_> = times.iter_mut().map(|times| median(times)).collect();
    let (plain, diesel) = (medians[0], medians[1]);
    println!("\n{what}");
    for (candidate, time) in CANDIDATES.iter().zip(&medians) {
        println!(
            "  {:<21} {time:>6.2} s   {:>5.2} × plain   {:>+6.2} s   {:>5.2} × the delta of Diesel's three",
            candidate.name,
            time / plain,
            time - plain,
            (time - plain) / (diesel - plain)
        );
    }
}
