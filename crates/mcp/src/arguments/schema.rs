//! Arguments, checked against the schema that the tool lists, so that each wrong one is named with what would be right.

use kino_text::suggest;
use rmcp::model::{JsonObject, Tool};
use serde_json::Value as Json;

use crate::untrusted::clean;

/// The longest text that an argument takes, in bytes, where its schema says nothing else.
const TEXT_BYTES_MAX: u64 = 16 << 10;
/// The most items of a list or members of an object.
const ITEMS_MAX: usize = 1_000;
/// How much of a wrong value is quoted, in bytes.
const QUOTED_BYTES_MAX: usize = 60;
/// How many mistakes are named.
const MISTAKES_MAX: usize = 5;

/// Checks every argument; `null` counts as absent.
///
/// # Errors
/// What is wrong, argument by argument, in one line.
pub(crate) fn check(tool: &Tool, arguments: &JsonObject) -> Result<(), String> {
    let none = JsonObject::new();
    let properties = tool.input_schema.get("properties").and_then(Json::as_object).unwrap_or(&none);
    let given = arguments.iter().filter(|(_, value)| !value.is_null());
    let mut mistakes: Vec<String> = given
        .filter_map(|(name, value)| match properties.get(name) {
            Some(schema) => mistake(schema, value).map(|mistake| format!("{name}: {mistake}")),
            None => Some(unknown(name, properties)),
        })
        .collect();
    let required = tool.input_schema.get("required").and_then(Json::as_array).into_iter().flatten();
    let missing = required.filter_map(Json::as_str).filter(|name| arguments.get(*name).is_none_or(Json::is_null));
    mistakes.extend(missing.map(|name| format!("{name}: missing; it is {}", expected(&properties[name]))));
    if mistakes.is_empty() {
        return Ok(());
    }
    let beyond = mistakes.len().saturating_sub(MISTAKES_MAX);
    mistakes.truncate(MISTAKES_MAX);
    if beyond > 0 {
        mistakes.push(format!("{beyond} more mistakes"));
    }
    Err(format!("wrong arguments of {}: {}", tool.name, mistakes.join("; ")))
}

fn unknown(name: &str, properties: &JsonObject) -> String {
    let names = || properties.keys().map(String::as_str);
    let quoted = clean(name, QUOTED_BYTES_MAX);
    match suggest::best(name, names()) {
        Some(near) => format!("{quoted}: no such argument, did you mean {near}?"),
        None => format!("{quoted}: no such argument, there are {}", names().collect::<Vec<_>>().join(", ")),
    }
}

/// What is wrong with a value, if anything.
fn mistake(schema: &Json, value: &Json) -> Option<String> {
    let wrong = || Some(format!("{}, not {}", expected(schema), clean(&value.to_string(), QUOTED_BYTES_MAX)));
    let is_short = |text: &str| text.len() as u64 <= schema["maxLength"].as_u64().unwrap_or(TEXT_BYTES_MAX);
    let is_scalar = |value: &Json| match value {
        Json::String(text) => is_short(text),
        Json::Number(_) | Json::Bool(_) => true,
        _ => false,
    };
    match (schema["type"].as_str(), value) {
        (Some("string"), Json::String(text)) if !is_short(text) => Some(format!(
            "at most {} bytes, not {}",
            schema["maxLength"].as_u64().unwrap_or(TEXT_BYTES_MAX),
            text.len()
        )),
        (Some("string"), Json::String(_)) => {
            let choices = schema["enum"].as_array();
            if choices.is_none_or(|choices| choices.contains(value)) { None } else { wrong() }
        }
        (Some("boolean"), Json::Bool(_)) | (Some("number"), Json::Number(_)) => None,
        (Some("integer"), Json::Number(number)) => {
            // Some clients write whole numbers as 5.0.
            let whole = number
                .as_u64()
                .or_else(|| number.as_f64().filter(|it| it.fract() == 0.0 && *it >= 0.0).map(|it| it as u64));
            let within = |whole: u64| {
                whole >= schema["minimum"].as_u64().unwrap_or(0)
                    && whole <= schema["maximum"].as_u64().unwrap_or(u64::MAX)
            };
            if whole.is_some_and(within) { None } else { wrong() }
        }
        (Some("array"), Json::Array(items)) => {
            let texts = items.iter().all(|item| item.as_str().is_some_and(is_short));
            if texts && items.len() <= ITEMS_MAX { None } else { wrong() }
        }
        (Some("object"), Json::Object(members)) => {
            if members.values().all(is_scalar) && members.len() <= ITEMS_MAX {
                None
            } else {
                wrong()
            }
        }
        _ => wrong(),
    }
}

