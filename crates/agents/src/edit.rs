//! One change of a file's text: made, recognised, and taken back. Each is judged by reading what came out.

use serde_json::{Value as Json, json};

use crate::jsonc::{Document, Mistake};
use crate::{marked, toml_text};

/// The name of the MCP server in every file.
pub const SERVER: &str = "kino";

/// A change of a text.
#[derive(Clone, Debug)]
pub enum Edit {
    /// The entry of the MCP server, in the object `parent` of a JSON file.
    Server {
        /// The member that lists servers.
        parent: &'static str,
        entry: Json,
    },
    /// The same as a table of a TOML file.
    Table {
        /// The table's path.
        path: [&'static str; 2],
        /// The line of its command.
        command: String,
    },
    /// Variables, as a table of a TOML file. It is Kinescope's where it has the first name.
    Variables {
        /// The table's path.
        path: [&'static str; 2],
        /// Names and values.
        values: Vec<(String, String)>,
    },
    /// A hook, as an element of `hooks.EVENT` of a JSON file.
    Hook {
        /// The event, by the assistant's own name.
        event: &'static str,
        /// The element.
        value: Json,
        /// What the command of such a hook ends with, whatever path the program has.
        own: String,
    },
    /// `"version": 1`, where there is none.
    Version,
    /// The marked block of a Markdown file.
    Block(&'static str),
    /// A file that is Kinescope's as a whole.
    Whole(String),
}

/// What became of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edited {
    /// It says so already.
    Unchanged,
    /// The new text.
    Changed(String),
    /// Something of that name is the user's own: it is left as it is, for this reason.
    Taken(String),
}

impl Edit {
    /// Makes the change; `None` is a file that is not there.
    ///
    /// # Errors
    /// Where the text cannot be read, with the line.
    pub fn apply(&self, text: Option<&str>) -> Result<Edited, Mistake> {
        let json = text.filter(|text| !text.trim_start_matches('\u{feff}').trim().is_empty()).unwrap_or("{}\n");
        match self {
            Self::Server { parent, entry } => {
                let document = Document::parse(json)?;
                match document.get(&[parent, SERVER]) {
                    None => checked(&document, document.with_member(&[parent, SERVER], entry)?, self),
                    Some(found) if is_own_server(&found) => Ok(Edited::Unchanged),
                    Some(_) => Ok(Edited::Taken(format!("{parent}.{SERVER} runs something else"))),
                }
            }
            Self::Table { path, command } => {
                let text = text.unwrap_or_default();
                let table = toml_text::parse(text)?;
                match toml_text::get(&table, path).map(toml_as_json) {
                    None => {
                        let lines = [command.clone(), "args = [\"mcp\"]".to_owned()];
                        Ok(Edited::Changed(toml_text::with_table(text, *path, &lines)?))
                    }
                    Some(found) if is_own_server(&found) => Ok(Edited::Unchanged),
                    Some(_) => Ok(Edited::Taken(format!("{} runs something else", path.join(".")))),
                }
            }
            Self::Variables { path, values } => variables(text.unwrap_or_default(), *path, values),
            Self::Hook { event, value, own } => {
                let document = Document::parse(json)?;
                let path = ["hooks", event];
                if position(&document, event, own).is_some() {
                    return Ok(Edited::Unchanged);
                }
                checked(&document, document.with_element(&path, value)?, self)
            }
            Self::Version => {
                let document = Document::parse(json)?;
                match document.get(&["version"]) {
                    Some(_) => Ok(Edited::Unchanged),
                    None => Ok(Edited::Changed(document.with_member(&["version"], &json!(1))?)),
                }
            }
            Self::Block(lines) => {
                let new = marked::with(text.unwrap_or_default(), lines)?;
                Ok(if Some(new.as_str()) == text { Edited::Unchanged } else { Edited::Changed(new) })
            }
            Self::Whole(whole) => Ok(match text {
                None => Edited::Changed(whole.clone()),
                Some(found) if found == whole => Edited::Unchanged,
                Some(_) => Edited::Taken("it has other text, which may be yours".to_owned()),
            }),
        }
    }

    /// Takes the change back, and nothing else. `before` is the text before any change, where it is known: a list or
    /// object that was not in it goes when it becomes empty. `None` is a file that has nothing else.
    ///
    /// # Errors
    /// Where the text cannot be read, with the line.
    pub fn take_back(&self, text: &str, before: Option<&str>) -> Result<Option<String>, Mistake> {
        let new = match self {
            Self::Server { parent, .. } => {
                let document = Document::parse(text)?;
                match document.get(&[parent, SERVER]) {
                    Some(found) if is_own_server(&found) => {
                        let new = document.without_member(&[parent, SERVER]);
                        without_empty(new, &[&[parent]], before)?
                    }
                    _ => text.to_owned(),
                }
            }
            Self::Table { path, .. } => {
                let table = toml_text::parse(text)?;
                let is_own = toml_text::get(&table, path).is_some_and(|found| is_own_server(&toml_as_json(found)));
                if is_own {
                    let new = toml_text::without_table(text, *path);
                    new.ok_or_else(|| Mistake { line: 1, what: format!("{} cannot be taken out", path.join(".")) })?
                } else {
                    text.to_owned()
                }
            }
            Self::Variables { path, values } => match own_variables(&toml_text::parse(text)?, *path, values) {
                Own::Absent | Own::Taken => text.to_owned(),
                Own::Present { has_others: true, .. } => return Err(mixed(text, *path)),
                Own::Present { .. } => toml_text::without_table(text, *path).ok_or_else(|| mixed(text, *path))?,
            },
            Self::Hook { event, own, .. } => {
                let mut new = text.to_owned();
                loop {
                    let document = Document::parse(&new)?;
                    let Some(index) = position(&document, event, own) else { break };
                    new = document.without_element(&["hooks", event], index);
                    new = without_empty(new, &[&["hooks", event], &["hooks"]], before)?;
                }
                new
            }
            Self::Version => text.to_owned(),
            Self::Block(_) => marked::without(text)?,
            Self::Whole(whole) => return Ok((text != whole).then(|| text.to_owned())),
        };
        Ok(Some(new))
    }

    /// Whether the text says so already.
    pub fn is_made(&self, text: &str) -> bool {
        match self {
            Self::Block(_) => marked::has(text).unwrap_or(false),
            _ => self.apply(Some(text)) == Ok(Edited::Unchanged),
        }
    }

    /// The event of a hook, and its place in the event's list, where the text has it.
    pub(crate) fn hook_place(&self, text: &str) -> Option<(&'static str, usize)> {
        let Self::Hook { event, own, .. } = self else { return None };
        Some((event, position(&Document::parse(text).ok()?, event, own)?))
    }

    /// The program that the text names for this change, as far as it does.
    pub fn program(&self, text: &str) -> Option<String> {
        match self {
            Self::Server { parent, .. } => server_command(&Document::parse(text).ok()?.get(&[parent, SERVER])?),
            Self::Table { path, .. } => {
                server_command(&toml_as_json(toml_text::get(&toml_text::parse(text).ok()?, path)?))
            }
            Self::Hook { event, own, .. } => {
                let document = Document::parse(text).ok()?;
                let element =
                    document.get(&["hooks", event])?.as_array()?.get(position(&document, event, own)?)?.clone();
                let quoted =
                    texts(&element).into_iter().find_map(|text| text.strip_suffix(own.as_str()).map(str::to_owned))?;
                let inner = quoted.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
                Some(inner.map_or_else(|| quoted.clone(), |inner| inner.replace("'\\''", "'")))
            }
            Self::Variables { .. } | Self::Version | Self::Block(_) | Self::Whole(_) => None,
        }
    }
}

/// What a table of variables is.
enum Own {
    Absent,
    /// The user's own.
    Taken,
    Present {
        /// Whether each value is as it is to be.
        is_current: bool,
        /// Whether there are names that are not Kinescope's.
        has_others: bool,
    },
}

fn own_variables(settings: &toml::Table, path: [&str; 2], values: &[(String, String)]) -> Own {
    let Some(found) = toml_text::get(settings, &path) else { return Own::Absent };
    let Some(found) = found.as_table().filter(|found| found.contains_key(&values[0].0)) else { return Own::Taken };
    let is = |(name, value): &(String, String)| found.get(name).and_then(toml::Value::as_str) == Some(value.as_str());
    Own::Present {
        is_current: values.iter().all(is),
        has_others: found.keys().any(|name| !values.iter().any(|(own, _)| own == name)),
    }
}

fn variables(text: &str, path: [&'static str; 2], values: &[(String, String)]) -> Result<Edited, Mistake> {
    // A text of JSON is one of TOML, too.
    let lines: Vec<String> =
        values.iter().map(|(name, value)| format!("{name} = {}", Json::from(value.as_str()))).collect();
    Ok(match own_variables(&toml_text::parse(text)?, path, values) {
        Own::Absent => Edited::Changed(toml_text::with_table(text, path, &lines)?),
        Own::Present { is_current: true, .. } => Edited::Unchanged,
        Own::Present { has_others: true, .. } => return Err(mixed(text, path)),
        Own::Present { .. } => {
            let without = toml_text::without_table(text, path).ok_or_else(|| mixed(text, path))?;
            Edited::Changed(toml_text::with_table(&without, path, &lines)?)
        }
        Own::Taken => Edited::Taken(format!("{} has variables of yours", path.join("."))),
    })
}

/// Kinescope's variables are between the user's.
fn mixed(text: &str, path: [&str; 2]) -> Mistake {
    let header = path.join(".");
    let line = text.lines().position(|line| line.trim_start().trim_start_matches('[').starts_with(&header));
    let what = format!("{header} has other variables than Kinescope's, too: change it by hand");
    Mistake { line: line.map_or(1, |line| line + 1), what }
}

/// What came out means what went in and the change; otherwise it is not used.
fn checked(before: &Document, new: String, edit: &Edit) -> Result<Edited, Mistake> {
    let wrong =
        |line| Mistake { line, what: "it cannot be changed as it is written; add the entry by hand".to_owned() };
    let document = Document::parse(&new).map_err(|mistake| wrong(mistake.line))?;
    let mut expected = before.value();
    let put = match edit {
        Edit::Server { parent, entry } => member(&mut expected, parent).map(|servers| {
            servers.insert(SERVER.to_owned(), entry.clone());
        }),
        Edit::Hook { event, value, .. } => member(&mut expected, "hooks").and_then(|hooks| {
            hooks.entry(*event).or_insert_with(|| json!([])).as_array_mut()?.push(value.clone());
            Some(())
        }),
        _ => Some(()),
    };
    if put.is_some() && document.value() == expected { Ok(Edited::Changed(new)) } else { Err(wrong(1)) }
}

fn member<'v>(value: &'v mut Json, name: &str) -> Option<&'v mut serde_json::Map<String, Json>> {
    value.as_object_mut()?.entry(name).or_insert_with(|| json!({})).as_object_mut()
}

/// The text without those of the lists and objects that are empty and were not there before.
fn without_empty(text: String, paths: &[&[&str]], before: Option<&str>) -> Result<String, Mistake> {
    let Some(before) = before else { return Ok(text) };
    let before = Document::parse(before).ok();
    let mut text = text;
    for path in paths {
        let document = Document::parse(&text)?;
        let is_empty = document.get(path).is_some_and(|found| found == json!({}) || found == json!([]));
        if is_empty && before.as_ref().is_none_or(|before| before.get(path).is_none()) {
            text = document.without_member(path);
        }
    }
    Ok(text)
}

/// The program of an entry of a server, in either form.
fn server_command(entry: &Json) -> Option<String> {
    let command = entry.get("command")?;
    let first = command.as_str().or_else(|| command.get(0)?.as_str())?;
    Some(first.to_owned())
}

/// Whether an entry runs `kino mcp`, by whatever path.
fn is_own_server(entry: &Json) -> bool {
    let Some(program) = server_command(entry) else { return false };
    let is_kino = program.rsplit(['/', '\\']).next() == Some("kino");
    let args = match entry.get("command") {
        Some(Json::Array(words)) => words.get(1..).unwrap_or_default().to_vec(),
        _ => entry.get("args").and_then(Json::as_array).cloned().unwrap_or_default(),
    };
    is_kino && args == [json!("mcp")]
}

fn toml_as_json(value: &toml::Value) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

/// Where the hook of an event is in its list.
fn position(document: &Document, event: &str, own: &str) -> Option<usize> {
    let list = document.get(&["hooks", event])?;
    list.as_array()?.iter().position(|element| texts(element).iter().any(|text| text.ends_with(own)))
}

/// Every text in a value.
fn texts(value: &Json) -> Vec<&str> {
    match value {
        Json::String(text) => vec![text],
        Json::Array(elements) => elements.iter().flat_map(texts).collect(),
        Json::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Agent, Program, Scope, offers, places};

    fn all(agent: Agent) -> Vec<crate::Offer> {
        let places = places(agent, &Scope::Project("/p".into()));
        let servers = places.servers[0].clone();
        let variables =
            [("KINO_CHANNEL".to_owned(), "/dev/null/kino".to_owned()), ("B".to_owned(), "a \\ \" b".to_owned())];
        let extras = crate::Extras { has_stop: true, variables: &variables };
        offers(agent, &places, &servers, &Program("/opt/my kino/kino".to_owned()), extras)
    }

    fn make(edits: &[Edit], text: Option<&str>) -> String {
        let mut text = text.map(str::to_owned);
        for edit in edits {
            if let Edited::Changed(new) = edit.apply(text.as_deref()).unwrap() {
                text = Some(new);
            }
        }
        text.unwrap()
    }

    #[test]
    fn every_change_is_made_once_and_taken_back() {
        for offer in Agent::ALL.into_iter().flat_map(all) {
            let is_json = offer.path.extension().is_some_and(|ending| ending == "json");
            let before = if is_json { "{\n  \"version\": 1,\n  // note\n  \"other\": {}\n}\n" } else { "# note\n" };
            let whole = matches!(offer.edits[0], Edit::Whole(_));
            let start = (!whole).then_some(before);
            let made = make(&offer.edits, start);
            assert_eq!(make(&offer.edits, Some(&made)), made, "{offer:?}");
            assert!(offer.edits.iter().all(|edit| edit.is_made(&made)), "{offer:?}\n{made}");
            let mut back = Some(made);
            for edit in offer.edits.iter().rev() {
                back = back.and_then(|text| edit.take_back(&text, start).unwrap());
            }
            assert_eq!(back.as_deref(), start, "{offer:?}");
        }
    }

    #[test]
    fn a_hook_names_its_program_in_quotes_and_a_server_as_it_is() {
        for offer in all(Agent::ClaudeCode) {
            let made = make(&offer.edits, None);
            for edit in &offer.edits {
                let named = edit.program(&made);
                assert!(named.as_deref().is_none_or(|named| named == "/opt/my kino/kino"), "{named:?}");
            }
            if offer.purpose == crate::Purpose::Hooks {
                assert!(made.contains("'/opt/my kino/kino' hook claude-code PostToolUseFailure"), "{made}");
            }
        }
    }

    #[test]
    fn variables_are_renewed_and_those_of_the_user_are_left() {
        let edit = |value: &str| Edit::Variables {
            path: ["policy", "set"],
            values: vec![("MARK".to_owned(), "1".to_owned()), ("B".to_owned(), value.to_owned())],
        };
        let before = "a = 1\n\n[policy]\ninherit = \"all\"\n";
        let made = make(&[edit("x")], Some(before));
        let renewed = make(&[edit("y")], Some(&made));
        assert!(
            renewed.contains("B = \"y\"") && !renewed.contains("\"x\"") && edit("y").is_made(&renewed),
            "{renewed}"
        );
        assert_eq!(edit("z").take_back(&renewed, None), Ok(Some(before.to_owned())));
        let own = "[policy.set]\nB = \"mine\"\n";
        assert!(matches!(edit("x").apply(Some(own)), Ok(Edited::Taken(_))));
        assert_eq!(edit("x").take_back(own, None), Ok(Some(own.to_owned())));
        let mixed = made.replace("MARK", "MINE = \"1\"\nMARK");
        assert_eq!(edit("x").apply(Some(&mixed)), Ok(Edited::Unchanged));
        assert_eq!(edit("y").apply(Some(&mixed)).unwrap_err().line, 6);
        assert!(edit("x").take_back(&mixed, None).is_err());
    }

    #[test]
    fn an_entry_of_that_name_that_runs_something_else_is_the_users() {
        let edit = Edit::Server { parent: "mcpServers", entry: json!({"command": "kino", "args": ["mcp"]}) };
        let taken = edit.apply(Some("{\"mcpServers\": {\"kino\": {\"command\": \"npx\"}}}")).unwrap();
        assert!(matches!(taken, Edited::Taken(_)));
        let text = "{\"mcpServers\": {\"kino\": {\"command\": \"/x/kino\", \"args\": [\"mcp\"], \"env\": {}}}}";
        assert_eq!(edit.apply(Some(text)), Ok(Edited::Unchanged));
        assert!(edit.apply(Some("{\"mcpServers\": []}")).is_err());
    }

    #[test]
    fn a_block_of_instructions_has_at_most_twelve_lines() {
        let edits = all(Agent::Codex).into_iter().find(|offer| offer.path == Path::new("/p/AGENTS.md")).unwrap().edits;
        assert!(make(&edits, None).lines().count() <= 12);
    }
}
