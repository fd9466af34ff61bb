//! The one way to put text on the screen: cleaned, cut to the room there is, in the look of its tone.

use kino_text::{Tone, layout};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

/// What is drawn on.
pub(super) struct Canvas<'a> {
    buffer: &'a mut Buffer,
    colour: bool,
}

pub(super) struct CanvasRow<'a> {
    buffer: &'a mut Buffer,
    colour: bool,
    y: u16,
}

impl<'a> Canvas<'a> {
    /// Draws on this, with or without colour.
    pub(super) fn new(buffer: &'a mut Buffer, colour: bool) -> Self {
        Self { buffer, colour }
    }

    /// The row at `y` from the top; beyond the end, whatever is put there is not seen.
    pub(super) fn row(&mut self, y: u16) -> CanvasRow<'_> {
        CanvasRow { buffer: self.buffer, colour: self.colour, y }
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> u16 {
        self.buffer.area.height
    }
}

impl CanvasRow<'_> {
    /// How many columns there are.
    pub(super) fn columns(&self) -> u16 {
        self.buffer.area.width
    }

    /// Puts text at a column, up to the right edge; returns the column after it.
    pub(super) fn put(&mut self, x: u16, text: &str, tone: Tone) -> u16 {
        let end = self.columns();
        self.put_within(x, end, text, tone)
    }

    /// Puts text at a column, ending before `end`; returns the column after it.
    pub(super) fn put_within(&mut self, x: u16, end: u16, text: &str, tone: Tone) -> u16 {
        let end = end.min(self.columns());
        if self.y >= self.buffer.area.height || x >= end {
            return x;
        }
        let text = layout::cut(text, usize::from(end - x));
        self.buffer.set_stringn(x, self.y, &text, usize::from(end - x), look(tone, self.colour)).0
    }

    /// Puts text so that it ends before `end`, within `columns`.
    pub(super) fn put_right(&mut self, end: u16, columns: u16, text: &str, tone: Tone) {
        let text = layout::cut(text, usize::from(columns));
        let x = end.saturating_sub(layout::width(&text) as u16);
        self.put_within(x, end, &text, tone);
    }

    /// Marks every occurrence of the needle in the row, ASCII letters in either case.
    pub(super) fn mark(&mut self, needle: &str) {
        let (mut text, mut columns) = (String::new(), Vec::new());
        for x in 0..self.columns() {
            let symbol = self.buffer.cell((x, self.y)).map_or("", |cell| cell.symbol());
            text.push_str(symbol);
            columns.extend(std::iter::repeat_n(x, symbol.len()));
        }
        let look = look(Tone::Hit, self.colour);
        for (at, found) in text.to_ascii_lowercase().match_indices(&needle.to_ascii_lowercase()) {
            if let (Some(first), Some(last)) = (columns.get(at), columns.get(at + found.len() - 1)) {
                self.style(*first, last + 1, look);
            }
        }
    }

    /// Shows the columns from `start` to before `end` as chosen.
    pub(super) fn reverse(&mut self, start: u16, end: u16) {
        self.style(start, end, Style::new().add_modifier(Modifier::REVERSED));
    }

    /// Empties the columns from `start` to before `end`.
    pub(super) fn clear(&mut self, start: u16, end: u16) {
        for x in start..end.min(self.columns()) {
            if let Some(cell) = self.buffer.cell_mut((x, self.y)) {
                cell.reset();
            }
        }
    }

    fn style(&mut self, start: u16, end: u16, style: Style) {
        let area = Rect::new(start, self.y, end.saturating_sub(start), 1);
        self.buffer.set_style(area.intersection(self.buffer.area), style);
    }
}

fn look(tone: Tone, colour: bool) -> Style {
    let plain = Style::new();
    match (tone, colour) {
        (Tone::Plain, _) | (Tone::Good, false) => plain,
        (Tone::Strong, _) | (Tone::Warn | Tone::Bad, false) => plain.add_modifier(Modifier::BOLD),
        (Tone::Faint, _) => plain.add_modifier(Modifier::DIM),
        (Tone::Good, true) => plain.fg(Color::Green),
        (Tone::Warn, true) => plain.fg(Color::Yellow),
        (Tone::Bad, true) => plain.fg(Color::Red).add_modifier(Modifier::BOLD),
        (Tone::Hit, true) => plain.fg(Color::Black).bg(Color::Yellow),
        (Tone::Hit, false) => plain.add_modifier(Modifier::REVERSED),
    }
}
