//! The pictures.

use std::fmt::Write as _;

use versioned_speed::picture::{BAR, COLORS, LEFT, WIDTH, frame, legend, rectangle, text};

use crate::growth::{Growth, Point};
use crate::machine::Machine;
use crate::report::Subject;
use crate::tickets::Operation;

/// Of the longest bar; longer ones are cut, and say so.
const MOST: f64 = 5.0;
/// The candidates that are shown.
pub(crate) const COLOURS: [(&str, &str); 4] = [
    ("versioned", COLORS[0]),
    ("Diesel by hand", COLORS[1]),
    ("diesel_versioning", COLORS[2]),
    ("sqlx", COLORS[3]),
];

/// Saves of one row: bars against the raw driver's prepared statement.
pub(crate) fn bars(subjects: &[Subject], machine: &Machine) -> String {
    let scale = (WIDTH - LEFT - 60.0) / MOST;
    let mut body = text(
        LEFT,
        20.0,
        "start",
        "time of one operation; the raw driver's prepared statement = 1",
    );
    body += &legend(40.0, COLOURS.into_iter());
    let mut y = 60.0;
    let shown = [Operation::Save, Operation::Stale].map(Operation::name);
    for subject in subjects
        .iter()
        .filter(|subject| shown.contains(&subject.what))
    {
        let label = format!("{}, {}", subject.what, subject.place);
        body += &text(LEFT - 10.0, y + BAR, "end", &label);
        for (name, colour) in COLOURS {
            let Some(candidate) = subject.named(name) else {
                continue;
            };
            let ratio = candidate.ratio(subject.floor());
            let width = ratio.min(MOST) * scale;
            body += &rectangle((LEFT, y), (width, BAR - 1.0), colour);
            body += &text(
                LEFT + width + 4.0,
                y + BAR - 1.5,
                "start",
                &format!("{ratio:.2}"),
            );
            y += BAR;
        }
        y += 9.0;
    }
    let one = LEFT + scale;
    writeln!(body, "<path class=\"line\" d=\"M{one:.1} 50V{y:.1}\"/>").unwrap();
    body += &text(10.0, y + 18.0, "start", &machine.to_string());
    frame(y + 30.0, "Speed of versioned, beside others", &body)
}

/// Lines for each backend, in a panel for each kind of growth; both axes are logarithmic.
pub(crate) fn lines(all: &[Growth], machine: &Machine) -> String {
    let places: Vec<&str> = all.iter().map(|growth| growth.place).collect();
    let colour = |place: &str| {
        let mut seen = places.clone();
        seen.dedup();
        let number = seen.iter().position(|seen| *seen == place).unwrap_or(0);
        COLOURS[number % COLOURS.len()].1
    };
    let mut body = text(
        40.0,
        20.0,
        "start",
        "versioned; dashed: the raw driver; µs for each",
    );
    let mut seen = places.clone();
    seen.dedup();
    body += &legend(40.0, seen.iter().map(|place| (*place, colour(place))));
    let mut panels: Vec<&str> = Vec::new();
    for growth in all {
        if !panels.contains(&growth.what) {
            panels.push(growth.what);
        }
    }
    for (number, what) in panels.iter().enumerate() {
        let corner = (
            40.0 + (number % 2) as f64 * (WIDTH / 2.0),
            70.0 + (number / 2) as f64 * PANEL,
        );
        let here: Vec<&Growth> = all.iter().filter(|growth| growth.what == *what).collect();
        body += &panel(corner, what, &here, colour);
    }
    let bottom = 70.0 + panels.len().div_ceil(2) as f64 * PANEL;
    body += &text(10.0, bottom, "start", &machine.to_string());
    frame(bottom + 12.0, "The time per row as there is more", &body)
}

const PANEL: f64 = 260.0;

/// One kind of growth, its upper left corner at `(left, top)`.
fn panel(
    (left, top): (f64, f64),
    what: &str,
    here: &[&Growth],
    colour: impl Fn(&str) -> &'static str,
) -> String {
    let (width, height) = (WIDTH / 2.0 - 80.0, PANEL - 70.0);
    let points = || here.iter().flat_map(|growth| &growth.points);
    let bounds = |values: Vec<f64>| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min).log10();
        let high = values.iter().copied().fold(0.0, f64::max).log10();
        (low, (high - low).max(0.1))
    };
    let (x_low, x_range) = bounds(points().map(|point| point.size as f64).collect());
    let (y_low, y_range) = bounds(points().flat_map(|point| [point.ours, point.raw]).collect());
    let x = |size: usize| left + ((size as f64).log10() - x_low) / x_range * width;
    let y = |time: f64| top + 20.0 + height - (time.log10() - y_low) / y_range * height;

    let mut panel = text(left, top, "start", what);
    let bottom = top + 20.0 + height;
    writeln!(
        panel,
        "<path class=\"line\" d=\"M{left:.1} {:.1}V{bottom:.1}H{:.1}\"/>",
        top + 20.0,
        left + width
    )
    .unwrap();
    for time in [10_f64.powf(y_low), 10_f64.powf(y_low + y_range)] {
        panel += &text(left - 4.0, y(time) + 4.0, "end", &short(time));
    }
    if let Some(first) = here.first() {
        for point in &first.points {
            panel += &text(
                x(point.size),
                bottom + 16.0,
                "middle",
                &short(point.size as f64),
            );
        }
        panel += &text(left + width, bottom + 32.0, "end", first.of);
    }
    for growth in here {
        let colour = colour(growth.place);
        for (dashes, time) in [
            ("", (|point| point.ours) as fn(&Point) -> f64),
            (" stroke-dasharray=\"4 3\"", |point| point.raw),
        ] {
            let line: Vec<String> = growth
                .points
                .iter()
                .map(|point| format!("{:.1},{:.1}", x(point.size), y(time(point))))
                .collect();
            writeln!(
                panel,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>",
                line.join(" ")
            )
            .unwrap();
        }
    }
    panel
}

/// A number with a suffix, in three places at most.
fn short(number: f64) -> String {
    match number {
        1_000_000.0.. => format!("{:.0} M", number / 1e6),
        1_000.0.. => format!("{:.0} k", number / 1e3),
        _ if number >= 10.0 || number.fract() == 0.0 => format!("{number:.0}"),
        _ => format!("{number:.1}"),
    }
}
