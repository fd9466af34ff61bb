//! A page of text to read: lines that wrap, some of which lead on, and a search with its hits marked.

use kino_model::{BlobHash, SpanId, TraceId};
use kino_text::{Tone, layout, untrusted};
use kino_wire::finding::Finding;

use crate::event::Key;
use crate::filter::Filter;
use crate::list::List;

/// Hits that a search keeps; beyond them it says that there are more.
pub(crate) const HITS_MAX: usize = 10_000;
/// Columns that an indented line has at least.
const ROOM_MIN: usize = 8;
/// The most lines of a page. Its last line says how many were left out.
pub(crate) const LINES_MAX: usize = 500_000;

/// Where a line leads.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Target {
    Trace(TraceId),
    Span(TraceId, SpanId),
    /// To a blob's text, under this title.
    Text {
        /// Its hash.
        blob: BlobHash,
        /// What it is.
        title: String,
        /// What to look for in it.
        goal: Option<Goal>,
    },
    /// To a span, and what to look for in it.
    Within(TraceId, SpanId, Goal),
    /// To what a finding says.
    Finding(Box<Finding>),
    /// To the list of traces, narrowed by this filter.
    Traces(Filter),
}

/// What to look for in a text that is being opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Goal {
    /// What.
    pub(crate) needle: String,
    /// From which byte of the text on.
    pub(crate) offset: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Line {
    /// Clean text.
    text: String,
    indent: usize,
    tone: Tone,
    target: Option<Target>,
}

impl Line {
    /// A line of recorded or own text, cleaned here.
    pub(crate) fn new(text: &str) -> Self {
        Self { text: untrusted::clean(text).into_owned(), ..Self::default() }
    }

    /// Indents the line, and its continuations, by this many columns.
    pub(crate) fn indent(mut self, columns: usize) -> Self {
        self.indent = columns;
        self
    }

    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }

    /// Leading there.
    pub(crate) fn to(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }
}

/// A part of a line that fits the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct WrappedRow {
    line: usize,
    start: usize,
    end: usize,
}

/// A place where the search matches, in bytes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hit {
    line: usize,
    start: usize,
    end: usize,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct TextSearch {
    needle: String,
    hits: Vec<Hit>,
    more: bool,
}

/// Text to read.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Doc {
    lines: Vec<Line>,
    rows: Vec<WrappedRow>,
    width: usize,
    list: List,
    search: Option<TextSearch>,
}

impl Doc {
    /// A page of these lines, laid out for `width` columns.
    pub(crate) fn new(lines: Vec<Line>, width: usize) -> Self {
        let mut doc = Self { width: width.max(1), ..Self::default() };
        doc.append(lines);
        doc
    }

    /// Adds lines at the end; a search that is under way finds them too.
    pub(crate) fn append(&mut self, lines: Vec<Line>) {
        let first = self.lines.len();
        self.lines.extend(lines);
        for line in first..self.lines.len() {
            wrap(line, &self.lines[line], self.width, &mut self.rows);
        }
        if let Some(mut search) = self.search.take() {
            search.look(&self.lines, first);
            self.search = Some(search);
        }
    }

    /// Puts other lines in the place of these, keeping where the reader is.
    pub(crate) fn replace(&mut self, lines: Vec<Line>, rows: usize) {
        let needle = self.search.take().map(|search| search.needle);
        self.lines.clear();
        self.rows.clear();
        self.append(lines);
        self.list.fit(self.rows.len(), rows);
        if let Some(needle) = needle {
            self.search(&needle);
        }
    }

    /// Lays the lines out again.
    pub(crate) fn resize(&mut self, width: usize, rows: usize) {
        if self.width != width.max(1) {
            let line = self.rows.get(self.list.chosen).map(|row| row.line);
            self.width = width.max(1);
            self.rows.clear();
            for (index, line) in self.lines.iter().enumerate() {
                wrap(index, line, self.width, &mut self.rows);
            }
            if let Some(line) = line {
                self.list.chosen = self.rows.partition_point(|row| row.line < line);
            }
        }
        self.list.fit(self.rows.len(), rows);
    }

