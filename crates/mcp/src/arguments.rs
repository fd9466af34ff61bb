//! What a client asks with: each tool's arguments, and the durations and times in them.

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
    pub(crate) cursor: Option<String>,
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
pub(crate) struct Sql {
    pub(crate) sql: String,
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Verify {
    pub(crate) command: Option<Vec<String>>,
    pub(crate) against: Option<String>,
    pub(crate) repeat: Option<u32>,
    pub(crate) id: Option<String>,
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

/// Reads `250ms`, `1.5s`, `2h`, `7d`; a number alone has no unit and is refused.
pub(crate) fn duration(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let nanos = match unit.trim() {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" | "min" => 60e9,
        "h" => 3_600e9,
        "d" => 86_400e9,
        _ => return Err(format!("{text:?} is no duration: write one like 250ms, 1.5s, 10m, 2h, 7d")),
    };
    match number.parse::<f64>() {
        Ok(number) if number * nanos < i64::MAX as f64 => Ok((number * nanos).round() as i64),
        _ => Err(format!("{text:?} is no duration: write one like 250ms, 1.5s, 10m, 2h, 7d")),
    }
}

/// Reads RFC 3339, Unix nanoseconds, or how long before `now`.
pub(crate) fn time(text: &str, now: UnixNanos) -> Result<i64, String> {
    let text = text.trim();
    if let Ok(nanos) = text.parse::<i64>() {
        return Ok(nanos);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return i64::try_from(time.as_nanosecond()).map_err(|_| format!("{text:?} is beyond the years 1677 to 2262"));
    }
    let ago = duration(text.strip_suffix("ago").unwrap_or(text).trim());
    ago.map(|nanos| now.0.saturating_sub(nanos))
        .map_err(|_| format!("{text:?} is no time: write 2026-01-31T12:00:00Z, or how long ago, like 15m, 2h, 7d"))
}

/// [`time`] for an argument that may be absent.
pub(crate) fn optional_time(text: Option<&String>, now: UnixNanos) -> Result<Option<i64>, String> {
    text.map(|text| time(text, now)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times_are_read() {
        let now = UnixNanos(10_000_000_000_000);
        assert_eq!(duration("250ms"), Ok(250_000_000));
        assert_eq!(duration(" 1.5 s"), Ok(1_500_000_000));
        assert_eq!(time("1h", now), Ok(10_000_000_000_000 - 3_600_000_000_000));
        assert_eq!(time("10m ago", now), Ok(10_000_000_000_000 - 600_000_000_000));
        assert_eq!(time("1970-01-01T00:00:01Z", now), Ok(1_000_000_000));
        assert_eq!(time("1700000000000000000", now), Ok(1_700_000_000_000_000_000));
    }

    #[test]
    fn wrong_ones_say_what_is_right() {
        for text in ["", "5", "fast", "1..2s", "1e3s", "99999999999999d", "-5s"] {
            assert!(duration(text).unwrap_err().contains("write one like"), "{text:?}");
        }
        assert!(time("yesterday", UnixNanos(0)).unwrap_err().contains("how long ago"));
    }

    #[test]
    fn a_wrong_argument_is_named() {
        let arguments = serde_json::from_str(r#"{"servce": "x", "name": null}"#).unwrap();
        let message = read::<Find>(arguments).unwrap_err();
        assert!(message.contains("servce") && message.contains("service"), "{message}");
    }
}
