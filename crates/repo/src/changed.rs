//! Which lines of which files a diff adds: read from the text of `git diff`, with no git command.
//!
//! Paths are as git writes them: relative to the worktree, quoted where they hold quotes, control characters or other
//! bytes than ASCII. A file that is no text adds no lines.

/// A file with lines that the diff adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// Its path, relative to the worktree.
    pub path: String,
    /// The added lines by number, ascending from 1, each without its end.
    pub lines: Vec<(u32, String)>,
}

/// Returns the files to which a diff adds lines, in its order. A path that is no Unicode is left out; a diff that is cut
/// gives what is before the cut.
pub fn changed_files(diff: &[u8]) -> Vec<ChangedFile> {
    let mut files = Vec::new();
    let mut open: Option<ChangedFile> = None;
    let mut hunk = Hunk::default();
    for line in diff.split(|byte| *byte == b'\n') {
        if hunk.is_open() {
            if let (Some(number), Some(file)) = (hunk.take(line), &mut open) {
                file.lines.push((number, String::from_utf8_lossy(&line[1..]).into_owned()));
            }
        } else if let Some(path) = line.strip_prefix(b"+++ ") {
            files.extend(open.take());
            open = path_of(path).map(|path| ChangedFile { path, lines: Vec::new() });
        } else if line.starts_with(b"diff --git ") {
            files.extend(open.take());
        } else if let Some(header) = line.strip_prefix(b"@@ -") {
            hunk = Hunk::of(header).unwrap_or_default();
        }
    }
    files.extend(open);
    files.retain(|file| !file.lines.is_empty());
    files
}

/// How much of a hunk is to come.
#[derive(Default)]
struct Hunk {
    removed: u32,
    added: u32,
    /// The number of the next line in the new file.
    next: u32,
}

impl Hunk {
    /// Reads `A,B +C,D @@ …`; a count that is not there is 1.
    fn of(header: &[u8]) -> Option<Self> {
        let header = std::str::from_utf8(header.split(|byte| *byte == b'@').next()?).ok()?;
        let (old, new) = header.trim().split_once(" +")?;
        let numbers = |text: &str| match text.split_once(',') {
            Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        };
        let (_, removed): (u32, u32) = numbers(old)?;
        let (next, added) = numbers(new)?;
        Some(Self { removed, added, next })
    }

    fn is_open(&self) -> bool {
        self.removed > 0 || self.added > 0
    }

    /// Takes the next line of the hunk, and returns its number where it is added.
    fn take(&mut self, line: &[u8]) -> Option<u32> {
        let number = self.next;
        match line.first() {
            Some(b'-') => self.removed = self.removed.saturating_sub(1),
            Some(b'\\') => {}
            Some(b'+') => {
                self.added = self.added.saturating_sub(1);
                self.next = self.next.saturating_add(1);
                return Some(number);
            }
            // A line of both sides; an editor may have taken the blank off an empty one.
            _ => {
                self.removed = self.removed.saturating_sub(1);
                self.added = self.added.saturating_sub(1);
                self.next = self.next.saturating_add(1);
            }
        }
        None
    }
}

/// The path behind `+++ `, without `b/`; `None` for a file that is removed.
fn path_of(text: &[u8]) -> Option<String> {
    // Git ends a path that holds blanks with a tabulator.
    let text = text.strip_suffix(b"\t").unwrap_or(text);
    let bytes = match text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")) {
        Some(quoted) => unquoted(quoted)?,
        None => text.to_vec(),
    };
    String::from_utf8(bytes).ok()?.strip_prefix("b/").map(str::to_owned)
}

/// A path as git quotes it: C's escapes, and bytes as three octal digits.
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'a' => 0x07,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 0x0b,
            b'f' => 0x0c,
            b'r' => b'\r',
            same @ (b'"' | b'\\') => same,
            first @ b'0'..=b'3' => {
                let digits = [first, rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::code::tests::{git, repository, run};

    fn check(diff: &str, expected: &[(&str, &[u32])]) {
        let found = changed_files(diff.as_bytes());
        let numbers = |file: &ChangedFile| file.lines.iter().map(|(number, _)| *number).collect::<Vec<_>>();
        let found: Vec<_> = found.iter().map(|file| (file.path.as_str(), numbers(file))).collect();
        let expected: Vec<_> = expected.iter().map(|(path, lines)| (*path, lines.to_vec())).collect();
        assert_eq!(found, expected, "{diff}");
    }

    #[test]
    fn added_lines_have_their_numbers_in_the_new_file() {
        check(
            "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,4 @@ def f():\n a\n-b\n+B\n+C\n d\n@@ -10 +11 @@\n-q\n+Q\n",
            &[("x.py", &[2, 3, 11])],
        );
    }

    #[test]
    fn what_looks_like_a_header_within_a_hunk_is_a_line() {
        let diff =
            "+++ b/x.py\n@@ -0,0 +1,3 @@\n+++ b/evil.py\n+@@ -1 +1 @@\n+diff --git a/y b/y\ndiff --git a/z b/z\n";
        check(diff, &[("x.py", &[1, 2, 3])]);
    }

    #[test]
    fn files_that_add_nothing_are_left_out() {
        check("+++ /dev/null\n@@ -1 +0,0 @@\n-a\n", &[]);
        check("diff --git a/x b/x\nBinary files a/x and b/x differ\n", &[]);
        for junk in ["", "@@ -1 +1 @@\n+a\n", "+++ b/x\n@@ -a +b @@\n+c\n", "+++ \"b/\\9\"\n@@ -0,0 +1 @@\n+c\n"] {
            check(junk, &[]);
        }
    }

    #[test]
    fn paths_are_those_of_the_files() {
        let (folder, scratch) = (repository(), tempfile::tempdir().unwrap());
        let names = ["a b.py", "ü.py", "tab\t.py", "quote\".py", "back\\slash.py", "plain.py"];
        for name in names {
            fs::write(folder.path().join(name), "one\ntwo\n").unwrap();
        }
        fs::write(folder.path().join("tracked.txt"), "zero\none\n").unwrap();
        run(folder.path(), &["add", "-N", "plain.py"]);
        let code = git().code(folder.path(), scratch.path());
        let mut found: Vec<_> =
            changed_files(&code.diff).into_iter().map(|file| (file.path, file.lines.len())).collect();
        found.sort();
        let mut expected: Vec<_> = names.iter().map(|name| ((*name).to_owned(), 2)).collect();
        expected.push(("tracked.txt".to_owned(), 1));
        expected.sort();
        assert_eq!(found, expected);
    }
}
