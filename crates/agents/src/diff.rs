//! A unified diff of two texts, by lines: what a person reads before anything is written.

use std::fmt::Write;

/// Lines around a change.
const CONTEXT: usize = 3;
/// Lines that are compared one with another, at most, after what is alike at both ends: comparing takes time and memory by
/// the product. Beyond it, everything between counts as replaced.
const COMPARED_MAX: usize = 2_000;

/// Whether a line counts.
type IsCounted = fn(&Line) -> bool;

/// One line of either text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line<'t> {
    Same(&'t str),
    Old(&'t str),
    New(&'t str),
}

/// The differences between `old` and `new`, with three lines around each; empty where there are none. `None` as old is a
/// file that is not there yet, as new one that is removed.
pub fn unified(name: &str, old: Option<&str>, new: Option<&str>) -> String {
    let (before, after) = (old.unwrap_or_default(), new.unwrap_or_default());
    if before == after && old.is_some() == new.is_some() {
        return String::new();
    }
    let lines = compare(&split(before), &split(after));
    let title = |text: Option<&str>| text.map_or("/dev/null", |_| name);
    let mut out = format!("--- {}\n+++ {}\n", title(old), title(new));
    let changed: Vec<usize> = (0..lines.len()).filter(|index| !matches!(lines[*index], Line::Same(_))).collect();
    let mut from = 0;
    while from < changed.len() {
        let mut to = from;
        while to + 1 < changed.len() && changed[to + 1] - changed[to] <= 2 * CONTEXT {
            to += 1;
        }
        let range = changed[from].saturating_sub(CONTEXT)..(changed[to] + 1 + CONTEXT).min(lines.len());
        hunk(&mut out, &lines, range);
        from = to + 1;
    }
    out
}

fn hunk(out: &mut String, lines: &[Line], range: std::ops::Range<usize>) {
    let count = |lines: &[Line], is_counted: IsCounted| lines.iter().filter(|line| is_counted(line)).count();
    let (is_old, is_new): (IsCounted, IsCounted) =
        (|line| !matches!(line, Line::New(_)), |line| !matches!(line, Line::Old(_)));
    let place = |is_counted: IsCounted| {
        let length = count(&lines[range.clone()], is_counted);
        let start = count(&lines[..range.start], is_counted) + usize::from(length > 0);
        format!("{start},{length}")
    };
    // Writing to a text cannot fail.
    writeln!(out, "@@ -{} +{} @@", place(is_old), place(is_new)).ok();
    for line in &lines[range] {
        let (sign, text) = match line {
            Line::Same(text) => (' ', text),
            Line::Old(text) => ('-', text),
            Line::New(text) => ('+', text),
        };
        let shown = text.strip_suffix('\n').unwrap_or(text);
        writeln!(out, "{sign}{}", shown.strip_suffix('\r').unwrap_or(shown)).ok();
        if !text.ends_with('\n') {
            out.push_str("\\ No newline at end of file\n");
        }
    }
}

fn split(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn compare<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Line<'t>> {
    let head = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(one, other)| one == other).count();
    let (middle_old, middle_new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut lines: Vec<Line> = old[..head].iter().map(|line| Line::Same(line)).collect();
    if middle_old.len() > COMPARED_MAX || middle_new.len() > COMPARED_MAX {
        lines.extend(middle_old.iter().map(|line| Line::Old(line)));
        lines.extend(middle_new.iter().map(|line| Line::New(line)));
    } else {
        lines.extend(longest_common(middle_old, middle_new));
    }
    lines.extend(old[old.len() - tail..].iter().map(|line| Line::Same(line)));
    lines
}

fn longest_common<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Line<'t>> {
    let width = new.len() + 1;
    let mut lengths = vec![0_u16; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i * width + j] = if old[i] == new[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || i < old.len() && lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            lines.push(Line::Old(old[i]));
            i += 1;
        } else {
            lines.push(Line::New(new[j]));
            j += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_has_its_surroundings_and_its_counts() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\n";
        let new = "a\nb\nc\nd\nX\ne\nf\ng\nh\n";
        let expected = "--- f\n+++ f\n@@ -2,6 +2,7 @@\n b\n c\n d\n+X\n e\n f\n g\n";
        assert_eq!(unified("f", Some(old), Some(new)), expected);
        assert_eq!(unified("f", Some(old), Some(old)), "");
        assert_eq!(unified("f", None, Some("a\n")), "--- /dev/null\n+++ f\n@@ -0,0 +1,1 @@\n+a\n");
        let end = unified("f", Some("a"), Some("a\n"));
        assert!(end.contains("-a\n\\ No newline at end of file\n+a\n"), "{end}");
    }
}
