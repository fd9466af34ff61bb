//! What every `--help` looks like at the widths that terminals have.

use clap::{Command, CommandFactory};

use super::Arguments;

/// Lines longer than this break in an ordinary terminal.
const COLUMNS: [usize; 2] = [80, 90];

/// The command and everything below it.
fn all(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
    let path = format!("{path} {}", command.get_name());
    found.push((path.clone(), command.clone()));
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        all(sub, &path, found);
    }
}

/// Lines that end although the first word of the next would fit, and lines that lost their indentation.
fn ragged(help: &str, columns: usize) -> Vec<String> {
    let lines: Vec<&str> = help.lines().collect();
    let width = |text: &str| text.chars().count();
    let is_ragged = |pair: &[&str]| {
        let (line, next) = (pair[0], pair[1]);
        if line.is_empty() || next.is_empty() || next.starts_with(' ') {
            return false;
        }
        let word = next.split(' ').next().unwrap_or_default();
        line.starts_with(' ') || !line.ends_with(':') && width(line) + 1 + width(word) <= columns
    };
    let mut found: Vec<String> = lines.windows(2).filter(|pair| is_ragged(pair)).map(|pair| pair.join(" ⏎ ")).collect();
    // A line of usage is never broken.
    let is_long = |line: &&&str| width(line) > columns && !line.starts_with("Usage:");
    found.extend(lines.iter().filter(is_long).map(|line| (*line).to_owned()));
    found
}

#[test]
fn help_is_wrapped_once_at_every_width() {
    let mut root = Arguments::command();
    root.build();
    let mut commands = Vec::new();
    all(&root, "", &mut commands);
    assert!(commands.len() > 30, "{}", commands.len());
    let mut found = Vec::new();
    for (path, command) in commands {
        for columns in COLUMNS {
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let long = examples.lines().filter(|line| line.starts_with(' ') && line.chars().count() > columns);
            found.extend(long.map(|line| format!("{path}: {line}")));
            for help in [
                command.clone().term_width(columns).render_help(),
                command.clone().term_width(columns).render_long_help(),
            ] {
                found.extend(
                    ragged(&help.to_string(), columns).into_iter().map(|line| format!("{path} at {columns}: {line}")),
                );
            }
        }
    }
    found.dedup();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_break_that_is_not_needed_is_seen() {
    assert_eq!(ragged("one two\nthree\n", 20), ["one two ⏎ three"]);
    assert_eq!(ragged("  example with words\nthat wrapped\n", 20), ["  example with words ⏎ that wrapped"]);
    assert_eq!(ragged("Heading:\n  one\n\ntwo three four five\nsix\n", 20), Vec::<String>::new());
}