    /// Moves as the key says; whether it was a key that moves.
    pub(crate) fn key(&mut self, key: Key, rows: usize) -> bool {
        self.list.key(key, self.rows.len(), rows)
    }

    /// Where the chosen line leads.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.lines[self.rows.get(self.list.chosen)?.line].target.as_ref()
    }

    /// Goes to a line, or to the last.
    pub(crate) fn go_to(&mut self, line: usize, rows: usize) {
        self.list.chosen = self.rows.partition_point(|row| row.line < line);
        self.list.fit(self.rows.len(), rows);
    }

    /// Whether the end is within a page's reach.
    pub(crate) fn near_end(&self, rows: usize) -> bool {
        self.list.chosen + 2 * rows >= self.rows.len()
    }

    /// How many lines there are.
    pub(crate) fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// Searches for `needle`, ASCII letters in either case; nothing ends the search.
    pub(crate) fn search(&mut self, needle: &str) {
        self.search = (!needle.is_empty()).then(|| {
            let mut search = TextSearch { needle: needle.to_ascii_lowercase(), ..TextSearch::default() };
            search.look(&self.lines, 0);
            search
        });
    }

    /// What is searched for, how many hits there are, whether there are more, and the number of the chosen one, from 1.
    pub(crate) fn searched(&self) -> Option<(&str, usize, bool, Option<usize>)> {
        let search = self.search.as_ref()?;
        let row = self.rows.get(self.list.chosen);
        let at = row.and_then(|row| search.hits.iter().position(|hit| row.holds(*hit)));
        Some((&search.needle, search.hits.len(), search.more, at.map(|at| at + 1)))
    }

    /// Goes to the first hit from here on, to the next or to the one before; false where there is none that way.
    pub(crate) fn seek(&mut self, way: Way, rows: usize) -> bool {
        let Some(search) = &self.search else { return false };
        let Some(here) = self.rows.get(self.list.chosen).copied() else { return false };
        let before = |hit: &Hit| (hit.line, hit.start) < (here.line, here.start);
        let first_here = search.hits.partition_point(before);
        let first_after = first_here + search.hits[first_here..].iter().take_while(|hit| here.holds(**hit)).count();
        let found = match way {
            Way::Here => search.hits.get(first_here),
            Way::Next => search.hits.get(first_after),
            Way::Back => first_here.checked_sub(1).and_then(|index| search.hits.get(index)),
        };
        let Some(hit) = found.copied() else { return false };
        self.list.chosen = self.rows.partition_point(|row| (row.line, row.end) <= (hit.line, hit.start));
        // A hit is read in its surroundings.
        self.list.top = self.list.chosen.saturating_sub(rows / 3);
        self.list.fit(self.rows.len(), rows);
        true
    }

    /// The rows to show: whether each is the chosen one, its indent, whether it leads on, and its pieces.
    pub(crate) fn shown(&self, rows: usize) -> impl Iterator<Item = ShownRow<'_>> {
        let visible = self.rows.iter().enumerate().skip(self.list.top).take(rows);
        visible.map(|(index, row)| {
            let line = &self.lines[row.line];
            ShownRow {
                chosen: index == self.list.chosen,
                indent: line.indent,
                leads: line.target.is_some() && row.start == 0,
                pieces: self.pieces(*row, line),
            }
        })
    }

    /// The first and the last row shown, from 1, and how many there are.
    pub(crate) fn place(&self, rows: usize) -> (usize, usize, usize) {
        let count = self.rows.len();
        ((self.list.top + 1).min(count), (self.list.top + rows).min(count), count)
    }

    fn pieces<'a>(&'a self, row: WrappedRow, line: &'a Line) -> Vec<(&'a str, Tone)> {
        let mut pieces = Vec::new();
        let mut at = row.start;
        let hits = self.search.as_ref().map(|search| &search.hits[..]).unwrap_or_default();
        let from = hits.partition_point(|hit| (hit.line, hit.end) <= (row.line, row.start));
        for hit in hits[from..].iter().take_while(|hit| hit.line == row.line && hit.start < row.end) {
            let (start, end) = (hit.start.max(at), hit.end.min(row.end));
            pieces.push((&line.text[at..start], line.tone));
            pieces.push((&line.text[start..end], Tone::Hit));
            at = end;
        }
        pieces.push((&line.text[at..row.end], line.tone));
        pieces
    }
}

