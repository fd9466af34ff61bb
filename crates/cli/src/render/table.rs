//! Tables that fit the terminal: columns give way by wrapping between words, never by losing text. Where even the longest
//! words do not fit side by side, each row is a block of lines.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table as Comfy, Width, presets,
};
use kino_text::layout;

use super::{Style, Tone, wrap};

/// What may stand before a heading.
const MARKS: [char; 2] = ['>', '!'];
/// The columns between two columns.
const GAP: usize = 2;

/// A table being made.
pub(crate) struct Table {
    style: Style,
    columns: Vec<TableColumn>,
    rows: Vec<Vec<(String, Tone)>>,
}

struct TableColumn {
    heading: String,
    /// Set to the right: numbers.
    right: bool,
    /// Never wraps: its text is there to be copied.
    whole: bool,
}

impl Table {
    /// A table with these headings; one that begins with `>` is of a column of numbers, set to the right,
    /// one with `!` of a column that never gives way, because its text is there to be copied.
    pub(crate) fn new(style: Style, headings: &[&str]) -> Self {
        let column = |heading: &&str| TableColumn {
            heading: heading.trim_start_matches(MARKS).to_owned(),
            right: heading.starts_with('>'),
            whole: heading.starts_with('!'),
        };
        Self { style, columns: headings.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: &[(&str, Tone)]) {
        self.rows.push(cells.iter().map(|(text, tone)| ((*text).to_owned(), *tone)).collect());
    }

    /// The table as lines, without spaces at their ends.
    pub(crate) fn finish(self) -> String {
        let least: Vec<usize> = (0..self.columns.len()).map(|index| self.least_width(index)).collect();
        let needed = total(&least);
        if self.style.width.is_some_and(|width| needed > usize::from(width)) && self.has_headings() {
            return self.blocks();
        }
        self.side_by_side(&least)
    }

    fn has_headings(&self) -> bool {
        self.columns.iter().any(|column| !column.heading.is_empty())
    }

    /// The width of a column's longest word, or of its longest text where it does not wrap.
    fn least_width(&self, index: usize) -> usize {
        let column = &self.columns[index];
        let texts = self.rows.iter().filter_map(|row| Some(row.get(index)?.0.as_str()));
        let longest_word = |text: &str| text.split_whitespace().map(layout::width).max().unwrap_or(0);
        let whole = |text: &str| text.lines().map(layout::width).max().unwrap_or(0);
        let width = |text: &str| if column.whole || column.right { whole(text) } else { longest_word(text) };
        texts.chain([column.heading.as_str()]).map(width).max().unwrap_or(0)
    }

    fn side_by_side(&self, least: &[usize]) -> String {
        let mut table = Comfy::new();
        table.load_preset(presets::NOTHING);
        match self.style.width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if self.style.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        if self.has_headings() {
            let headings = self.columns.iter().map(|column| (column.heading.as_str(), Tone::Faint));
            table.set_header(self.cells(headings));
        }
        for row in &self.rows {
            table.add_row(self.cells(row.iter().map(|(text, tone)| (text.as_str(), *tone))));
        }
        // The first column begins at the margin, and two spaces part the columns.
        let widths = self.style.width.map(|width| self.shared(least, usize::from(width)));
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((u16::from(index > 0), 1));
            if let Some(widths) = &widths {
                let wide = widths.get(index).copied().unwrap_or_default() + usize::from(index > 0) + 1;
                column
                    .set_constraint(ColumnConstraint::Absolute(Width::Fixed(u16::try_from(wide).unwrap_or(u16::MAX))));
            }
        }
        let text = table.to_string();
        let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        while lines.last() == Some(&"") {
            lines.pop();
        }
        let mut text = lines.join("\n");
        text.push('\n');
        text
    }

