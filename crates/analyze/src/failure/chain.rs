//! Exceptions that a stack trace names as the causes of the one it belongs to.
//!
//! ```text
//!  Python   Traceback …⏎ KeyError: 'a'⏎⏎ During handling of the above exception, …⏎⏎ Traceback …⏎ ShopError: b
//!  Java     ShopError: b⏎ at …⏎ Caused by: KeyError: a⏎ at …
//! ```

use crate::errors::Exception;

/// What Python prints between two exceptions.
const PYTHON: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];
const PYTHON_BLOCK: &str = "Traceback (most recent call last)";
const JAVA: &str = "Caused by: ";
/// Causes of one exception that are read.
const LINKS_MAX: usize = 16;

/// A cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link<'a> {
    pub(super) exception_type: &'a str,
    /// The first line of it.
    pub(super) message: &'a str,
    /// Its part of the stack trace.
    pub(super) text: &'a str,
}

impl Link<'_> {
    /// Whether this is a recorded exception: languages print the type with or without its module.
    pub(super) fn is_of(&self, recorded: &Exception<'_>) -> bool {
        let last = |name: &str| name.rsplit(['.', '$']).next().unwrap_or_default().to_owned();
        let first_line = recorded.message.lines().next().unwrap_or_default().trim();
        last(self.exception_type) == last(recorded.exception_type) && self.message.trim() == first_line
    }
}

/// Whether the language of this stack trace would have printed causes.
pub(super) fn prints_causes(stacktrace: &str) -> bool {
    stacktrace.contains(PYTHON_BLOCK)
        || stacktrace.lines().any(|line| line.trim_start().starts_with("at ") && line.ends_with(".java)"))
}

/// The causes, the first one first, without the exception itself.
pub(super) fn links(stacktrace: &str) -> Vec<Link<'_>> {
    let mut links = if stacktrace.contains(PYTHON_BLOCK) { python(stacktrace) } else { java(stacktrace) };
    links.truncate(LINKS_MAX);
    links
}

fn python(stacktrace: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    let mut rest = stacktrace;
    for _ in 0..LINKS_MAX {
        let next = PYTHON.iter().filter_map(|sentence| Some((rest.find(sentence)?, *sentence)));
        let Some((at, sentence)) = next.min_by_key(|(at, _)| *at) else { break };
        links.extend(python_block(&rest[..at]));
        rest = &rest[at + sentence.len()..];
    }
    links
}

/// The exception follows the frames, which are indented.
fn python_block(block: &str) -> Option<Link<'_>> {
    let mut is_after_frames = false;
    let line = block.lines().find(|line| {
        is_after_frames |= line.starts_with("  File ");
        is_after_frames && !line.starts_with(' ') && !line.trim().is_empty()
    })?;
    let (exception_type, message) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
    Some(Link { exception_type: exception_type.trim(), message: message.trim(), text: block })
}

fn java(stacktrace: &str) -> Vec<Link<'_>> {
    let mut links: Vec<Link<'_>> = Vec::new();
    let starts: Vec<usize> = stacktrace
        .match_indices(JAVA)
        .map(|(at, _)| at)
        .filter(|&at| stacktrace[..at].trim_end_matches([' ', '\t']).ends_with('\n'))
        .collect();
    for (number, &start) in starts.iter().enumerate() {
        let end = starts.get(number + 1).copied().unwrap_or(stacktrace.len());
        let text = &stacktrace[start..end];
        let line = text.lines().next().unwrap_or_default().trim_start_matches(JAVA);
        let (exception_type, message) = line.split_once(": ").unwrap_or((line, ""));
        links.push(Link { exception_type: exception_type.trim(), message: message.trim(), text });
    }
    links.reverse();
    links
}
