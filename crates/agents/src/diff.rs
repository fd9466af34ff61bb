//! A unified diff of two texts, by lines: what a person reads before anything is written.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

/// Lines around a change.
const CONTEXT: usize = 3;
/// How long lines are compared one with another; what is not compared by then counts as replaced.
const COMPARING_MAX: Duration = Duration::from_millis(500);

/// The differences between `old` and `new`, with three lines around each; empty where there are none. `None` as old is a
/// file that is not there yet, as new one that is removed.
pub fn unified(name: &str, old: Option<&str>, new: Option<&str>) -> String {
    let (before, after) = (old.unwrap_or_default(), new.unwrap_or_default());
    if before == after && old.is_some() == new.is_some() {
        return String::new();
    }
    let title = |text: Option<&str>| text.map_or("/dev/null", |_| name);
    let mut out = format!("--- {}\n+++ {}\n", title(old), title(new));
    let (before, after): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let diff = TextDiff::configure().timeout(COMPARING_MAX).diff_slices(&before, &after);
    for hunk in diff.grouped_ops(CONTEXT) {
        let [Some(first), Some(last)] = [hunk.first(), hunk.last()] else { continue };
        let old_lines = place(first.old_range().start..last.old_range().end);
        let new_lines = place(first.new_range().start..last.new_range().end);
        // Writing to a text cannot fail.
        writeln!(out, "@@ -{old_lines} +{new_lines} @@").ok();
        for change in hunk.iter().flat_map(|part| diff.iter_changes(part)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            let text = change.value();
            let shown = text.strip_suffix('\n').unwrap_or(text);
            writeln!(out, "{sign}{}", shown.strip_suffix('\r').unwrap_or(shown)).ok();
            if !text.ends_with('\n') {
                out.push_str("\\ No newline at end of file\n");
            }
        }
    }
    out
}

/// The first line, counted from 1, or the one before where there is none; and how many there are.
fn place(lines: Range<usize>) -> String {
    format!("{},{}", lines.start + usize::from(!lines.is_empty()), lines.len())
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
