//! A table that is added to the end of a TOML text, and taken out again: every other byte stays as it is. Each edit is
//! judged by a parser: what comes out must mean what went in and the table, or it is refused.

use toml::{Table, Value};

use crate::jsonc::Mistake;

/// Reads `text`.
///
/// # Errors
/// With the line of the first mistake.
pub fn parse(text: &str) -> Result<Table, Mistake> {
    let read = text.trim_start_matches('\u{feff}').parse::<Table>();
    read.map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        Mistake { line, what: error.message().lines().next().unwrap_or("not valid TOML").to_owned() }
    })
}

/// The value at `path`.
pub fn get<'v>(table: &'v Table, path: &[&str]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, name| value.as_table()?.get(*name))
}

/// The text with a table at `path`, which must not be there; `lines` are its keys and values.
///
/// # Errors
/// Where the text cannot be read, or takes no further table there.
pub fn with_table(text: &str, path: [&str; 2], lines: &[String]) -> Result<String, Mistake> {
    let before = parse(text)?;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut added = String::new();
    let is_empty = text.strip_prefix('\u{feff}').unwrap_or(text).is_empty();
    if !is_empty {
        added.push_str(if text.ends_with('\n') { newline } else { "" });
        if !text.ends_with('\n') {
            added.push_str(newline);
            added.push_str(newline);
        }
    }
    added.extend(["[", path[0], ".", path[1], "]"]);
    for line in lines {
        added.push_str(newline);
        added.push_str(line);
    }
    if is_empty || text.ends_with('\n') {
        added.push_str(newline);
    }
    let after = format!("{text}{added}");
    let mut without = parse(&after).map_err(|_| taken(text, path[0]))?;
    remove(&mut without, path, before.contains_key(path[0]));
    if without == before { Ok(after) } else { Err(taken(text, path[0])) }
}

/// The text without the table at `path`; `None` where it cannot be taken out alone.
pub fn without_table(text: &str, path: [&str; 2]) -> Option<String> {
    let mut expected = parse(text).ok()?;
    let spellings = [format!("{}.{}", path[0], path[1]), format!("{}.\"{}\"", path[0], path[1])];
    let is_header = |line: &str| line.trim_start().starts_with('[');
    let is_own = |line: &str| {
        let name = line.trim().trim_start_matches('[').split(']').next().unwrap_or_default().replace(' ', "");
        is_header(line) && spellings.iter().any(|own| name == *own || name.starts_with(&format!("{own}.")))
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut rest: Vec<&str> = Vec::new();
    let mut index = 0;
    while index < lines.len() {
        if !is_own(lines[index]) {
            rest.push(lines[index]);
            index += 1;
            continue;
        }
        let end = (index + 1..lines.len()).find(|at| is_header(lines[*at])).unwrap_or(lines.len());
        // Blank lines and comments in front of the next table are that table's.
        let belongs = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with('#');
        let of_next = lines[index + 1..end].iter().rev().take_while(|line| belongs(line)).count();
        if of_next == 0 && rest.last().is_some_and(|line| line.trim().is_empty()) {
            rest.pop();
        }
        index = end - of_next;
    }
    let mut new = rest.concat();
    if !text.ends_with('\n') && new.ends_with('\n') {
        new.truncate(new.trim_end_matches(['\r', '\n']).len());
    }
    remove(&mut expected, path, false);
    let mut found = parse(&new).ok()?;
    // An emptied table of tables goes with its last one.
    if found.get(path[0]).and_then(Value::as_table).is_some_and(Table::is_empty) {
        found.remove(path[0]);
    }
    (found == expected).then_some(new)
}

fn remove(table: &mut Table, path: [&str; 2], keeps_empty: bool) {
    if let Some(Value::Table(tables)) = table.get_mut(path[0]) {
        tables.remove(path[1]);
        if tables.is_empty() && !keeps_empty {
            table.remove(path[0]);
        }
    }
}

fn taken(text: &str, name: &str) -> Mistake {
    let line = text.lines().position(|line| line.trim_start().trim_start_matches('[').starts_with(name));
    Mistake { line: line.map_or(1, |line| line + 1), what: format!("{name} takes no further table as it is written") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: [&str; 2] = ["servers", "kino"];

    fn check(text: &str) {
        let new = with_table(text, PATH, &["command = \"kino\"".to_owned()]).unwrap();
        assert_eq!(get(&parse(&new).unwrap(), &["servers", "kino", "command"]), Some(&Value::from("kino")));
        assert_eq!(new.ends_with('\n'), text.is_empty() || text.ends_with('\n'), "{text:?}");
        assert!(new.starts_with(text));
        assert_eq!(without_table(&new, PATH).unwrap(), text, "{text:?}");
    }

    #[test]
    fn a_table_is_added_behind_everything_and_taken_out_to_the_byte() {
        check("");
        check("a = 1\n");
        check("a = 1");
        check("# note\r\na = 1\r\n\r\n[servers.other]\r\ncommand = 'x' # y\r\n");
        check("[servers]\nother = { command = \"x\" }\n");
    }

    #[test]
    fn what_follows_the_table_stays() {
        let text = "a = 1\n\n[servers.kino]\ncommand = \"kino\"\n[servers.kino.env]\nA = \"b\"\n\n# of b\n[b]\nc = 1\n";
        assert_eq!(without_table(text, PATH).unwrap(), "a = 1\n\n# of b\n[b]\nc = 1\n");
        assert_eq!(without_table("servers = { kino = { command = \"x\" } }\n", PATH), None);
    }

    #[test]
    fn what_takes_no_table_or_is_no_toml_is_refused_with_its_line() {
        let add = |text: &str| with_table(text, PATH, &[]).unwrap_err().line;
        assert_eq!(add("a = 1\nservers = { x = {} }\n"), 2);
        assert_eq!(add("a = 1\nb = \n"), 2);
        assert_eq!(add("a = 1\n\nservers = 3\n"), 3);
    }
}
