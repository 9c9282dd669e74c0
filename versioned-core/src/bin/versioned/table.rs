//! A table of text.

use std::fmt;

/// How a cell is shown in a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Yellow,
    Red,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Bold => "\u{1b}[1m",
            Self::Yellow => "\u{1b}[33m",
            Self::Red => "\u{1b}[31m",
        }
    }

    /// Returns the text in this style, if there are colors.
    pub(crate) fn paint(self, text: &str, has_colors: bool) -> String {
        if has_colors && self != Self::Plain {
            format!("{}{text}\u{1b}[0m", self.code())
        } else {
            text.to_owned()
        }
    }
}

#[derive(Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
    is_number: bool,
}

/// A cell with text.
pub(crate) fn text(text: impl AsRef<str>) -> Cell {
    Cell {
        text: crate::text::shown(text.as_ref()),
        style: Style::Plain,
        is_number: false,
    }
}

/// A cell at the right side of its column.
pub(crate) fn number(number: impl fmt::Display) -> Cell {
    Cell {
        is_number: true,
        ..text(number.to_string())
    }
}

impl Cell {
    pub(crate) fn style(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

/// Rows below a header. The last column is cut where the terminal ends.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        let header = header.iter().map(|name| text(name).style(Style::Bold));
        Self {
            rows: vec![header.collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Returns the lines.
    pub(crate) fn lines(&self, width: Option<usize>, has_colors: bool) -> Vec<String> {
        let columns = self.columns();
        let widths: Vec<usize> = (0..columns).map(|column| self.width(column)).collect();
        let numbers: Vec<bool> = (0..columns).map(|column| self.is_number(column)).collect();
        let mut lines = Vec::new();
        for row in &self.rows {
            let mut line = String::new();
            let mut used = 0;
            for (place, cell) in row.iter().take(columns).enumerate() {
                let is_last = place + 1 == columns;
                let room = widths.get(place).copied().unwrap_or(0);
                let length = cell.text.chars().count();
                let padding = " ".repeat(room.saturating_sub(length));
                let is_number = numbers.get(place).copied().unwrap_or(false);
                let left = width.map_or(usize::MAX, |width| width.saturating_sub(used).max(8));
                let cut = if is_last {
                    cut(&cell.text, left)
                } else {
                    cell.text.clone()
                };
                let painted = cell.style.paint(&cut, has_colors);
                if is_number {
                    line.push_str(&padding);
                }
                line.push_str(&painted);
                if !is_last {
                    if !is_number {
                        line.push_str(&padding);
                    }
                    line.push_str("  ");
                }
                used += room + 2;
            }
            lines.push(line.trim_end().to_owned());
        }
        lines
    }

    /// The number of columns, without those at the end that are empty below the header.
    fn columns(&self) -> usize {
        let rows = self.rows.iter().skip(1);
        let used = rows.map(|row| row.iter().rposition(|cell| !cell.text.is_empty()));
        used.map(|last| last.map_or(0, |last| last + 1))
            .max()
            .unwrap_or(0)
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.text.chars().count())
            .max()
            .unwrap_or(0)
    }

    /// Whether the cells below the header are numbers.
    fn is_number(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().skip(1).filter_map(|row| row.get(column));
        cells.any(|cell| cell.is_number)
    }
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(room.saturating_sub(2)).collect();
    cut.push_str("..");
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_the_last_one_is_cut() {
        let mut table = Table::new(&["NAME", "N", "ERROR"]);
        table.row([text("a"), number(5), text("short")]);
        table.row([text("longer"), number(1_000), text("a long error")]);
        assert_eq!(
            table.lines(Some(24), false),
            [
                "NAME       N  ERROR",
                "a          5  short",
                "longer  1000  a long e..",
            ]
        );
        assert_eq!(
            table.lines(None, false).last().unwrap(),
            "longer  1000  a long error"
        );
    }

    #[test]
    fn a_column_without_text_is_left_out() {
        let mut table = Table::new(&["A", "ERROR"]);
        table.row([text("x"), text("")]);
        assert_eq!(table.lines(None, false), ["A", "x"]);
    }

    #[test]
    fn colors_do_not_move_columns() {
        let mut table = Table::new(&["A", "B"]);
        table.row([text("x").style(Style::Red), text("y")]);
        let plain = table.lines(None, false);
        let painted = table.lines(None, true);
        assert_eq!(painted.last().unwrap(), "\u{1b}[31mx\u{1b}[0m  y");
        assert_eq!(plain.last().unwrap(), "x  y");
    }
}
