//! What an execution was given: the attributes of its spans, each key with its first value in call order.

use foldhash::HashMap;
use kino_model::{Span, Value};

use crate::execution::Execution;

/// Attributes that record the outcome or name the single execution; they explain nothing.
const NOT_INPUT: &[&str] = &[
    "error",
    "exception",
    "status",
    "kino.run",
    "kino.lock",
    "thread.",
    "trace",
    "span",
    "duration",
    "elapsed",
    "latency",
    "response",
    "otel.",
    "code.",
    "result",
    "output",
    "retry",
    "pid",
    ".port",
    "user_agent",
];
/// Attributes that name the single execution, unless many share a value: one message that is delivered again and again.
const IDS: &[&str] = &["session.id", "message.id"];
/// What an execution is given at its start by the conventions of OpenTelemetry.
const GIVEN: &[&str] = &[
    "messaging.",
    "url.",
    "http.route",
    "http.target",
    "http.url",
    "http.request.",
    "rpc.",
    "faas.",
    "user.id",
    "enduser.",
    "baggage.",
];
/// The most keys of one execution that are examined; the count of tried ones would drown any finding.
const MAX_KEYS: usize = 64;

/// A longer text is a content, not a category.
const MAX_TEXT_BYTES: usize = 200;

/// Whether an execution is given this at its start, rather than found or measured later.
pub(crate) fn is_given(key: &str) -> bool {
    GIVEN.iter().any(|part| key.starts_with(part))
}

/// Whether a key names the single execution, unless many share a value.
pub(crate) fn is_id(key: &str) -> bool {
    IDS.iter().any(|part| key.contains(part))
}

/// A value that distinguishes executions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Feature<'a> {
    Number(f64),
    Text(&'a str),
}

impl std::fmt::Display for Feature<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Reads features; remembers of each key whether it can be an input.
#[derive(Default)]
pub(crate) struct Features<'a> {
    /// The place of each key that can.
    inputs: HashMap<&'a str, Option<usize>>,
    /// By the place of a key: the last execution that was seen to have it.
    seen: Vec<usize>,
    executions: usize,
    with_ids: bool,
}

impl<'a> Features<'a> {
    /// Reads ids too, which say something only where many executions share a value.
    pub(crate) fn with_ids() -> Self {
        Self { with_ids: true, ..Self::default() }
    }

    /// By key, in the order in which the keys are met.
    pub(crate) fn of(&mut self, execution: &Execution<'_, 'a>) -> Vec<(&'a str, Feature<'a>)> {
        self.of_spans(execution.spans().iter().map(|&index| execution.tree.span(index as usize)))
    }

    /// The same of what these spans together are.
    pub(crate) fn of_spans(&mut self, spans: impl Iterator<Item = &'a Span>) -> Vec<(&'a str, Feature<'a>)> {
        self.executions += 1;
        let with_ids = self.with_ids;
        let mut found = Vec::new();
        for span in spans {
            for (key, value) in &span.attributes {
                let key = key.as_str();
                let (next, known) = (self.seen.len(), self.inputs.get(key).copied());
                let place = known.unwrap_or_else(|| {
                    let is_input = !NOT_INPUT.iter().any(|part| key.contains(part)) && (with_ids || !is_id(key));
                    let place = is_input.then_some(next);
                    self.seen.extend(place.map(|_| 0));
                    self.inputs.insert(key, place);
                    place
                });
                let Some(place) = place.filter(|place| self.seen[*place] != self.executions) else { continue };
                let feature = match value {
                    Value::Int(number) => Feature::Number(*number as f64),
                    Value::Double(number) if number.is_finite() => Feature::Number(*number),
                    Value::Bool(truth) => Feature::Text(if *truth { "true" } else { "false" }),
                    Value::String(text) if text.len() <= MAX_TEXT_BYTES => Feature::Text(text),
                    _ => continue,
                };
                if found.len() >= MAX_KEYS {
                    return found;
                }
                self.seen[place] = self.executions;
                found.push((key, feature));
            }
        }
        found
    }
}
