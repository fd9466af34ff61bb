//! Errors that a program printed: what Python and Node write when nothing catches an exception, or when a handler
//! prints one, found among all other lines.
//!
//! ```text
//!  Python   Traceback (most recent call last):        Node   TypeError: not a function
//!             File "a.py", line 3, in f                          at f (/a.js:3:7)
//!           KeyError: 'x'                                        at /a.js:9:1
//! ```
//!
//! Of exceptions that Python chains, the last is the one that was raised, and all of them count as one; so do Node's
//! `[cause]` and Java's `Caused by:`, whose stacks look like Node's. What is printed without a stack (`error: no such
//! file`) is a message like any other, and none.

use super::frames::{at_frame, is_python_frame};
use super::{Exception, MAX_MESSAGE_CHARS};

/// What begins a stack of Python's.
const TRACEBACK: &str = "Traceback (most recent call last):";
/// What is printed between two exceptions that Python chains.
const CHAINED: [&str; 2] = [
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
];
/// What Python prints when its user ends a program with a key.
const ENDED_BY_USER: &str = "KeyboardInterrupt";
/// Errors of Python's parser, which has no stack to print.
const SYNTAX_ERRORS: [&str; 3] = ["SyntaxError", "IndentationError", "TabError"];
/// What may stand before the type of an exception that nothing caught.
const UNCAUGHT: [&str; 2] = ["Uncaught ", "Unhandled exception. "];
/// Errors that are read of one text, the first ones; the others are counted.
const PRINTED_MAX: usize = 200;
/// Bytes of a stack that are read: those of its innermost frames.
const STACK_BYTES_MAX: usize = 64 << 10;
/// Lines of a message that are passed over, for its first one above a stack or for what is chained below it.
const MESSAGE_LINES_MAX: usize = 30;
/// Lines of the properties that Node prints below a stack.
const PROPERTY_LINES_MAX: usize = 500;
/// The longest prefix that each line of a stack may repeat, such as a container's name, in bytes.
const PREFIX_BYTES_MAX: usize = 100;

/// An error as it was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// Its type, as printed: Python leaves out the module `__main__`.
    pub exception_type: String,
    /// Node's code, which its instrumentation records as the type: `ERR_INVALID_URL`.
    pub code: Option<String>,
    /// The first line of the message, at most [`MAX_MESSAGE_CHARS`]. Untrusted.
    pub message: String,
    /// The stack, of Python's chained exceptions that of the last, as [`super::frames`] reads it.
    pub stacktrace: String,
}

impl Printed {
    /// Whether a span or a log of the same process recorded this exception.
    pub fn is_recorded_as(&self, recorded: &Exception<'_>) -> bool {
        let name = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let same_type = name(&self.exception_type) == name(recorded.exception_type)
            || self.code.as_deref().is_some_and(|code| code == recorded.exception_type);
        same_type && self.message == first_line(recorded.message)
    }
}

/// The errors in a text without escape sequences, in their order, at most 200; and how many more there are.
pub fn printed(text: &str) -> (Vec<Printed>, u64) {
    let lines: Vec<&str> = text.lines().collect();
    let (mut found, mut further) = (Vec::new(), 0);
    // `free` is the first line that is part of no stack.
    let (mut at, mut free) = (0, 0);
    while at < lines.len() {
        let Some((printed, end)) = python(&lines, at).or_else(|| node(&lines, at, free)) else {
            at += 1;
            continue;
        };
        (at, free) = (end, end);
        match printed {
            Some(printed) if found.len() < PRINTED_MAX => found.push(printed),
            Some(_) => further += 1,
            None => {}
        }
    }
    (found, further)
}

/// What begins at a line, if a stack of a language does: the error, if the stack is whole; and the first line after it.
type Block = Option<(Option<Printed>, usize)>;

fn python(lines: &[&str], begin: usize) -> Block {
    let (prefix, mut from) = match lines[begin].split_once(TRACEBACK) {
        Some((before, _)) => (prefix(before, lines.get(begin + 1).copied().unwrap_or_default())?, begin + 1),
        None if is_python_frame(lines[begin]) => (String::new(), begin),
        None => return None,
    };
    let is_parsers = from == begin;
    let mut error = None;
    loop {
        let end = from + lines[from..].iter().take_while(|line| is_of_stack(line, &prefix)).count();
        let last = lines.get(end).and_then(|line| line.strip_prefix(prefix.as_str())).and_then(python_error);
        let Some((exception_type, message)) = last.filter(|_| end > from) else {
            return Some((error, end.max(begin + 1)));
        };
        if is_parsers && !SYNTAX_ERRORS.contains(&exception_type) {
            return Some((None, end));
        }
        let stack = lines[from..end].iter().filter_map(|line| line.strip_prefix(prefix.as_str()));
        error = Some(Printed {
            exception_type: exception_type.to_owned(),
            code: None,
            message: first_line(message),
            stacktrace: stacktrace(TRACEBACK, stack),
        });
        match next_of_chain(lines, end + 1, &prefix) {
            Some(next) => from = next,
            None => return Some((error.filter(|error| error.exception_type != ENDED_BY_USER), end + 1)),
        }
    }
}

/// What each further line of a stack begins with. A logger's prefix is on the first line alone; a group of exceptions
/// draws a line at its side.
fn prefix(before: &str, second: &str) -> Option<String> {
    if before.len() > PREFIX_BYTES_MAX {
        return None;
    }
    let repeated = before.replace("+ Exception Group ", "| ");
    Some(if second.starts_with(&repeated) { repeated } else { String::new() })
}

