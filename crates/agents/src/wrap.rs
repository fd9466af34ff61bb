//! A command line with `kino run` before the commands that a user's list names, where nothing else about it changes.
//!
//! The words are put in where the command begins, so that the same shell reads quotes, expansions, redirections and pipes as
//! before. What is left alone is in [`wrapped`].

use crate::shell::{self, Simple};

/// Patterns beyond this are not looked at: a list of every test runner there is has fewer.
pub const PATTERNS_MAX: usize = 256;
/// Commands that run tests, in the languages whose programs can be traced or whose tests are read.
pub const DEFAULT_PATTERNS: &[&str] = &[
    "pytest *",
    "py.test *",
    "python -m pytest *",
    "python3 -m pytest *",
    "python -m unittest *",
    "python3 -m unittest *",
    "python manage.py test *",
    "python3 manage.py test *",
    "uv run pytest *",
    "uv run python -m pytest *",
    "poetry run pytest *",
    "pipenv run pytest *",
    "npm test *",
    "npm t *",
    "npm run test *",
    "npm run test:* *",
    "pnpm test *",
    "pnpm run test *",
    "yarn test *",
    "yarn run test *",
    "npx vitest *",
    "npx jest *",
    "npx mocha *",
    "vitest *",
    "jest *",
    "mocha *",
    "node --test *",
    "cargo test *",
    "cargo nextest run *",
    "go test *",
];
/// Readers of a pipe that read all of it: the command before them ends as it would without `kino run`.
const READS_ALL: &[&str] = &["cat", "cut", "nl", "sort", "tail", "tee", "tr", "uniq", "wc"];
/// Filters that read all, unless an option makes them stop at the first match.
const SEARCHES: &[&str] = &["egrep", "fgrep", "grep"];
/// Beginnings of names of variables that would reach `kino run` itself.
const REACHES_RUN: &[&str] = &["KINO_", "LD_", "DYLD_", "GCONV_", "GLIBC_", "MALLOC_"];

/// A pattern over the words of a command.
///
/// Words are separated by blanks; `*` within a word is any text, and as the last word any further words, none included. A
/// first word without `/` names a program wherever it is: `pytest` is also `.venv/bin/pytest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    words: Vec<String>,
    takes_more: bool,
}

impl Pattern {
    /// Reads a pattern; `None` for one without a word, or that names every command.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
        let takes_more = words.last().is_some_and(|last| last == "*");
        if takes_more {
            words.pop();
        }
        let names_a_program = words.first().is_some_and(|first| first.bytes().any(|byte| byte != b'*'));
        names_a_program.then_some(Self { words, takes_more })
    }

    fn fits(&self, words: &[String]) -> bool {
        let is_long_enough =
            if self.takes_more { words.len() >= self.words.len() } else { words.len() == self.words.len() };
        is_long_enough
            && self.words.iter().zip(words).enumerate().all(|(place, (pattern, word))| {
                let is_place = place == 0 && !pattern.contains('/');
                let word = if is_place { word.rsplit('/').next().unwrap_or(word) } else { word };
                fits(pattern.as_bytes(), word.as_bytes())
            })
    }
}

/// Whether a text is what a pattern says, in which `*` is any text. Takes the time of their product at most.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut in_text) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        if pattern.get(at) == Some(&b'*') {
            last_star = Some((at + 1, in_text));
            at += 1;
        } else if pattern.get(at) == Some(&text[in_text]) {
            (at, in_text) = (at + 1, in_text + 1);
        } else if let Some((behind, taken)) = last_star {
            (at, in_text) = (behind, taken + 1);
            last_star = Some((behind, taken + 1));
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// Returns the line with `prefix` and a blank before each command that a pattern fits; `None` where there is none, or the
/// line is to stay as it is:
///
/// - it is not understood ([`shell::simple_commands`]), or changes where programs are found;
/// - a fitting command is sent to the background, or a reader of its output may stop before its end;
/// - it sets a variable that would reach `kino run` itself;
/// - `is_program` does not know its program: it may be a function or an alias of the user's;
/// - `kino` is in it already.
pub fn wrapped(line: &str, patterns: &[Pattern], prefix: &str, is_program: &dyn Fn(&str) -> bool) -> Option<String> {
    let commands = shell::simple_commands(line)?;
    let first = |command: &Simple| command.words[0].rsplit('/').next().unwrap_or_default().to_owned();
    let is_left_alone = |command: &Simple| {
        let sets_path = |name: &str| matches!(name, "PATH" | "path" | "ENV" | "BASH_ENV" | "IFS");
        let exports =
            matches!(first(command).as_str(), "export" | "declare" | "typeset" | "local" | "readonly" | "setenv");
        first(command) == "kino"
            || command.assigned.iter().any(|name| sets_path(name))
            || exports && command.words.iter().any(|word| sets_path(word.split('=').next().unwrap_or_default()))
            || matches!(first(command).as_str(), "source" | "." | "pushd" | "popd")
    };
    // An assignment without a command stays for all that follow; the reader does not list it.
    if commands.iter().any(is_left_alone) || sets_path_anywhere(line) {
        return None;
    }
    let moves = commands.iter().any(|command| first(command) == "cd");
    let mut text = line.to_owned();
    let mut count = 0;
    for command in commands.iter().rev() {
        if !patterns.iter().take(PATTERNS_MAX).any(|pattern| pattern.fits(&command.words)) {
            continue;
        }
        let program = command.words[0].as_str();
        let is_elsewhere = moves && program.contains('/') && !program.starts_with('/');
        let reaches_run = |name: &String| REACHES_RUN.iter().any(|begin| name.starts_with(begin));
        if command.is_background
            || command.is_expanded
            || is_elsewhere
            || command.assigned.iter().any(reaches_run)
            || !readers_read_all(command, &commands)
            || !is_program(program)
        {
            return None;
        }
        text.insert_str(command.begin, &format!("{prefix} "));
        count += 1;
    }
    (count > 0).then_some(text)
}

/// Whether a line has an assignment of `PATH`, wherever it is.
fn sets_path_anywhere(line: &str) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    line.match_indices("PATH=").any(|(at, _)| !line.as_bytes()[..at].last().is_some_and(is_name))
}

/// Whether each command of the pipe behind this one reads its input to the end.
fn readers_read_all(command: &Simple, commands: &[Simple]) -> bool {
    let mut next = command.read_by;
    while let Some(reader) = next.and_then(|place| commands.get(place)) {
        let name = reader.words[0].as_str();
        let stops = |word: &String| {
            word.starts_with("--quiet")
                || word.starts_with("--silent")
                || word.starts_with("--max-count")
                || word.starts_with("--files")
                || word.starts_with('-') && !word.starts_with("--") && word.contains(['q', 'm', 'l', 'L'])
        };
        let reads_all = READS_ALL.contains(&name) || SEARCHES.contains(&name) && !reader.words[1..].iter().any(stops);
        if !reads_all || reader.is_expanded {
            return false;
        }
        next = reader.read_by;
    }
    true
}

/// A word that every POSIX shell reads as this text.
pub fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+:@,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
