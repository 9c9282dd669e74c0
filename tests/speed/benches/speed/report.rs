//! What was measured: as text at once, and at the end as a table in Markdown.

use std::fmt::Write as _;

use versioned_speed::{Measured, write_block};

use crate::machine::Machine;
use crate::picture;
use crate::tickets::Operation;

/// The block of these benchmarks, in both files.
const BLOCK: &str = "speed";

/// One piece of work, and how long it took each candidate: this toolkit comes first, the floor last.
pub(crate) struct Subject {
    pub(crate) what: &'static str,
    pub(crate) place: &'static str,
    pub(crate) measured: Vec<Measured>,
    note: &'static str,
}

impl Subject {
    pub(crate) fn new(what: &'static str, place: &'static str, measured: Vec<Measured>) -> Self {
        Self {
            what,
            place,
            measured,
            note: "",
        }
    }

    /// What one figure is about.
    pub(crate) fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    pub(crate) fn ours(&self) -> &Measured {
        &self.measured[0]
    }

    pub(crate) fn floor(&self) -> &Measured {
        &self.measured[self.measured.len() - 1]
    }

    /// The candidate of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Measured> {
        self.measured.iter().find(|measured| measured.name == name)
    }

    fn title(&self) -> String {
        let Self {
            what, note, place, ..
        } = self;
        let space = if note.is_empty() { "" } else { ", " };
        format!("{what}{space}{note}: {place}")
    }

    fn print(&self) {
        println!("\n{}", self.title());
        for candidate in &self.measured {
            println!(
                "  {:<28} {:>10.2} µs ±{:>2.0} %   {:>6.2} × floor   {:>6.2} × versioned",
                candidate.name,
                candidate.median(),
                candidate.spread() * 50.0,
                candidate.ratio(self.floor()),
                candidate.ratio(self.ours()),
            );
        }
    }
}

/// The subjects of this run.
pub(crate) struct Suite {
    words: Vec<String>,
    write: bool,
    pub(crate) subjects: Vec<Subject>,
}

impl Suite {
    /// Those that the arguments of the program ask for.
    pub(crate) fn asked_for() -> Self {
        let (options, words): (Vec<String>, Vec<String>) = std::env::args()
            .skip(1)
            .partition(|word| word.starts_with("--"));
        Self {
            words: words.iter().map(|word| word.to_lowercase()).collect(),
            write: options.iter().any(|option| option == "--write"),
            subjects: Vec::new(),
        }
    }

    /// Whether the name of a subject has all words in it.
    pub(crate) fn wants(&self, what: &str, place: &str) -> bool {
        let name = format!("{what} {place}").to_lowercase();
        self.words.iter().all(|word| name.contains(word))
    }

    /// Whether the growth is asked for, which takes long.
    pub(crate) fn wants_growth(&self) -> bool {
        self.words.iter().any(|word| word == "growth")
    }

    /// Whether what is measured is to be written to the repository.
    pub(crate) fn writes(&self) -> bool {
        self.write
    }

    pub(crate) fn add(&mut self, subject: Subject) {
        subject.print();
        self.subjects.push(subject);
    }

    /// Writes the tables and the picture, where a whole run was asked for.
    pub(crate) fn finish(&self) {
        if !self.write {
            return;
        }
        if !self.words.is_empty() {
            println!("\nnothing is written: these are not all subjects");
            return;
        }
        let machine = Machine::look();
        let results = format!("{machine}\n\n{}", self.table());
        write_block("tests/speed/RESULTS.md", BLOCK, &results).unwrap();
        let summary = format!("{machine}\n\n{}", self.summary());
        write_block("README.md", BLOCK, &summary).unwrap();
        let bars = picture::bars(&self.subjects, &machine);
        versioned_speed::picture::write("speed.svg", &bars).unwrap();
    }

    /// Every subject and candidate.
    fn table(&self) -> String {
        let mut table = String::from(
            "| work | candidate | median, µs | ± % | × floor | × versioned |\n| --- | --- | --: | --: | --: | --: |\n",
        );
        for subject in &self.subjects {
            for candidate in &subject.measured {
                writeln!(
                    table,
                    "| {} | {} | {:.2} | {:.0} | {:.2} | {:.2} |",
                    subject.title(),
                    candidate.name,
                    candidate.median(),
                    candidate.spread() * 50.0,
                    candidate.ratio(subject.floor()),
                    candidate.ratio(subject.ours()),
                )
                .unwrap();
            }
        }
        table
    }

    /// A save of one row, and those with whom one would do it instead.
    fn summary(&self) -> String {
        const OTHERS: [&str; 3] = ["Diesel by hand", "diesel_versioning", "sqlx"];
        let mut table = String::from(
            "| | versioned | raw driver | Diesel by hand | `diesel_versioning` | sqlx |\n| --- | --: | --: | --: | --: | --: |\n",
        );
        for subject in &self.subjects {
            if subject.what != Operation::Save.name() {
                continue;
            }
            let others = OTHERS.map(|name| subject.named(name));
            let (ours, floor) = (subject.ours(), subject.floor());
            write!(
                table,
                "| {} | {:.2} µs | {:.2} × |",
                subject.place,
                ours.median(),
                floor.ratio(ours)
            )
            .unwrap();
            for other in others {
                match other {
                    Some(other) => write!(table, " {:.2} × |", other.ratio(ours)).unwrap(),
                    None => table.push_str(" |"),
                }
            }
            table.push('\n');
        }
        table
    }
}
