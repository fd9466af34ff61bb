//! What an execution was given: the attributes of its spans, each key with its first value in call order.

use foldhash::HashMap;
use kino_model::{Span, Value};

use crate::execution::Execution;

/// Attributes that tell of the outcome or name the single execution; they explain nothing.
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
    "session.id",
    "message.id",
    "user_agent",
];
/// More keys than this in one execution are not looked at; the count of tried ones would drown any finding.
const MAX_KEYS: usize = 64;

/// A longer text is a content, not a category.
const MAX_TEXT_BYTES: usize = 200;

/// A value that executions can be told apart by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Feature<'a> {
    Number(f64),
    Text(&'a str),
}

/// Reads features; remembers of each key whether it can be an input.
#[derive(Default)]
pub(crate) struct Features<'a> {
    /// The place of each key that can.
    inputs: HashMap<&'a str, Option<usize>>,
    /// By the place of a key: the last execution that was seen to have it.
    seen: Vec<usize>,
    executions: usize,
}

impl<'a> Features<'a> {
    /// By key, in the order in which the keys are met.
    pub(crate) fn of(&mut self, execution: &Execution<'_, 'a>) -> Vec<(&'a str, Feature<'a>)> {
        self.of_spans(execution.spans().iter().map(|&index| execution.tree.span(index as usize)))
    }

    /// The same of what these spans together are.
    pub(crate) fn of_spans(&mut self, spans: impl Iterator<Item = &'a Span>) -> Vec<(&'a str, Feature<'a>)> {
        self.executions += 1;
        let mut found = Vec::new();
        for span in spans {
            for (key, value) in &span.attributes {
                let key = key.as_str();
                let (next, known) = (self.seen.len(), self.inputs.get(key).copied());
                let place = known.unwrap_or_else(|| {
                    let place = (!NOT_INPUT.iter().any(|part| key.contains(part))).then_some(next);
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
