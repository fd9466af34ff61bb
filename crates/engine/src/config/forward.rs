//! Where recordings are passed on to.

use serde::{Deserialize, Serialize, Serializer};

use super::Headers;

/// Passing what was recorded on to another OTLP endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forward {
    /// The beginning of its URLs: `/v1/traces` and `/v1/logs` are added. `None`: nothing is passed on.
    #[serde(serialize_with = "without_credentials")]
    pub url: Option<String>,
    /// Headers of each request.
    pub headers: Headers,
    /// Whether recordings may go to another machine without encryption.
    pub insecure: bool,
    /// Bytes of the log that stay while they are not passed on; the oldest go first, counted.
    pub log_bytes_max: u64,
}

impl Default for Forward {
    fn default() -> Self {
        // Some hours of a busy machine, and little beside the lake.
        Self { url: None, headers: Headers::default(), insecure: false, log_bytes_max: 256 << 20 }
    }
}

/// Writes a URL without what is before an `@`, which is refused before it is used.
#[allow(clippy::ref_option, reason = "what serde calls it with")]
fn without_credentials<S: Serializer>(url: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = url.as_ref().map(|url| match url.rsplit_once('@') {
        Some((_, place)) => format!("(hidden)@{place}"),
        None => url.clone(),
    });
    shown.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_in_a_url_is_not_written_out() {
        let shown = |url: &str| {
            let forward = Forward { url: Some(url.to_owned()), ..Forward::default() };
            serde_json::to_value(forward).unwrap()["url"].as_str().unwrap().to_owned()
        };
        assert_eq!(shown("http://me:hush@host:4318/x"), "(hidden)@host:4318/x");
        assert_eq!(shown("http://host:4318"), "http://host:4318");
    }
}
