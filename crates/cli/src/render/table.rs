//! Tables that fit the terminal: columns give way by wrapping, never by losing text.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Table as Comfy, presets,
};

use super::{Style, Tone};

/// What may stand before a heading.
const MARKS: [char; 2] = ['>', '!'];

/// A table being made.
pub(crate) struct Table {
    comfy: Comfy,
    colour: bool,
    right: Vec<bool>,
    whole: Vec<bool>,
}

impl Table {
    /// A table with these headings; one that begins with `>` is of a column of numbers, set to the right,
    /// one with `!` of a column that never gives way, because its text is there to be copied.
    pub(crate) fn new(style: Style, headings: &[&str]) -> Self {
        let mut table = Comfy::new();
        table.load_preset(presets::NOTHING);
        match style.width {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        if style.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        let marked = |mark| headings.iter().map(|heading| heading.starts_with(mark)).collect();
        let (right, whole): (Vec<bool>, Vec<bool>) = (marked('>'), marked('!'));
        let mut made = Self { comfy: table, colour: style.colour, right, whole };
        if headings.iter().any(|heading| !heading.trim_start_matches(MARKS).is_empty()) {
            let cells: Vec<_> =
                headings.iter().map(|heading| (heading.trim_start_matches(MARKS), Tone::Faint)).collect();
            let cells = made.cells(&cells);
            made.comfy.set_header(cells);
        }
        made
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: &[(&str, Tone)]) {
        let cells = self.cells(cells);
        self.comfy.add_row(cells);
    }

    fn cells(&self, cells: &[(&str, Tone)]) -> Vec<Cell> {
        let made = cells.iter().enumerate().map(|(index, (text, tone))| {
            let mut cell = Cell::new(text);
            if self.right.get(index) == Some(&true) {
                cell = cell.set_alignment(CellAlignment::Right);
            }
            match tone {
                _ if !self.colour => cell,
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

    /// The table as lines, without spaces at their ends.
    pub(crate) fn finish(mut self) -> String {
        // The first column begins at the margin, and two spaces part the columns.
        for (index, column) in self.comfy.column_iter_mut().enumerate() {
            if self.whole.get(index) == Some(&true) {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
            column.set_padding((u16::from(index > 0), 1));
        }
        let text = self.comfy.to_string();
        let mut lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        while lines.last() == Some(&"") {
            lines.pop();
        }
        let mut text = lines.join("\n");
        text.push('\n');
        text
    }
}
