//! The parts of the pictures: SVG, legible on a light and on a dark page.

use std::fs;
use std::io;

use crate::repository;

/// The width of a picture.
pub const WIDTH: f64 = 860.0;
/// The place of the labels' right edge, and of the bars' left one.
pub const LEFT: f64 = 250.0;
/// The height of a bar.
pub const BAR: f64 = 11.0;

/// Colors that can be told apart, also by the color-blind, on white and on black.
pub const COLORS: [&str; 4] = ["#1f9e89", "#e08214", "#b35ab0", "#5b8fd6"];

/// Writes a picture to the directory of pictures.
///
/// # Errors
///
/// Returns the error of writing the file.
pub fn write(name: &str, picture: &str) -> io::Result<()> {
    let directory = repository().join("docs");
    fs::create_dir_all(&directory)?;
    fs::write(directory.join(name), picture)
}

/// Returns the frame of a picture, with this body.
pub fn frame(height: f64, title: &str, body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"{WIDTH}\" height=\"{height:.0}\" role=\"img\">\n\
         <title>{title}</title>\n\
         <style>text {{ font: 12px sans-serif; fill: #7d8590 }} .line {{ stroke: #7d8590; stroke-width: 1; fill: none }}</style>\n\
         {body}</svg>\n"
    )
}

/// Returns a text at a place.
pub fn text(x: f64, y: f64, anchor: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>\n")
}

/// Returns a filled rectangle.
pub fn rectangle((x, y): (f64, f64), (width, height): (f64, f64), color: &str) -> String {
    format!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{color}\"/>\n"
    )
}

/// Returns a legend in one line, of names and colors.
pub fn legend<'a>(y: f64, entries: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let (mut legend, mut x) = (String::new(), LEFT);
    for (name, color) in entries {
        legend += &rectangle((x, y - 9.0), (10.0, 10.0), color);
        legend += &text(x + 15.0, y, "start", name);
        x += 140.0;
    }
    legend
}
