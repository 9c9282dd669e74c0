//! The pictures: SVG, legible on a light and on a dark page.

use std::fmt::Write as _;
use std::fs;

use crate::machine::Machine;
use crate::report::{Subject, repository};

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

/// The work on one row: bars against the raw driver's prepared statement.
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
    for subject in subjects
        .iter()
        .filter(|subject| subject.named(COLOURS[1].0).is_some())
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