/// Which hit to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The first from here on.
    Here,
    Next,
    /// The one before.
    Back,
}

/// What the screen has of one row.
pub(crate) struct ShownRow<'a> {
    /// Whether it is the chosen one.
    pub(crate) chosen: bool,
    /// Columns before it.
    pub(crate) indent: usize,
    /// Whether Enter leads somewhere.
    pub(crate) leads: bool,
    /// Its text.
    pub(crate) pieces: Vec<(&'a str, Tone)>,
}

impl WrappedRow {
    fn holds(self, hit: Hit) -> bool {
        hit.line == self.line && self.start <= hit.start && hit.start < self.end.max(self.start + 1)
    }
}

impl TextSearch {
    fn look(&mut self, lines: &[Line], first: usize) {
        for (index, line) in lines.iter().enumerate().skip(first) {
            let text = line.text.to_ascii_lowercase();
            for (start, found) in text.match_indices(&self.needle) {
                if self.hits.len() >= HITS_MAX {
                    self.more = true;
                    return;
                }
                self.hits.push(Hit { line: index, start, end: start + found.len() });
            }
        }
    }
}

/// Cuts a line into rows.
fn wrap(index: usize, line: &Line, width: usize, rows: &mut Vec<WrappedRow>) {
    let room = width.saturating_sub(line.indent).max(ROOM_MIN);
    rows.extend(layout::rows(&line.text, room).into_iter().map(|row| WrappedRow {
        line: index,
        start: row.start,
        end: row.end,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(doc: &Doc) -> Vec<String> {
        doc.shown(100).map(|row| row.pieces.iter().map(|(text, _)| *text).collect()).collect()
    }

    #[test]
    fn lines_wrap_at_blanks_and_lose_nothing() {
        let doc = Doc::new(vec![Line::new("one two three four"), Line::new("abcdefghijklmnopq"), Line::new("")], 10);
        assert_eq!(rows(&doc), ["one two ", "three four", "abcdefghij", "klmnopq", ""]);
        let wide = Doc::new(vec![Line::new("日本語日本語")], 9);
        assert_eq!(rows(&wide), ["日本語日", "本語"]);
    }

    #[test]
    fn hits_are_marked_across_rows_and_walked_through() {
        let lines = vec![Line::new("a needle"), Line::new("nothing"), Line::new("xxxxNEEDLE and needle")];
        let mut doc = Doc::new(lines, 10);
        doc.search("needle");
        let marked: Vec<String> = doc
            .shown(100)
            .flat_map(|row| {
                row.pieces.into_iter().filter(|(_, tone)| *tone == Tone::Hit).map(|(text, _)| text.to_owned())
            })
            .collect();
        assert_eq!(marked, ["needle", "NEEDLE", "needl", "e"], "the last one wraps across two rows");
        assert_eq!(doc.searched(), Some(("needle", 3, false, Some(1))));
        assert!(doc.seek(Way::Next, 3));
        assert_eq!(doc.searched().unwrap().3, Some(2));
        assert!(doc.seek(Way::Next, 3));
        assert!(!doc.seek(Way::Next, 3));
        assert!(doc.seek(Way::Back, 3) && doc.seek(Way::Back, 3) && !doc.seek(Way::Back, 3));
        doc.append(vec![Line::new("a needle more")]);
        assert_eq!(doc.searched().unwrap().1, 4);
        doc.search("");
        assert_eq!(doc.searched(), None);
    }

    #[test]
    fn another_width_keeps_the_line() {
        let lines = (0..50).map(|number| Line::new(&format!("line {number} of a text that is rather long"))).collect();
        let mut doc = Doc::new(lines, 12);
        doc.key(Key::End, 5);
        doc.resize(60, 5);
        assert_eq!(doc.place(5), (46, 50, 50));
        assert!(doc.shown(5).last().unwrap().chosen);
    }
}
