//! A value of an answer, written twice: for a reader (humanised, in a table) and for a machine (exact, as JSON).

use kino_model::DurationNanos;
use serde_json::{Value as Json, json};

use crate::untrusted::{CELL_BYTES_MAX, clean, cut_again, word};

/// A value in an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing known.
    Empty,
    /// Our own words, or ids and codes that were checked to be such.
    Plain(String),
    /// Recorded text, cleaned. Columns and facts that hold it are named `untrusted.*`.
    Recorded(String),
    Count(u64),
    /// A duration in nanoseconds.
    Nanos(i64),
    /// A point in time, in Unix nanoseconds.
    Time(i64),
    /// A part of a whole, 0 to 1.
    Share(f64),
    /// Any other number.
    Number(f64),
    /// A value of a SQL result, as it is; text in it is recorded.
    Any(Json),
}

impl Value {
    /// A checked code, id or verdict.
    pub(crate) fn word(text: &str) -> Self {
        Self::Plain(word(text).to_owned())
    }

    /// Recorded text, bounded to a cell; nothing where it is empty.
    pub(crate) fn recorded(text: &str) -> Self {
        Self::recorded_up_to(text, CELL_BYTES_MAX)
    }

    /// Recorded text, bounded to `bytes_max`.
    pub(crate) fn recorded_up_to(text: &str, bytes_max: usize) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Recorded(clean(text, bytes_max)) }
    }

    /// A duration that may be unknown.
    pub(crate) fn nanos(nanos: Option<i64>) -> Self {
        nanos.map_or(Self::Empty, Self::Nanos)
    }

    /// A number that may be unknown.
    pub(crate) fn number(number: Option<f64>) -> Self {
        number.map_or(Self::Empty, Self::Number)
    }

    /// For a reader.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Plain(text) | Self::Recorded(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Nanos(nanos) => DurationNanos(*nanos).to_string(),
            Self::Time(nanos) => time(*nanos),
            Self::Share(share) => format!("{:.1}%", share * 100.0),
            Self::Number(number) => short(*number),
            Self::Any(Json::String(text)) => clean(text, CELL_BYTES_MAX),
            Self::Empty | Self::Any(Json::Null) => String::from("-"),
            Self::Any(value) => clean(&value.to_string(), CELL_BYTES_MAX),
        }
    }

    /// For a machine.
    pub(crate) fn json(&self) -> Json {
        match self {
            Self::Empty => Json::Null,
            Self::Plain(text) | Self::Recorded(text) => json!(text),
            Self::Count(count) => json!(count),
            Self::Nanos(nanos) | Self::Time(nanos) => json!(nanos),
            Self::Share(number) | Self::Number(number) => json!(rounded(*number)),
            Self::Any(Json::String(text)) => json!(clean(text, CELL_BYTES_MAX)),
            Self::Any(value @ (Json::Array(_) | Json::Object(_))) => json!(clean(&value.to_string(), CELL_BYTES_MAX)),
            Self::Any(value) => value.clone(),
        }
    }

    /// Whether a traced program may have written it.
    pub(crate) fn is_recorded(&self) -> bool {
        matches!(self, Self::Recorded(_) | Self::Any(_))
    }

    /// The same with recorded text of at most `bytes_max` bytes; a cut says how many are missing.
    pub(crate) fn within(&self, bytes_max: usize) -> Self {
        match self {
            Self::Recorded(text) => Self::Recorded(cut_again(text, bytes_max)),
            Self::Any(value) if self.text().len() > bytes_max => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Self::Any(json!(clean(&text, bytes_max)))
            }
            other => other.clone(),
        }
    }

    /// Returns the ending of its name for machines, which names the unit.
    pub(crate) fn unit(&self) -> &'static str {
        match self {
            Self::Nanos(_) => "_nanos",
            Self::Time(_) => "_unix_nanos",
            _ => "",
        }
    }
}

/// RFC 3339 in UTC, to the millisecond.
fn time(unix_nanos: i64) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(unix_nanos)) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => unix_nanos.to_string(),
    }
}

/// Four significant digits are what a reader can use, and all that the estimates behind them carry.
fn rounded(number: f64) -> f64 {
    short(number).parse().unwrap_or(number)
}

fn short(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    let magnitude = number.abs().log10().floor().clamp(-12.0, 12.0) as i32;
    let decimals = usize::try_from(3 - magnitude).unwrap_or(0);
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_times_readable() {
        let shown = [
            Value::Number(0.123_456),
            Value::Number(1234.567),
            Value::Number(196.0),
            Value::Number(1e-9),
            Value::Share(0.978),
            Value::Nanos(346_000_000),
            Value::Time(1_700_000_000_123_456_789),
            Value::Empty,
        ]
        .map(|cell| cell.text());
        assert_eq!(
            shown.join(" | "),
            "0.1235 | 1235 | 196 | 0.000000001 | 97.8% | 346 ms | 2023-11-14T22:13:20.123Z | -"
        );
    }
}
