//! What the derive costs the compiler: 200 models of twelve columns, with Diesel's `Insertable`, `AsChangeset` and
//! `Identifiable`, with `Versioned`, with all four, and with none of them.
//!
//! ```sh
//! cargo bench -p versioned-speed --bench compile_time
//! cargo bench -p versioned-speed --bench compile_time -- 40         # models, instead of 200: sooner done
//! cargo bench -p versioned-speed --bench compile_time -- --write    # and writes COMPILE_TIME.md
//! ```
//!
//! It takes half an hour, and the first run compiles the dependencies; each `cargo check` is told on stderr when it has ended. What counts is
//! the CPU time of `cargo check` and all that it starts.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a program of our own"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const MODELS: usize = 200;
/// Besides the key and the version.
const COLUMNS: usize = 10;
const ROUNDS: usize = 3;
/// Crates with the same models, and what they derive.
const VARIANTS: [(&str, &str); 4] = [
    ("with_none", ""),
    ("with_diesel", "Insertable, AsChangeset, Identifiable"),
    ("with_versioned", "versioned_core::Versioned"),
    (
        "with_both",
        "Insertable, AsChangeset, Identifiable, versioned_core::Versioned",
    ),
];

fn main() {
    // `cargo test --benches` only wants to know whether it runs.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let number = std::env::args().find_map(|argument| argument.parse().ok());
    let models = Models::write(number.unwrap_or(MODELS));
    // The dependencies, which are the same for all.
    models.check(VARIANTS[0].0, false);
    for (name, _) in VARIANTS {
        models.check(name, true);
    }
    let whole = models.measure(false, |models, name, round| {
        let lib = format!("{}\n// {round}\n", models.lib());
        fs::write(models.source(name, "lib"), lib).unwrap();
    });
    let one = models.measure(true, |models, name, round| {
        let derives = VARIANTS.iter().find(|variant| variant.0 == name).unwrap().1;
        let column = format!("renamed_{round}");
        fs::write(models.source(name, "m0"), model(0, &column, derives)).unwrap();
    });
    let lines: Vec<_> = VARIANTS
        .iter()
        .map(|(name, _)| models.lines(name))
        .collect();

    let report = report(models.number, &whole, &one, &lines);
    println!("\n{report}");
    if std::env::args().any(|argument| argument == "--write") {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("COMPILE_TIME.md");
        fs::write(file, report).unwrap();
    }
}

/// What was measured of the variants, in Markdown.
fn report(number: usize, whole: &[Duration], one: &[Duration], lines: &[usize]) -> String {
    let version = Command::new(env!("CARGO")).arg("--version").output();
    let version = String::from_utf8(version.unwrap().stdout).unwrap();
    let mut text = format!(
        "# Compile time\n\n{number} models of {} columns; CPU time of `cargo check`; {}; medians of {ROUNDS}\n\n\
         | derives, besides `Queryable, Selectable` | all | again, a column renamed | lines per model |\n\
         | --- | --: | --: | --: |\n",
        COLUMNS + 2,
        version.trim(),
    );
    for (place, (_, derives)) in VARIANTS.iter().enumerate() {
        writeln!(
            text,
            "| {} | {:.2} s | {:.2} s | {} |",
            derives.replace("versioned_core::", ""),
            whole[place].as_secs_f64(),
            one[place].as_secs_f64(),
            (lines[place] - lines[0]) / number
        )
        .unwrap();
    }
    let cost = |place: usize| whole[place].as_secs_f64() - whole[0].as_secs_f64();
    let again = one[3].as_secs_f64() / one[1].as_secs_f64();
    writeln!(
        text,
        "\n`Versioned` costs {:.2} × what Diesel's three cost together; beside them, a check after a change takes {again:.2} × of \
         what it takes without.",
        cost(2) / cost(1)
    )
    .unwrap();
    text
}

/// A workspace with a crate for each variant.
struct Models {
    number: usize,
    directory: PathBuf,
}

