//! What was measured: as text at once, and at the end as tables in Markdown.

use std::fmt::Write as _;

use versioned_speed::{Measured, processor, write_block};

use crate::latency::Latency;
use crate::load::Load;
use crate::picture;

/// How long to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Short,
    Usual,
    Long,
}

/// One piece of work, and the figures of each candidate: this library comes first, the floor last.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    unit: &'static str,
    pub(crate) measured: Vec<Measured>,
    /// The part of the events that was delivered again, in the worst round.
    redelivered: Option<Vec<f64>>,
}

impl Subject {
    pub(crate) fn new(name: &'static str, unit: &'static str, measured: Vec<Measured>) -> Self {
        Self {
            name,
            unit,
            measured,
            redelivered: None,
        }
    }

    pub(crate) fn redelivered(self, redelivered: Vec<f64>) -> Self {
        Self {
            redelivered: Some(redelivered),
            ..self
        }
    }

    fn ours(&self) -> &Measured {
        &self.measured[0]
    }

    pub(crate) fn floor(&self) -> &Measured {
        &self.measured[self.measured.len() - 1]
    }

    fn redelivered_text(&self, place: usize) -> String {
        let of = self.redelivered.as_ref();
        of.map_or_else(String::new, |of| format!("{:.1} %", 100.0 * of[place]))
    }

    fn print(&self) {
        println!("\n{}", self.name);
        for (place, candidate) in self.measured.iter().enumerate() {
            println!(
                "  {:<38} {:>10.*} {} ±{:>2.0} %   {:>6.2} × floor   {:>6.2} × versioned   {}",
                candidate.name,
                self.digits(),
                candidate.median(),
                self.unit,
                candidate.spread() * 50.0,
                candidate.ratio(self.floor()),
                candidate.ratio(self.ours()),
                self.redelivered_text(place),
            );
        }
    }

    /// Behind the point.
    fn digits(&self) -> usize {
        if self.unit == "ms" { 2 } else { 0 }
    }
}

/// All that was measured.
pub(crate) struct Report {
    pub(crate) length: Length,
    words: Vec<String>,
    write: bool,
    load: Load,
    /// The transactions in a second of idle candidates.
    idle: Vec<(&'static str, f64)>,
    pub(crate) latencies: Vec<(&'static str, Vec<Latency>)>,
    pub(crate) times: Vec<Subject>,
    pub(crate) rates: Vec<Subject>,
}

impl Report {
    /// What the arguments of the program ask for.
    pub(crate) fn asked_for() -> Self {
        let (options, words): (Vec<String>, Vec<String>) = std::env::args()
            .skip(1)
            .partition(|word| word.starts_with("--"));
        let has = |name: &str| options.iter().any(|option| option == name);
        Self {
            length: match (has("--short"), has("--long")) {
                (true, _) => Length::Short,
                (_, true) => Length::Long,
                _ => Length::Usual,
            },
            words,
            write: has("--write"),
            load: Load::now(),
            idle: Vec::new(),
            latencies: Vec::new(),
            times: Vec::new(),
            rates: Vec::new(),
        }
    }

    /// Whether this part is to be measured.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| part.contains(word.as_str()))
    }

    pub(crate) fn add_idle(&mut self, idle: Vec<(&'static str, f64)>) {
        println!("\ntransactions of the owner's database while nothing happens, in a second");
        for (name, transactions) in &idle {
            println!("  {name:<38} {transactions:>10.1}");
        }
        self.idle = idle;
    }

    pub(crate) fn add_latencies(&mut self, load: &'static str, latencies: Vec<Latency>) {
        println!("\nlatency, {load}");
        let floor = &latencies[latencies.len() - 1];
        for Latency { p50, p99 } in &latencies {
            println!(
                "  {:<38} p50 {:>8.2} ms, p99 {:>8.2} ms   {:>6.2} and {:>6.2} × floor",
                p50.name,
                p50.median(),
                p99.median(),
                p50.ratio(&floor.p50),
                p99.ratio(&floor.p99),
            );
        }
        self.latencies.push((load, latencies));
    }

    pub(crate) fn add_times(&mut self, subject: Subject) {
        subject.print();
        self.times.push(subject);
    }

    pub(crate) fn add_rates(&mut self, subject: Subject) {
        subject.print();
        self.rates.push(subject);
    }

    /// Writes the tables and the picture, if a whole run was asked for.
    pub(crate) fn finish(&self, servers: &str) {
        let load = self.load.since();
        println!("\n{load}");
        if !self.write {
            return;
        }
        if !self.words.is_empty() || self.length == Length::Short {
            println!("nothing is written: this is not all");
            return;
        }
        let machine = format!(
            "{}, shared by clients and servers; {servers}, nothing synced to a disk",
            processor()
        );
        let text = format!(
            "## From the commit to the replica's row\n\n{machine}; medians of the rounds. {load}\n\n{}\n{}\n{}\n{}",
            self.latency_table(),
            self.idle_table(),
            Self::table(
                &self.times,
                "Time of a batch of 1,000 events on PostgreSQL:\n\n\
                 | work | candidate | ms | ± % | × floor | × versioned |\n| --- | --- | --: | --: | --: | --: |\n"
            ),
            Self::table(
                &self.rates,
                "Throughput: more is better. Each turn of `replicate` begins with an empty replica:\n\n\
                 | work | candidate | per second | ± % | × floor | × versioned | redelivered |\n\
                 | --- | --- | --: | --: | --: | --: | --: |\n"
            )
        );
        write_block("tests/speed/RESULTS.md", "path", &text).unwrap();
        let picture = picture::picture(self, &machine);
        versioned_speed::picture::write("replication.svg", &picture).unwrap();
    }

    fn latency_table(&self) -> String {
        let mut table = String::from(
            "Latency, from the commit at the owner to the commit at the replica:\n\n\
             | load | candidate | p50, ms | p99, ms | p50, × floor | p99, × floor |\n| --- | --- | --: | --: | --: | --: |\n",
        );
        for (load, latencies) in &self.latencies {
            let floor = &latencies[latencies.len() - 1];
            for Latency { p50, p99 } in latencies {
                writeln!(
                    table,
                    "| {load} | {} | {:.2} | {:.2} | {:.2} | {:.2} |",
                    p50.name,
                    p50.median(),
                    p99.median(),
                    p50.ratio(&floor.p50),
                    p99.ratio(&floor.p99),
                )
                .unwrap();
            }
        }
        table
    }

    fn idle_table(&self) -> String {
        let mut table = String::from(
            "Transactions of the owner's database while nothing happens:\n\n\
             | candidate | in a second |\n| --- | --: |\n",
        );
        for (name, transactions) in &self.idle {
            writeln!(table, "| {name} | {transactions:.1} |").unwrap();
        }
        table
    }

    fn table(subjects: &[Subject], head: &str) -> String {
        let mut table = head.to_owned();
        for subject in subjects {
            for (place, candidate) in subject.measured.iter().enumerate() {
                write!(
                    table,
                    "| {} | {} | {:.*} | {:.0} | {:.2} | {:.2} |",
                    subject.name,
                    candidate.name,
                    subject.digits(),
                    candidate.median(),
                    candidate.spread() * 50.0,
                    candidate.ratio(subject.floor()),
                    candidate.ratio(subject.ours()),
                )
                .unwrap();
                if subject.unit == "ms" {
                    table.push('\n');
                } else {
                    writeln!(table, " {} |", subject.redelivered_text(place)).unwrap();
                }
            }
        }
        table
    }
}
