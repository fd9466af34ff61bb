//! An editor of JSON as people and programs write it: with comments, trailing commas, a byte order mark, any indentation
//! and line ends. What an edit does not change keeps its bytes.
//!
//! ```text
//! text ─► parse ─► places of members and commas ─► insert or remove at a place ─► text
//! ```
//!
//! A text is read whole and bounded in depth; every answer about a mistake names its line.

use std::ops::Range;

use serde_json::Value as Json;

/// Deeper than any settings file nests; each level is one call.
const DEPTH_MAX: usize = 128;

/// Why a text cannot be edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Mistake {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// A value and where it is.
#[derive(Clone, Debug)]
struct Node {
    span: Range<usize>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Object(Vec<Part>),
    Array(Vec<Part>),
    Scalar(Json),
}

/// A member of an object or an element of an array.
#[derive(Clone, Debug)]
struct Part {
    /// Empty in an array.
    key: String,
    /// Where it starts: at the key, or at the element.
    start: usize,
    value: Node,
    /// Where the comma behind it is.
    comma: Option<usize>,
}

/// A text that was understood.
#[derive(Clone, Debug)]
pub struct Document<'t> {
    text: &'t str,
    root: Node,
}

impl<'t> Document<'t> {
    /// Reads `text`, whose root must be an object.
    ///
    /// # Errors
    /// With the line of the first mistake.
    pub fn parse(text: &'t str) -> Result<Self, Mistake> {
        let mut reader = Reader { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 } };
        let root = reader.value(0)?;
        reader.space()?;
        if reader.at < text.len() {
            return Err(reader.mistake("something follows the end of the document"));
        }
        if !matches!(root.kind, Kind::Object(_)) {
            return Err(Mistake { line: 1, what: "the document is not an object".to_owned() });
        }
        Ok(Self { text, root })
    }

    /// The value at `path`; `None` where there is none.
    pub fn get(&self, path: &[&str]) -> Option<Json> {
        self.node(path).map(value_of)
    }

    /// The whole document as a value.
    pub fn value(&self) -> Json {
        value_of(&self.root)
    }

    /// The text with `value` as a new member at `path`, whose last name must not be there. Objects on the way are made.
    ///
    /// # Errors
    /// Where something on the way is no object.
    pub fn with_member(&self, path: &[&str], value: &Json) -> Result<String, Mistake> {
        let (parent, rest) = self.deepest(path);
        let Kind::Object(parts) = &parent.kind else { return Err(self.not_a("an object", parent)) };
        let Some((key, inner)) = rest.split_first() else {
            return Err(self.mistake_at(parent.span.start, "the name is already there"));
        };
        let value = inner
            .iter()
            .rev()
            .fold(value.clone(), |value, name| Json::Object([((*name).to_owned(), value)].into_iter().collect()));
        Ok(self.insert(parent, parts, Some(key), &value))
    }

    /// The text with `value` as the last element of the array at `path`, which is made where it is missing.
    ///
    /// # Errors
    /// Where something on the way is no object, or at `path` is no array.
    pub fn with_element(&self, path: &[&str], value: &Json) -> Result<String, Mistake> {
        let Some(array) = self.node(path) else { return self.with_member(path, &Json::Array(vec![value.clone()])) };
        let Kind::Array(parts) = &array.kind else { return Err(self.not_a("a list", array)) };
        Ok(self.insert(array, parts, None, value))
    }

    /// The text without the member at `path`; as it is where there is none.
    pub fn without_member(&self, path: &[&str]) -> String {
        let Some((key, above)) = path.split_last() else { return self.text.to_owned() };
        let Some(Node { span, kind: Kind::Object(parts) }) = self.node(above) else { return self.text.to_owned() };
        match parts.iter().rposition(|part| part.key == *key) {
            Some(index) => self.remove(span, parts, index),
            None => self.text.to_owned(),
        }
    }

    /// The text without the element at `index` of the array at `path`; as it is where there is none.
    pub fn without_element(&self, path: &[&str], index: usize) -> String {
        match self.node(path) {
            Some(Node { span, kind: Kind::Array(parts) }) if index < parts.len() => self.remove(span, parts, index),
            _ => self.text.to_owned(),
        }
    }

    fn node(&self, path: &[&str]) -> Option<&Node> {
        let (node, rest) = self.deepest(path);
        rest.is_empty().then_some(node)
    }

    /// The deepest value on `path` that is there, and the names that are missing below it.
    fn deepest<'p, 'q>(&self, path: &'p [&'q str]) -> (&Node, &'p [&'q str]) {
        let (mut node, mut rest) = (&self.root, path);
        while let Some((name, others)) = rest.split_first() {
            let Kind::Object(parts) = &node.kind else { break };
            // As JavaScript reads it: of several members of a name the last counts.
            let Some(part) = parts.iter().rfind(|part| part.key == *name) else { break };
            (node, rest) = (&part.value, others);
        }
        (node, rest)
    }

    fn insert(&self, parent: &Node, parts: &[Part], key: Option<&str>, value: &Json) -> String {
        let newline = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let unit = self.unit();
        let outer = indentation(self.text, parent.span.start);
        let inside = &self.text[parent.span.start + 1..parent.span.end - 1];
        let close = parent.span.end - 1;
        let label = key.map(|key| format!("{}: ", Json::from(key))).unwrap_or_default();
        let is_inline = !inside.contains('\n') && !parts.is_empty();
        if is_inline {
            let last = &parts[parts.len() - 1];
            let (at, before) = match last.comma {
                Some(comma) => (comma + 1, " "),
                None => (last.value.span.end, ", "),
            };
            let after = if last.comma.is_some() { "," } else { "" };
            return splice(self.text, &[(at..at, &format!("{before}{label}{value}{after}"))]);
        }
        let first = parts.first().map(|part| part.start);
        let inner = first
            .filter(|start| starts_its_line(self.text, *start))
            .map_or_else(|| format!("{outer}{unit}"), |start| indentation(self.text, start).to_owned());
        let value = pretty(value, &inner, &unit, newline);
        let content_end = parent.span.start + 1 + inside.trim_end().len();
        let mut splices: Vec<(Range<usize>, String)> = Vec::new();
        let mut after = "";
        if let Some(last) = parts.last() {
            match last.comma {
                Some(_) => after = ",",
                None => splices.push((last.value.span.end..last.value.span.end, ",".to_owned())),
            }
        }
        // A last line without a line end is the bracket's own: `{ // note` is followed by a line.
        let tail =
            if self.text[content_end..close].contains('\n') { String::new() } else { format!("{newline}{outer}") };
        let replaced = if tail.is_empty() { content_end..content_end } else { content_end..close };
        splices.push((replaced, format!("{newline}{inner}{label}{value}{after}{tail}")));
        let splices: Vec<(Range<usize>, &str)> = splices.iter().map(|(at, new)| (at.clone(), new.as_str())).collect();
        splice(self.text, &splices)
    }

    fn remove(&self, parent: &Range<usize>, parts: &[Part], index: usize) -> String {
        let text = self.text;
        let part = &parts[index];
        let mut end = part.comma.map_or(part.value.span.end, |comma| comma + 1);
        let mut start = part.start;
        let before = &text[..start];
        let blank = before.len() - before.trim_end_matches([' ', '\t']).len();
        if starts_its_line(text, start) {
            start -= blank;
            start -= if text[..start].ends_with("\r\n") { 2 } else { usize::from(text[..start].ends_with('\n')) };
        } else if index > 0 {
            start -= blank;
        } else {
            let after = &text[end..];
            end += after.len() - after.trim_start_matches([' ', '\t']).len();
        }
        let mut splices = vec![(start..end, "")];
        let is_last = index + 1 == parts.len();
        if is_last
            && part.comma.is_none()
            && index > 0
            && let Some(comma) = parts[index - 1].comma
        {
            splices.insert(0, (comma..comma + 1, ""));
        }
        if parts.len() == 1 {
            let rest = format!("{}{}", &text[parent.start + 1..start], &text[end..parent.end - 1]);
            if rest.trim().is_empty() {
                splices = vec![(parent.start + 1..parent.end - 1, "")];
            }
        }
        splice(text, &splices)
    }

    /// What one level is indented by.
    fn unit(&self) -> String {
        let Kind::Object(parts) = &self.root.kind else { return "  ".to_owned() };
        let first = parts.iter().find(|part| starts_its_line(self.text, part.start));
        let found = first.map(|part| indentation(self.text, part.start)).filter(|found| !found.is_empty());
        found.unwrap_or("  ").to_owned()
    }

    fn not_a(&self, what: &str, node: &Node) -> Mistake {
        self.mistake_at(node.span.start, &format!("{what} is expected here"))
    }

    fn mistake_at(&self, at: usize, what: &str) -> Mistake {
        Mistake { line: line_of(self.text, at), what: what.to_owned() }
    }
}