impl Models {
    fn write(number: usize) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        // Where Cargo builds this: a second run finds the dependencies built.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let models = Self {
            number,
            directory: target.join("compile_time"),
        };
        let members: Vec<_> = VARIANTS.iter().map(|(name, _)| *name).collect();
        fs::create_dir_all(&models.directory).unwrap();
        let workspace = format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n");
        fs::write(models.directory.join("Cargo.toml"), workspace).unwrap();
        fs::copy(root.join("Cargo.lock"), models.directory.join("Cargo.lock")).unwrap();
        let core = root.join("versioned-core");
        for (name, derives) in VARIANTS {
            fs::create_dir_all(models.directory.join(name).join("src")).unwrap();
            let manifest = format!(
                "[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[dependencies]\n\
                 diesel = {{ version = \"2.3\", default-features = false, features = [\"32-column-tables\"] }}\n\
                 versioned-core = {{ path = \"{}\", features = [\"sqlite\", \"postgres\"] }}\n",
                core.display()
            );
            fs::write(models.directory.join(name).join("Cargo.toml"), manifest).unwrap();
            fs::write(models.source(name, "lib"), models.lib()).unwrap();
            for number in 0..models.number {
                let file = models.source(name, &format!("m{number}"));
                fs::write(file, model(number, "c0", derives)).unwrap();
            }
        }
        models
    }

    fn lib(&self) -> String {
        (0..self.number).fold(String::new(), |mut lib, number| {
            writeln!(lib, "pub mod m{number};").unwrap();
            lib
        })
    }

    fn source(&self, name: &str, module: &str) -> PathBuf {
        self.directory
            .join(name)
            .join("src")
            .join(module)
            .with_extension("rs")
    }

    fn cargo(&self, incremental: bool) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        let target = if incremental { "again" } else { "whole" };
        cargo
            .current_dir(&self.directory)
            .env("CARGO_INCREMENTAL", if incremental { "1" } else { "0" })
            .env("CARGO_TARGET_DIR", self.directory.join(target))
            .env_remove("RUSTFLAGS");
        cargo
    }

    fn check(&self, name: &str, incremental: bool) {
        let mut cargo = self.cargo(incremental);
        let status = cargo
            .args(["check", "--quiet", "-p", name])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// The medians of the variants, which take turns.
    fn measure(&self, incremental: bool, change: impl Fn(&Self, &str, usize)) -> Vec<Duration> {
        let mut measured = vec![Vec::new(); VARIANTS.len()];
        for round in 0..ROUNDS {
            for ((name, _), measured) in VARIANTS.iter().zip(&mut measured) {
                change(self, name, round);
                let (before, start) = (children(), Instant::now());
                self.check(name, incremental);
                let wall = start.elapsed();
                let taken = children().map_or(wall, |after| {
                    after.saturating_sub(before.unwrap_or_default())
                });
                let kind = if incremental { "one changed" } else { "whole" };
                eprintln!("{name}, {kind}: {:.2} s", taken.as_secs_f64());
                measured.push(taken);
            }
        }
        measured
            .iter_mut()
            .map(|measured| {
                measured.sort_unstable();
                measured[ROUNDS / 2]
            })
            .collect()
    }

    /// The lines of the crate, expanded.
    fn lines(&self, name: &str) -> usize {
        let output = self
            .cargo(false)
            // The option is not stable; nothing that is measured depends on it.
            .env("RUSTC_BOOTSTRAP", "1")
            .args([
                "rustc",
                "--quiet",
                "--profile",
                "check",
                "-p",
                name,
                "--",
                "-Zunpretty=expanded",
            ])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success());
        output.stdout.split(|byte| *byte == b'\n').count()
    }
}

/// A table and its model, whose first column has this name.
fn model(number: usize, first: &str, derives: &str) -> String {
    let columns: Vec<String> = std::iter::once(first.to_owned())
        .chain((1..COLUMNS).map(|column| format!("c{column}")))
        .collect();
    let mut text = format!("diesel::table! {{ t{number} {{ id -> BigInt,");
    for (place, column) in columns.iter().enumerate() {
        let sql_type = if place % 2 == 0 {
            "Text"
        } else {
            "Nullable<BigInt>"
        };
        write!(text, " {column} -> {sql_type},").unwrap();
    }
    write!(
        text,
        " version -> BigInt, }} }}\n\nuse diesel::prelude::*;\n\n\
         #[derive(Debug, Clone, Queryable, Selectable, {derives})]\n#[diesel(table_name = t{number})]\n"
    )
    .unwrap();
    if derives.contains("Versioned") {
        text.push_str("#[versioned(owner)]\n");
    }
    writeln!(text, "pub struct Model{number} {{\n    pub id: i64,").unwrap();
    for (place, column) in columns.iter().enumerate() {
        let field = if place % 2 == 0 {
            "String"
        } else {
            "Option<i64>"
        };
        writeln!(text, "    pub {column}: {field},").unwrap();
    }
    text.push_str("    pub version: i64,\n}\n");
    text
}

/// The CPU time of the children that have ended, and of theirs; Linux alone says so.
fn children() -> Option<Duration> {
    const TICKS_PER_SECOND: u64 = 100;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The second field may have spaces in it, and ends with the last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}
