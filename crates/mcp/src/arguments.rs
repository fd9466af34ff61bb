//! What a client asks with: each tool's arguments, and the durations and times in them.

pub(crate) mod schema;

use std::collections::BTreeMap;

use kino_model::UnixNanos;
use rmcp::model::JsonObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// Arguments that every tool takes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Common {
    pub(crate) all: bool,
    pub(crate) budget_tokens: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct System {
    pub(crate) question: Option<String>,
    pub(crate) last: usize,
    pub(crate) since: Option<String>,
    pub(crate) against: Option<String>,
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Find {
    pub(crate) service: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) min_duration: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) error: bool,
    pub(crate) attributes: BTreeMap<String, Json>,
    pub(crate) run: Option<String>,
    pub(crate) limit: usize,
    pub(crate) list: Option<Names>,
    pub(crate) cursor: Option<String>,
}

impl Find {
    /// Refuses what does not narrow the list that is asked for: it would be passed over in silence.
    pub(crate) fn fits(&self, list: Names) -> Result<(), String> {
        let (runs, tests) = (list == Names::Runs, list == Names::Tests);
        let given = [
            ("service", self.service.is_some() && (runs || list == Names::Services)),
            ("name", self.name.is_some()),
            ("min_duration", self.min_duration.is_some()),
            ("error", self.error),
            ("attributes", !self.attributes.is_empty()),
            ("run", self.run.is_some() && !tests),
        ];
        let wrong: Vec<&str> = given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect();
        if wrong.is_empty() {
            return Ok(());
        }
        let takes = match list {
            Names::Tests => "run, service, since, until",
            Names::Operations => "service, since, until",
            Names::Services | Names::Runs => "since, until",
        };
        Err(format!("wrong arguments of find_traces: {}: not with this list, which takes {takes}", wrong.join(", ")))
    }
}

/// Names that other questions need, which `find_traces` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Names {
    Services,
    Operations,
    Runs,
    /// Not names, but what there is to say of each.
    Tests,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explain {
    pub(crate) target: String,
    pub(crate) service: Option<String>,
    #[serde(default)]
    pub(crate) last: usize,
    pub(crate) attribute: Option<String>,
    pub(crate) at: Option<f64>,
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compare {
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Errors {
    pub(crate) fingerprint: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) since: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) run: Option<String>,
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Insights {
    pub(crate) files: Vec<String>,
    pub(crate) since: Option<String>,
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Open {
    pub(crate) id: String,
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the argument is called so")]
pub(crate) struct Sql {
    pub(crate) sql: String,
    pub(crate) limit: Option<usize>,
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Verify {
    pub(crate) command: Option<Vec<String>>,
    pub(crate) against: Option<String>,
    pub(crate) repeat: Option<u32>,
    pub(crate) id: Option<String>,
    pub(crate) cursor: Option<String>,
}

/// Takes what all tools share out of `arguments`.
pub(crate) fn common(arguments: &mut JsonObject) -> Result<Common, String> {
    let mut shared = JsonObject::new();
    for name in ["all", "budget_tokens"] {
        if let Some(value) = arguments.remove(name) {
            shared.insert(name.to_owned(), value);
        }
    }
    read(shared)
}

/// Reads arguments; a wrong one is named, with those there are.
pub(crate) fn read<T: DeserializeOwned>(arguments: JsonObject) -> Result<T, String> {
    // Clients write `null` for what they leave out.
    let arguments = arguments.into_iter().filter(|(_, value)| !value.is_null()).collect();
    serde_json::from_value(Json::Object(arguments)).map_err(|error| format!("wrong arguments: {error}"))
}

/// Reads a duration as nanoseconds.
pub(crate) fn duration(text: &str) -> Result<i64, String> {
    kino_text::time::parse_duration(text).map_err(|expected| format!("{text:?}: {expected}"))
}

/// Reads a point in time as Unix nanoseconds, `now` being the present.
pub(crate) fn time(text: &str, now: UnixNanos) -> Result<i64, String> {
    let when = kino_text::time::parse_when(text).map_err(|expected| format!("{text:?}: {expected}"))?;
    Ok(when.unix_nanos(now))
}

/// [`time`] for an argument that may be absent.
pub(crate) fn optional_time(text: Option<&String>, now: UnixNanos) -> Result<Option<i64>, String> {
    text.map(|text| time(text, now)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_duration_or_time_is_quoted_with_what_is_right() {
        assert_eq!(time("10m ago", UnixNanos(700_000_000_000)), Ok(100_000_000_000));
        assert!(duration("5").unwrap_err().starts_with("\"5\": a number with its unit"));
        assert!(time("yesterday", UnixNanos(0)).unwrap_err().contains("how long ago"));
    }

    #[test]
    fn what_does_not_narrow_a_list_is_refused_by_name() {
        let find = |text: &str| read::<Find>(serde_json::from_str(text).unwrap()).unwrap();
        let refused = find(r#"{"name": "x", "run": "ab", "since": "1h"}"#).fits(Names::Operations).unwrap_err();
        assert_eq!(
            refused,
            "wrong arguments of find_traces: name, run: not with this list, which takes service, since, until"
        );
        assert!(find(r#"{"service": "x"}"#).fits(Names::Services).is_err());
        for (fits, list) in [
            (r#"{"service": "x", "since": "1h"}"#, Names::Operations),
            (r#"{"until": "1h"}"#, Names::Services),
            (r#"{"since": "1h", "limit": 3}"#, Names::Runs),
            (r#"{"run": "ab", "service": "x"}"#, Names::Tests),
        ] {
            assert_eq!(find(fits).fits(list), Ok(()));
        }
    }

    #[test]
    fn a_wrong_argument_is_named() {
        let arguments = serde_json::from_str(r#"{"servce": "x", "name": null}"#).unwrap();
        let message = read::<Find>(arguments).unwrap_err();
        assert!(message.contains("servce") && message.contains("service"), "{message}");
    }
}
