//! Requests that the processes of a run have served: what can be said of them at once, without asking the engine.

use serde::Deserialize;

/// OTLP's number of a span that serves a request.
const SERVER: u8 = 2;
/// OTLP's number of a status that says failure.
const ERROR: u8 = 2;
/// Characters of a route that are remembered.
const NAME_CHARACTERS_MAX: usize = 80;

/// Requests that were served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// How many.
    pub requests: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The slowest: its name, as recorded, and its duration in nanoseconds; `None` where there was none.
    pub slowest: Option<(String, u64)>,
    /// The start of the first, in Unix nanoseconds.
    pub first_unix_nanos: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    #[serde(default)]
    kind: u8,
    #[serde(default)]
    name: String,
    #[serde(default)]
    start_time_unix_nano: String,
    #[serde(default)]
    end_time_unix_nano: String,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u8,
}

impl Served {
    /// Counts a span, in OTLP's JSON, if it served a request; returns whether it did.
    pub(crate) fn count(&mut self, span: &str) -> bool {
        let Ok(head) = serde_json::from_str::<Head>(span) else { return false };
        if head.kind != SERVER {
            return false;
        }
        let (start, end): (u64, u64) = match (head.start_time_unix_nano.parse(), head.end_time_unix_nano.parse()) {
            (Ok(start), Ok(end)) => (start, end),
            _ => return true,
        };
        self.requests += 1;
        self.failed += u64::from(head.status.code == ERROR);
        self.first_unix_nanos = Some(self.first_unix_nanos.map_or(start, |first| first.min(start)));
        let nanos = end.saturating_sub(start);
        if self.slowest.as_ref().is_none_or(|(_, slowest)| nanos > *slowest) {
            self.slowest = Some((head.name.chars().take(NAME_CHARACTERS_MAX).collect(), nanos));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(kind: u8, name: &str, end: u64, code: u8) -> String {
        format!(
            r#"{{"kind":{kind},"name":"{name}","startTimeUnixNano":"100","endTimeUnixNano":"{end}","status":{{"code":{code}}}}}"#
        )
    }

    #[test]
    fn requests_are_counted_and_the_slowest_is_named() {
        let mut served = Served::default();
        assert!(served.count(&span(2, "GET /a", 150, 0)) && served.count(&span(2, "GET /b", 900, 2)));
        assert!(!served.count(&span(3, "SELECT", 9_000, 2)) && !served.count("junk") && !served.count("{}"));
        assert!(served.count(&span(2, &"x".repeat(1_000), 99, 0)));
        let slowest = Some(("GET /b".to_owned(), 800));
        assert_eq!(served, Served { requests: 3, failed: 1, slowest, first_unix_nanos: Some(100) });
    }
}
