//! Redaction without a store: for what waits in a file until an engine takes it in.

use kino_ingest::{Encoding, Limits, decode_file, otlp};
use kino_model::UnixNanos;
use kino_model::batch::rows;
use kino_redact::Redactor;
use kino_wire::Problem;

use crate::config::{ConfigError, EngineConfig};
use crate::error::OrProblem;
use crate::{redaction, secret};

/// Takes secrets out where no engine does. It redacts even where the configuration switches redaction off: a working
/// directory is read by more than a home is.
#[derive(Debug)]
pub struct OfflineRedaction {
    redactor: Redactor,
    attributes_max: usize,
}

/// Spans without secrets.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RedactedSpans {
    /// A request of OTLP in JSON on one line; empty where no span is left.
    pub request: Vec<u8>,
    /// Spans that could not be decoded and are not in it.
    pub rejected: u64,
}

impl OfflineRedaction {
    /// With the rules of a configuration, and the key of its home. Where the home has none yet, or it cannot be read, the
    /// key is a random one: the tokens then differ from those of the home.
    ///
    /// # Errors
    /// Where a rule is wrong, or the system has no randomness.
    pub fn new(config: &EngineConfig) -> Result<Self, Problem> {
        let invalid = |error: &dyn std::error::Error| Problem::invalid(error.to_string());
        let rules = redaction::rules(&config.redaction).map_err(|error| invalid(&ConfigError::from(error)))?;
        let key = secret::existing_redaction_key(&config.home).or_else(|_| secret::random());
        let key = key.or_problem()?;
        let attributes_max = usize::try_from(config.limits.attributes_max).unwrap_or(usize::MAX);
        Ok(Self { redactor: Redactor::new(key, rules), attributes_max })
    }

    /// Returns spans without secrets, as the engine would store them. `requests` are of OTLP in JSON, one a line; `now` is
    /// the time of their arrival.
    ///
    /// # Errors
    /// Where they are no such requests.
    pub fn spans(&self, requests: &[u8], now: UnixNanos) -> Result<RedactedSpans, Problem> {
        let limits = Limits { now, attributes_max: self.attributes_max, ..Limits::default() };
        let (_, decoded) = decode_file(requests, &limits).map_err(|error| Problem::invalid(error.to_string()))?;
        let (batch, _) = self.redactor.redact_batch(decoded.batch);
        let spans = rows::spans(&batch);
        let request = if spans.is_empty() { Vec::new() } else { otlp::encode_traces(&spans, Encoding::Json) };
        Ok(RedactedSpans { request, rejected: decoded.rejected_spans })
    }

    /// Returns a text without secrets.
    pub fn text(&self, text: &str) -> String {
        self.redactor.redact_text(text).0.into_owned()
    }

    /// Returns bytes without secrets.
    pub fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        self.redactor.redact_bytes(bytes).0.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "AKIAIOSFODNN7EXAMPLE";

    fn request(statement: &str) -> String {
        format!(
            r#"{{"resourceSpans":[{{"resource":{{}},"scopeSpans":[{{"scope":{{"name":"s"}},"spans":[{{"traceId":"{}","spanId":"{}","name":"{statement}","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000000000007"}}]}}]}}]}}"#,
            "ab".repeat(16),
            "cd".repeat(8)
        )
    }

    #[test]
    fn spans_come_out_on_one_line_without_secrets() {
        let home = tempfile::tempdir().unwrap();
        let mut config = EngineConfig::new(home.path());
        config.redaction.enabled = false;
        let redaction = OfflineRedaction::new(&config).unwrap();
        let requests = format!("{}\n{}\n", request(&format!("SELECT '{SECRET}'")), request("plain"));
        let spans = redaction.spans(requests.as_bytes(), UnixNanos(1_700_000_000_000_000_009)).unwrap();
        let text = String::from_utf8(spans.request).unwrap();
        assert!(!text.contains(SECRET) && text.contains("[redacted:") && text.contains("plain"), "{text}");
        assert!(!text.contains('\n') && spans.rejected == 0, "{text}");
        assert!(!redaction.text(&format!("--key {SECRET}")).contains(SECRET));
        assert!(!String::from_utf8_lossy(&redaction.bytes(SECRET.as_bytes())).contains(SECRET));
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "no key is made");
        assert!(redaction.spans(b"no request", UnixNanos(0)).is_err());
    }

    #[test]
    fn the_homes_own_key_makes_the_tokens_where_there_is_one() {
        let home = tempfile::tempdir().unwrap();
        let config = EngineConfig::new(home.path());
        let token = || OfflineRedaction::new(&config).unwrap().text(SECRET);
        assert_ne!(token(), token());
        secret::redaction_key(home.path()).unwrap();
        assert_eq!(token(), token());
    }
}