/// What a schema asks for, in words.
fn expected(schema: &Json) -> String {
    match schema["type"].as_str() {
        Some("string") => match schema["enum"].as_array() {
            Some(choices) => {
                let choices: Vec<&str> = choices.iter().filter_map(Json::as_str).collect();
                format!("one of {}", choices.join(", "))
            }
            None => "a text".to_owned(),
        },
        Some("integer") => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(least), Some(most)) => format!("a whole number from {least} to {most}"),
            (Some(least), None) => format!("a whole number, at least {least}"),
            _ => "a whole number".to_owned(),
        },
        Some("number") => "a number".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("array") => format!("a list of at most {ITEMS_MAX} texts"),
        _ => format!("an object of at most {ITEMS_MAX} texts"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::list;

    fn checked(tool: &str, arguments: &str) -> String {
        let tools = list::all(true);
        let tool = tools.iter().find(|listed| listed.name == tool).unwrap();
        check(tool, &serde_json::from_str(arguments).unwrap()).err().unwrap_or_default()
    }

    #[test]
    fn right_arguments_pass() {
        for (tool, arguments) in [
            (
                "find_traces",
                r#"{"limit": 5, "error": true, "attributes": {"a": "b", "n": 3}, "name": null, "all": true}"#,
            ),
            ("find_traces", r#"{"limit": 5.0, "list": "operations", "budget_tokens": 300}"#),
            ("explain", r#"{"target": "GET /", "at": 3}"#),
            ("verify_change", r#"{"command": ["python", "app.py"], "repeat": 3}"#),
        ] {
            assert_eq!(checked(tool, arguments), "", "{arguments}");
        }
    }

    #[test]
    fn each_wrong_argument_is_named_with_what_would_be_right() {
        insta::assert_snapshot!(
            [
                checked("find_traces", r#"{"limit": "5"}"#),
                checked("find_traces", r#"{"limit": 0, "servce": "x", "error": "yes"}"#),
                checked("find_traces", r#"{"list": "spans", "attributes": ["a"], "budget_tokens": 1}"#),
                checked("explain", r#"{"zzz": 1}"#),
                checked("verify_change", r#"{"command": "python app.py", "repeat": -1}"#),
                checked("explain", &format!(r#"{{"target": "{}"}}"#, "x".repeat(20_000))),
            ]
            .join("\n"),
            @r#"
        wrong arguments of find_traces: limit: a whole number, at least 1, not "5"
        wrong arguments of find_traces: limit: a whole number, at least 1, not 0; servce: no such argument, did you mean service?; error: true or false, not "yes"
        wrong arguments of find_traces: list: one of services, operations, runs, tests, not "spans"; attributes: an object of at most 1000 texts, not ["a"]; budget_tokens: a whole number from 300 to 20000, not 1
        wrong arguments of explain: zzz: no such argument, there are target, service, last, attribute, at, cursor, budget_tokens, all; target: missing; it is a text
        wrong arguments of verify_change: command: a list of at most 1000 texts, not "python app.py"; repeat: a whole number, at least 1, not -1
        wrong arguments of explain: target: at most 16384 bytes, not 20000
        "#);
    }
}