    /// The columns' widths: each has its least, and what is left goes to those first that lack little.
    fn shared(&self, least: &[usize], width: usize) -> Vec<usize> {
        let longest_line = |text: &str| text.lines().map(layout::width).max().unwrap_or(0);
        let wanted: Vec<usize> = (0..least.len())
            .map(|index| {
                let texts = self.rows.iter().filter_map(|row| Some(row.get(index)?.0.as_str()));
                let heading = self.columns[index].heading.as_str();
                texts.chain([heading]).map(longest_line).max().unwrap_or(0).max(least[index])
            })
            .collect();
        let mut widths = least.to_vec();
        let mut left = width.saturating_sub(total(least));
        let mut by_lack: Vec<usize> = (0..widths.len()).collect();
        by_lack.sort_by_key(|index| wanted[*index] - least[*index]);
        for index in by_lack {
            let more = (wanted[index] - least[index]).min(left);
            widths[index] += more;
            left -= more;
        }
        widths
    }

    fn cells<'a>(&self, cells: impl Iterator<Item = (&'a str, Tone)>) -> Vec<Cell> {
        let made = cells.enumerate().map(|(index, (text, tone))| {
            let mut cell = Cell::new(text);
            if self.columns.get(index).is_some_and(|column| column.right) {
                cell = cell.set_alignment(CellAlignment::Right);
            }
            match tone {
                _ if !self.style.colour => cell,
                Tone::Plain => cell,
                Tone::Strong => cell.add_attribute(Attribute::Bold),
                Tone::Faint => cell.add_attribute(Attribute::Dim),
                Tone::Good => cell.fg(Color::Green),
                Tone::Warn => cell.fg(Color::Yellow),
                Tone::Bad => cell.fg(Color::Red),
                Tone::Hit => cell.add_attribute(Attribute::Reverse),
            }
        });
        made.collect()
    }

    /// Each row as lines of a heading and a value, and an empty line between two rows.
    fn blocks(&self) -> String {
        let label = self.columns.iter().map(|column| layout::width(&column.heading)).max().unwrap_or(0);
        let margin = " ".repeat(label + GAP);
        let blocks: Vec<String> = self.rows.iter().map(|row| self.block(row, label, &margin)).collect();
        blocks.join("\n")
    }

    fn block(&self, row: &[(String, Tone)], label: usize, margin: &str) -> String {
        let mut text = String::new();
        for (column, (value, tone)) in self.columns.iter().zip(row).filter(|(_, (value, _))| !value.trim().is_empty()) {
            let lines = wrap(value, self.style, margin);
            for (index, line) in lines.lines().enumerate() {
                let heading = if index == 0 { column.heading.as_str() } else { "" };
                let heading = self.style.paint(Tone::Faint, &format!("{heading:label$}"));
                let value = self.style.paint(*tone, line.trim_start());
                text.push_str(&format!("{heading}{}{value}\n", " ".repeat(GAP)));
            }
        }
        text
    }
}

/// What columns of these widths take side by side.
fn total(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(width: u16) -> String {
        let style = Style { colour: false, width: Some(width) };
        let mut table = Table::new(style, &["STARTED", ">DURATION", "!TRACE", "ROOT"]);
        table.row(&[
            ("21 min ago", Tone::Faint),
            ("99.9 ms", Tone::Strong),
            ("0123456789abcdef", Tone::Faint),
            ("GET /orders/<int:id> (shop)", Tone::Plain),
        ]);
        table.row(&[
            ("3 h ago", Tone::Faint),
            ("1.41 s", Tone::Strong),
            ("fedcba9876543210", Tone::Faint),
            ("checkout", Tone::Plain),
        ]);
        table.finish()
    }

    #[test]
    fn columns_give_way_between_words_and_then_rows_become_blocks() {
        for width in 10..100 {
            let text = drawn(width);
            for word in ["21", "min", "STARTED", "99.9", "0123456789abcdef", "/orders/<int:id>", "checkout"] {
                assert!(text.contains(word), "{word} is broken at {width}:\n{text}");
            }
            let wide = text.lines().filter(|line| line.chars().count() > usize::from(width.max(30))).count();
            assert_eq!(wide, 0, "at {width}:\n{text}");
        }
        insta::assert_snapshot!(format!("{}\n{}\n{}", drawn(80), drawn(62), drawn(40)));
    }
}
