//! The pictures: SVG, legible on a light and on a dark page.

use std::fmt::Write as _;
use std::fs;

use crate::growth::{Growth, Point};
use crate::machine::Machine;
use crate::report::{Subject, repository};
use crate::tickets::Operation;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 250.0;
const BAR: f64 = 11.0;
/// Of the longest bar; longer ones are cut, and say so.
const MOST: f64 = 5.0;
/// Colours that can be told apart, also by the colour-blind, on white and on black.
pub(crate) const COLOURS: [(&str, &str); 4] = [
    ("versioned", "#1f9e89"),
    ("Diesel by hand", "#e08214"),
    ("diesel_versioning", "#b35ab0"),
    ("sqlx", "#5b8fd6"),
];

/// Writes a picture to the directory of pictures.
pub(crate) fn write(name: &str, picture: &str) {
    let directory = repository().join("docs");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(name), picture).unwrap();
}

/// The frame of a picture.
pub(crate) fn frame(height: f64, title: &str, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\" role=\"img\">\n\
         <title>{title}</title>\n\
         <style>text {{ font: 12px sans-serif; fill: #7d8590 }} .line {{ stroke: #7d8590; stroke-width: 1; fill: none }}</style>\n\
         {body}</svg>\n"
    )
}

/// Text at a place.
pub(crate) fn text(x: f64, y: f64, anchor: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n")
}

/// A legend in one line.
pub(crate) fn legend<'a>(y: f64, entries: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut legend = String::new();
    for (place, (name, colour)) in entries.enumerate() {
        let x = LEFT + 140.0 * place as f64;
        let top = y - 9.0;
        writeln!(
            legend,
            "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>"
        )
        .unwrap();
        legend += &text(x + 15.0, y, "start", name);
    }
    legend
}

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
            writeln!(
                body,
                "<rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>",
                BAR - 1.0
            )
            .unwrap();
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