/// The line of a place, counted from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].split(|byte| *byte == b'\n').count()
}

fn value_of(node: &Node) -> Json {
    match &node.kind {
        Kind::Scalar(value) => value.clone(),
        Kind::Array(parts) => Json::Array(parts.iter().map(|part| value_of(&part.value)).collect()),
        Kind::Object(parts) => {
            Json::Object(parts.iter().map(|part| (part.key.clone(), value_of(&part.value))).collect())
        }
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// The blanks that the line of `at` begins with.
fn indentation(text: &str, at: usize) -> &str {
    let line = text[line_start(text, at)..at].trim_start_matches('\u{feff}');
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

fn starts_its_line(text: &str, at: usize) -> bool {
    let start = line_start(text, at);
    start > 0 && text[start..at].chars().all(|c| c == ' ' || c == '\t')
}

/// The text with each range replaced; the ranges are in order and apart.
fn splice(text: &str, splices: &[(Range<usize>, &str)]) -> String {
    let mut new = String::with_capacity(text.len() + splices.iter().map(|(_, with)| with.len()).sum::<usize>());
    let mut at = 0;
    for (range, with) in splices {
        new.push_str(&text[at..range.start]);
        new.push_str(with);
        at = range.end;
    }
    new.push_str(&text[at..]);
    new
}

/// A value over several lines, whose first line is already indented by `outer`. Lists of plain values stay on one.
pub(crate) fn pretty(value: &Json, outer: &str, unit: &str, newline: &str) -> String {
    let inner = format!("{outer}{unit}");
    let lines = |open: char, lines: Vec<String>, close: char| {
        let joined = lines.join(&format!(",{newline}{inner}"));
        format!("{open}{newline}{inner}{joined}{newline}{outer}{close}")
    };
    match value {
        Json::Object(members) if !members.is_empty() => {
            let member = |(key, value): (&String, &Json)| {
                format!("{}: {}", Json::from(key.as_str()), pretty(value, &inner, unit, newline))
            };
            lines('{', members.iter().map(member).collect(), '}')
        }
        Json::Array(elements) if elements.iter().any(|element| element.is_object() || element.is_array()) => {
            lines('[', elements.iter().map(|element| pretty(element, &inner, unit, newline)).collect(), ']')
        }
        Json::Array(elements) => {
            format!("[{}]", elements.iter().map(Json::to_string).collect::<Vec<_>>().join(", "))
        }
        plain => plain.to_string(),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn mistake(&self, what: &str) -> Mistake {
        Mistake { line: line_of(self.text, self.at), what: what.to_owned() }
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes blanks and comments.
    fn space(&mut self) -> Result<(), Mistake> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let Some(end) = rest.find("*/") else { return Err(self.mistake("a comment does not end")) };
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, Mistake> {
        if depth > DEPTH_MAX {
            return Err(self.mistake("it nests too deeply"));
        }
        self.space()?;
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => Kind::Object(self.parts(b'}', depth)?),
            Some(b'[') => Kind::Array(self.parts(b']', depth)?),
            Some(b'"') => Kind::Scalar(Json::String(self.string()?)),
            Some(_) => Kind::Scalar(self.word()?),
            None => return Err(self.mistake("a value is missing at the end")),
        };
        Ok(Node { span: start..self.at, kind })
    }

    fn parts(&mut self, close: u8, depth: usize) -> Result<Vec<Part>, Mistake> {
        let mut parts: Vec<Part> = Vec::new();
        self.at += 1;
        loop {
            self.space()?;
            match self.peek() {
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(parts);
                }
                Some(b',') => {
                    let at = self.at;
                    match parts.last_mut() {
                        Some(last) if last.comma.is_none() => last.comma = Some(at),
                        _ => return Err(self.mistake("a comma follows nothing")),
                    }
                    self.at += 1;
                }
                Some(_) if parts.last().is_some_and(|last| last.comma.is_none()) => {
                    return Err(self.mistake("a comma or a closing bracket is expected"));
                }
                Some(_) => {
                    let start = self.at;
                    let key = if close == b'}' { self.key()? } else { String::new() };
                    let value = self.value(depth + 1)?;
                    parts.push(Part { key, start, value, comma: None });
                }
                None => return Err(self.mistake("a bracket is not closed")),
            }
        }
    }

    fn key(&mut self) -> Result<String, Mistake> {
        if self.peek() != Some(b'"') {
            return Err(self.mistake("a name in double quotes is expected"));
        }
        let key = self.string()?;
        self.space()?;
        if self.peek() != Some(b':') {
            return Err(self.mistake("a colon is expected after a name"));
        }
        self.at += 1;
        Ok(key)
    }

    fn string(&mut self) -> Result<String, Mistake> {
        let bytes = self.text.as_bytes();
        let mut end = self.at + 1;
        loop {
            match bytes.get(end) {
                Some(b'"') => break,
                Some(b'\\') => end += 2,
                Some(b'\n') | None => return Err(self.mistake("a text in quotes does not end")),
                Some(_) => end += 1,
            }
        }
        let read = serde_json::from_str(&self.text[self.at..=end]);
        let string = read.map_err(|_| self.mistake("a text in quotes is not valid"))?;
        self.at = end + 1;
        Ok(string)
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Json, Mistake> {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let read = serde_json::from_str(&rest[..length]);
        let value = read.map_err(|_| self.mistake("a value is expected"))?;
        self.at += length;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn member(text: &str, expected: &str) {
        let new = Document::parse(text).unwrap().with_member(&["s", "k"], &json!({"c": "x", "a": ["m"]})).unwrap();
        assert_eq!(new, expected, "{text:?}");
        let again = Document::parse(&new).unwrap();
        assert_eq!(again.get(&["s", "k"]), Some(json!({"c": "x", "a": ["m"]})));
    }

    #[test]
    fn a_member_takes_the_indentation_line_ends_and_commas_of_its_neighbours() {
        member("{}", "{\n  \"s\": {\n    \"k\": {\n      \"c\": \"x\",\n      \"a\": [\"m\"]\n    }\n  }\n}");
        member(
            "{\n\t\"s\": {\n\t\t\"o\": 1\n\t}\n}\n",
            "{\n\t\"s\": {\n\t\t\"o\": 1,\n\t\t\"k\": {\n\t\t\t\"c\": \"x\",\n\t\t\t\"a\": [\"m\"]\n\t\t}\n\t}\n}\n",
        );
        member(
            "{\r\n  \"s\": {}\r\n}\r\n",
            "{\r\n  \"s\": {\r\n    \"k\": {\r\n      \"c\": \"x\",\r\n      \"a\": [\"m\"]\r\n    }\r\n  }\r\n}\r\n",
        );
        member("{\"s\": {\"o\": 1}}", "{\"s\": {\"o\": 1, \"k\": {\"c\":\"x\",\"a\":[\"m\"]}}}");
        member("{\"s\": {\"o\": 1,}}", "{\"s\": {\"o\": 1, \"k\": {\"c\":\"x\",\"a\":[\"m\"]},}}");
        member(
            "{\n  \"s\": {\n    \"o\": 1, // one\n    /* two */ \"p\": 2 // three\n    // four\n  }, // five\n}",
            "{\n  \"s\": {\n    \"o\": 1, // one\n    /* two */ \"p\": 2, // three\n    // four\n    \"k\": {\n      \"c\": \"x\",\n      \"a\": [\"m\"]\n    }\n  }, // five\n}",
        );
        member(
            "{ // note\n}",
            "{ // note\n  \"s\": {\n    \"k\": {\n      \"c\": \"x\",\n      \"a\": [\"m\"]\n    }\n  }\n}",
        );
        member(
            "{ /* a */ }",
            "{ /* a */\n  \"s\": {\n    \"k\": {\n      \"c\": \"x\",\n      \"a\": [\"m\"]\n    }\n  }\n}",
        );
        member(
            "\u{feff}{}",
            "\u{feff}{\n  \"s\": {\n    \"k\": {\n      \"c\": \"x\",\n      \"a\": [\"m\"]\n    }\n  }\n}",
        );
    }

    #[test]
    fn what_was_added_is_removed_to_the_byte() {
        for text in [
            "{\n  \"s\": {\n    \"o\": 1\n  }\n}\n",
            "{\n  \"s\": {\n    \"o\": 1, // one\n    // two\n  },\n}\n",
            "{\r\n\t\"s\": {\r\n\t\t\"o\": [1]\r\n\t}\r\n}",
            "{\"s\": {\"o\": 1}}",
            "{\"s\": {}}",
        ] {
            let new = Document::parse(text).unwrap().with_member(&["s", "k"], &json!({"c": "x"})).unwrap();
            assert_eq!(Document::parse(&new).unwrap().without_member(&["s", "k"]), text);
            let new = Document::parse(text).unwrap().with_element(&["t"], &json!({"c": "x"})).unwrap();
            let new = Document::parse(&new).unwrap().without_element(&["t"], 0);
            assert_eq!(Document::parse(&new).unwrap().without_member(&["t"]), text);
        }
    }

    #[test]
    fn a_first_and_a_middle_part_are_removed_alone() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Document::parse(text).unwrap().without_member(&["k"]), expected, "{text:?}");
        };
        check("{\"k\": 1, \"o\": 2}", "{\"o\": 2}");
        check("{\"a\": 0, \"k\": 1, \"o\": 2}", "{\"a\": 0, \"o\": 2}");
        check("{\n  \"k\": 1, // its\n  \"o\": 2\n}", "{ // its\n  \"o\": 2\n}");
        check("{\n  \"a\": 0,\n  \"k\": 1,\n  \"o\": 2\n}", "{\n  \"a\": 0,\n  \"o\": 2\n}");
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let check = |text: &str, line: usize| assert_eq!(Document::parse(text).unwrap_err().line, line, "{text:?}");
        check("", 1);
        check("[]", 1);
        check("{\n\"a\": 1\n\"b\": 2}", 3);
        check("{\n\"a\": 1,,\n}", 2);
        check("{\n\n\"a\": 'b'}", 3);
        check("{\n\"a\": \"b\n}", 2);
        check("{\n/* ", 2);
        check("{\n\"a\": nul\n}", 2);
        check("{}\n{}", 2);
        check(&format!("{{\"a\": {}", "[".repeat(100_000)), 1);
        assert!(Document::parse("{\"a\": 1}").unwrap().with_member(&["a", "b"], &json!(1)).is_err());
        assert!(Document::parse("{\"a\": {}}").unwrap().with_element(&["a"], &json!(1)).is_err());
    }
}
