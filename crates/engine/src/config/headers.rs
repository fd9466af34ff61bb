//! Servers that the user's commands talk to, and the headers that go with it. Their values may be secrets: they are never
//! written out, neither by `Debug` nor as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What is shown in place of a value.
const HIDDEN: &str = "(hidden)";

/// A server from which traces are pulled, and what is sent along.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PullSource {
    /// The beginning of its URLs. The headers go to no other host or path.
    pub url: String,
    /// Headers of each request.
    pub headers: Headers,
}

/// Names and values of headers.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Headers(BTreeMap<String, String>);

impl Headers {
    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|name| (name, HIDDEN))).finish()
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.keys().map(|name| (name, HIDDEN)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_written_out() {
        let text = r#"{"url":"http://tempo:3200","headers":{"Authorization":"Bearer hush"}}"#;
        let source: PullSource = serde_json::from_str(text).unwrap();
        assert_eq!(source.headers.iter().collect::<Vec<_>>(), [("Authorization", "Bearer hush")]);
        for shown in [format!("{source:?}"), serde_json::to_string(&source).unwrap()] {
            assert!(shown.contains("Authorization") && !shown.contains("hush"), "{shown}");
        }
    }
}
