//! The picture: the latency under each load, and the throughput as a share of the floor's.

use std::fmt::Write as _;

use versioned_speed::picture::{BAR, COLORS, LEFT, WIDTH, frame, legend, rectangle, text};

use crate::latency::Latency;
use crate::report::{Report, Subject};

/// The axis of the latencies is logarithmic, between these powers of ten, in milliseconds.
const POWERS: (i32, i32) = (-1, 3);
/// The longest bar; longer ones are cut.
const MOST: f64 = 1.5;
/// The room at the right for figures.
const RIGHT: f64 = 190.0;
const GAP: f64 = 9.0;

pub(crate) fn picture(report: &Report, machine: &str) -> String {
    let mut body = String::new();
    let y = latencies(report, &mut body);
    let y = shares(report, y + 40.0, &mut body);
    body += &text(10.0, y + 20.0, "start", machine);
    frame(
        y + 32.0,
        "From the owner's commit to the replica's row, beside the same by hand",
        &body,
    )
}

/// A line from the p50 to the p99 of each candidate.
fn latencies(report: &Report, body: &mut String) -> f64 {
    let (low, high) = POWERS;
    let scale = (WIDTH - LEFT - RIGHT) / f64::from(high - low);
    let x = |time: f64| {
        LEFT + (time.log10().clamp(f64::from(low), f64::from(high)) - f64::from(low)) * scale
    };
    *body += &text(
        LEFT,
        20.0,
        "start",
        "from the owner's commit to the replica's row, ms: a dot at p50, and a line to p99",
    );
    if let Some((_, latencies)) = report.latencies.first() {
        let names = latencies.iter().map(|latency| latency.p50.name);
        *body += &legend(40.0, names.zip(COLORS));
    }
    let (top, mut y) = (58.0, 66.0);
    for (load, latencies) in &report.latencies {
        *body += &text(LEFT - 10.0, y + BAR + 3.0, "end", load);
        let floor = &latencies[latencies.len() - 1];
        for (Latency { p50, p99 }, color) in latencies.iter().zip(COLORS) {
            let (from, to, middle) = (x(p50.median()), x(p99.median()), y + BAR / 2.0);
            writeln!(
                body,
                "<path d=\"M{from:.1} {middle:.1}H{to:.1}\" stroke=\"{color}\" stroke-width=\"3\"/>\n\
                 <circle cx=\"{from:.1}\" cy=\"{middle:.1}\" r=\"4\" fill=\"{color}\"/>"
            )
            .unwrap();
            let (one, other) = (p50.ratio(&floor.p50), p99.ratio(&floor.p99));
            let figures = format!("{one:.1} and {other:.1} × by hand");
            if p50.name != floor.p50.name {
                *body += &text(WIDTH - RIGHT + 15.0, y + BAR - 1.0, "start", &figures);
            }
            y += BAR + 1.0;
        }
        y += GAP;
    }
    for power in low..=high {
        let (time, place) = (10_f64.powi(power), LEFT + f64::from(power - low) * scale);
        writeln!(
            body,
            "<path class=\"line\" stroke-opacity=\"0.35\" d=\"M{place:.1} {top}V{y:.1}\"/>"
        )
        .unwrap();
        *body += &text(place, y + 14.0, "middle", &time.to_string());
    }
    y + 14.0
}

/// A bar of each candidate but the floor.
fn shares(report: &Report, top: f64, body: &mut String) -> f64 {
    let scale = (WIDTH - LEFT - RIGHT) / MOST;
    *body += &text(LEFT, top, "start", "throughput; by hand = 1");
    let mut y = top + 14.0;
    // What takes longer has less throughput.
    let times = report.times.iter().map(|subject| (subject, true));
    let rates = report.rates.iter().map(|subject| (subject, false));
    for (subject, is_time) in rates.chain(times) {
        *body += &text(LEFT - 10.0, y + BAR - 1.5, "end", subject.name);
        for (name, ratio) in ratios(subject) {
            let share = if is_time { 1.0 / ratio } else { ratio };
            let width = share.min(MOST) * scale;
            *body += &rectangle((LEFT, y), (width, BAR - 1.0), COLORS[0]);
            let figure = format!("{share:.2} {name}");
            *body += &text(LEFT + width + 4.0, y + BAR - 1.5, "start", &figure);
            y += BAR + 1.0;
        }
        y += GAP;
    }
    let one = LEFT + scale;
    writeln!(
        body,
        "<path class=\"line\" stroke-opacity=\"0.35\" d=\"M{one:.1} {:.1}V{y:.1}\"/>",
        top + 8.0
    )
    .unwrap();
    y
}

/// The ratios of this library's candidates to the floor.
fn ratios(subject: &Subject) -> impl Iterator<Item = (&str, f64)> {
    let ours = subject
        .measured
        .iter()
        .filter_map(|candidate| Some((candidate.name.strip_prefix("versioned")?, candidate)));
    ours.map(|(name, candidate)| {
        let name = name.strip_prefix(", ").unwrap_or(name);
        (name, candidate.ratio(subject.floor()))
    })
}