/// Frames, their source, the marks below it, and how often a line repeats: all that is indented.
fn is_of_stack(line: &str, prefix: &str) -> bool {
    line.strip_prefix(prefix).is_some_and(|rest| rest.starts_with("  ") && !rest.trim().is_empty())
}

/// The type and the message of a line `module.Type: message`.
fn python_error(line: &str) -> Option<(&str, &str)> {
    let (name, message) = line.split_once(':').unwrap_or((line, ""));
    let is_part = |part: &str| {
        part == "<locals>" || part.starts_with(|c: char| c.is_alphabetic() || c == '_') && part.chars().all(is_of_name)
    };
    (name.split('.').all(is_part) && !line.contains(TRACEBACK)).then_some((name, message.trim()))
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The first frame of the exception that is chained to the one before `from`.
fn next_of_chain(lines: &[&str], from: usize, prefix: &str) -> Option<usize> {
    let rest = |line: &&str| line.strip_prefix(prefix).unwrap_or(line).trim().to_owned();
    let near = &lines[from.min(lines.len())..lines.len().min(from + MESSAGE_LINES_MAX)];
    let until = near.iter().position(|line| line.contains(TRACEBACK)).unwrap_or(near.len());
    let between = near[..until].iter().position(|line| CHAINED.contains(&rest(line).as_str()))?;
    let is_blank = |line: &&str| rest(line).is_empty();
    (until < near.len() && near[between + 1..until].iter().all(is_blank)).then_some(from + until + 1)
}

/// A stack of lines that begin with `at`, below the error; `free` is the first line that may be part of it.
fn node(lines: &[&str], begin: usize, free: usize) -> Block {
    if !is_at_frame(lines[begin]) {
        return None;
    }
    let count = lines[begin..].iter().take_while(|line| is_at_line(line)).count();
    let end = begin + count;
    let Some((name, code, message)) = error_above(lines, begin, free) else { return Some((None, end)) };
    let stack = lines[begin..end].iter().map(|line| line.trim_end().trim_end_matches(" {"));
    let printed = Printed {
        exception_type: name.to_owned(),
        code: code.map(str::to_owned),
        message: first_line(message),
        stacktrace: stacktrace(name, stack),
    };
    Some((Some(printed), after_properties(lines, end)))
}

/// Whether a line is a frame with its place in a file.
fn is_at_frame(line: &str) -> bool {
    let text = line.trim_end().trim_end_matches(" {");
    line.starts_with([' ', '\t']) && at_frame(text.trim()).is_some_and(|(_, line, _)| line.is_some())
}

/// Whether a line is part of such a stack, its causes included.
fn is_at_line(line: &str) -> bool {
    let text = line.trim();
    let is_indented = line.starts_with([' ', '\t']);
    is_indented && (text.starts_with("at ") || text.starts_with("... ")) || text.starts_with("Caused by: ")
}

/// Below a stack whose last line opens a brace: the line after the one that closes it.
fn after_properties(lines: &[&str], end: usize) -> usize {
    if !lines[end - 1].trim_end().ends_with(" {") {
        return end;
    }
    let closes = lines[end..].iter().take(PROPERTY_LINES_MAX).position(|line| line.trim_end() == "}");
    closes.map_or(end, |at| end + at + 1)
}

/// Name, code and message of the error whose stack begins at a line: the nearest line above that names one, as far as
/// the lines between may be its message.
fn error_above<'a>(lines: &[&'a str], begin: usize, free: usize) -> Option<(&'a str, Option<&'a str>, &'a str)> {
    let first = begin.saturating_sub(MESSAGE_LINES_MAX).max(free);
    let above = lines[first..begin].iter().rev().take_while(|line| !line.trim().is_empty());
    let named: Vec<_> = above.map(|line| node_error(line)).collect();
    let says_error = |name: &str| name.ends_with("Error") || name.ends_with("Exception");
    let sure = named.iter().flatten().find(|(name, ..)| says_error(name));
    sure.or_else(|| named.first()?.as_ref()).copied()
}

/// Name, code and message of a line `Name [CODE]: message`.
fn node_error(line: &str) -> Option<(&str, Option<&str>, &str)> {
    let line = UNCAUGHT.iter().find_map(|prefix| line.strip_prefix(prefix)).unwrap_or(line);
    let of_thread = line.strip_prefix("Exception in thread \"").and_then(|rest| rest.split_once("\" "));
    let line = of_thread.map_or(line, |(_, rest)| rest);
    let (head, message) = line.split_once(':').unwrap_or((line.trim_end(), ""));
    let (name, code) = match head.strip_suffix(']').and_then(|head| head.split_once(" [")) {
        Some((name, code)) => (name, Some(code)),
        None => (head, None),
    };
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_alphabetic() || "_$".contains(c))
            && part.chars().all(|c| is_of_name(c) || c == '$')
    };
    let is_type = name.rsplit('.').next().is_some_and(|last| last.starts_with(char::is_uppercase));
    (is_type && name.split('.').all(is_part)).then_some((name, code, message.trim()))
}

/// A stack below its first line, as far as [`STACK_BYTES_MAX`]: what is beyond are the outermost of Python's frames, and
/// of others more than are shown.
fn stacktrace<'a>(head: &str, lines: impl Iterator<Item = &'a str>) -> String {
    let whole = lines.collect::<Vec<_>>().join("\n");
    let read = match whole.len().checked_sub(STACK_BYTES_MAX) {
        Some(beyond @ 1..) if head == TRACEBACK => &whole[whole.ceil_char_boundary(beyond)..],
        _ => &whole[..whole.floor_char_boundary(STACK_BYTES_MAX)],
    };
    format!("{head}\n{read}")
}

fn first_line(message: &str) -> String {
    message.trim().lines().next().unwrap_or_default().trim_end().chars().take(MAX_MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests;
