//! The line that narrows the list of traces: `service:shop error min:250ms http.route=/cart slow words`.
//!
//! What the engine can decide goes into its question; words are searched for in the rows of the list.

use std::fmt::Write as _;

use kino_text::time;
use kino_wire::find::{FindItem, FindQuestion};

/// Which traces to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Exact service.
    pub(crate) service: Option<String>,
    /// Exact span name.
    pub(crate) name: Option<String>,
    /// Some span failed.
    pub(crate) error: bool,
    /// The root lasted at least this long.
    pub(crate) min_duration_nanos: Option<i64>,
    /// Traces of this run.
    pub(crate) run_id: Option<String>,
    pub(crate) attributes: Vec<(String, String)>,
    /// Each must stand in what the list shows of a trace, in lower case.
    pub(crate) words: Vec<String>,
}

impl Filter {
    /// Reads a line.
    ///
    /// # Errors
    /// In words, where a part of it cannot be understood.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        for part in parts(line)? {
            let FilterWord { text, quoted } = part;
            let value = |key: &str| text.strip_prefix(key).filter(|value| !value.is_empty()).map(str::to_owned);
            if quoted {
                filter.words.push(text.to_lowercase());
            } else if text == "error" {
                filter.error = true;
            } else if let Some(service) = value("service:") {
                filter.service = Some(service);
            } else if let Some(name) = value("name:") {
                filter.name = Some(name);
            } else if let Some(run) = value("run:") {
                filter.run_id = Some(run);
            } else if let Some(least) = value("min:") {
                filter.min_duration_nanos = Some(duration(&least)?);
            } else if let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) {
                filter.attributes.push((key.to_owned(), value.to_owned()));
            } else {
                filter.words.push(text.to_lowercase());
            }
        }
        Ok(filter)
    }

    /// The line that says this.
    pub(crate) fn line(&self) -> String {
        let mut line = String::new();
        let mut say = |key: &str, value: &str| {
            let gap = if line.is_empty() { "" } else { " " };
            let blank = |c: char| c.is_whitespace() || c == '"';
            let quoted = !key.is_empty() && (value.is_empty() || value.contains(blank));
            let value = if quoted { format!("\"{}\"", value.replace('"', "\"\"")) } else { value.to_owned() };
            write!(line, "{gap}{key}{value}").expect("writing to a string succeeds");
        };
        if let Some(service) = &self.service {
            say("service:", service);
        }
        if let Some(name) = &self.name {
            say("name:", name);
        }
        if let Some(run) = &self.run_id {
            say("run:", run);
        }
        if let Some(least) = self.min_duration_nanos {
            say("min:", &exactly(least));
        }
        if self.error {
            say("", "error");
        }
        for (key, value) in &self.attributes {
            say(&format!("{key}="), value);
        }
        for word in &self.words {
            // In quotes it is a word, whatever it looks like.
            say("", &format!("\"{}\"", word.replace('"', "\"\"")));
        }
        line
    }

    /// Puts what the engine can decide into its question.
    pub(crate) fn ask(&self, question: &mut FindQuestion) {
        question.service.clone_from(&self.service);
        question.name.clone_from(&self.name);
        question.error = self.error;
        question.min_duration_nanos = self.min_duration_nanos;
        question.run_id.clone_from(&self.run_id);
        question.attributes.clone_from(&self.attributes);
    }

    /// Returns whether every word occurs in the row of a trace.
    pub(crate) fn shows(&self, item: &FindItem) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let run = item.run_id.as_deref().unwrap_or_default();
        let text = format!("{} {} {} {run}", item.root_name, item.root_service, item.trace_id).to_lowercase();
        self.words.iter().all(|word| text.contains(word))
    }
}

struct FilterWord {
    text: String,
    quoted: bool,
}

/// Splits at blanks outside of quotes; two quotes within quotes are one.
fn parts(line: &str) -> Result<Vec<FilterWord>, String> {
    let mut parts = Vec::new();
    let mut chars = line.trim().chars().peekable();
    while let Some(first) = chars.peek().copied() {
        if first.is_whitespace() {
            chars.next();
            continue;
        }
        let (mut text, mut open) = (String::new(), false);
        while let Some(c) = chars.next_if(|c| open || !c.is_whitespace()) {
            match c {
                '"' if open && chars.next_if_eq(&'"').is_some() => text.push('"'),
                '"' => open = !open,
                c => text.push(c),
            }
        }
        if open {
            return Err("a quote is still open".to_owned());
        }
        parts.push(FilterWord { text, quoted: first == '"' });
    }
    Ok(parts)
}

/// A duration in the largest unit of which it is a whole number.
fn exactly(nanos: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(60_000_000_000, "m"), (1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us")];
    match UNITS.into_iter().find(|(unit, _)| nanos != 0 && nanos % unit == 0) {
        Some((unit, name)) => format!("{}{name}", nanos / unit),
        None => format!("{nanos}ns"),
    }
}

fn duration(text: &str) -> Result<i64, String> {
    time::parse_duration(text).map_err(|expected| format!("min:{text}: {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_the_engine_and_what_the_list_decides() {
        let filter = Filter::parse("service:shop name:\"GET /cart\" error min:1.5s http.route=/cart Slow").unwrap();
        let mut question = FindQuestion::default();
        filter.ask(&mut question);
        assert_eq!(question.service.as_deref(), Some("shop"));
        assert_eq!(question.name.as_deref(), Some("GET /cart"));
        assert!(question.error);
        assert_eq!(question.min_duration_nanos, Some(1_500_000_000));
        assert_eq!(question.attributes, [("http.route".to_owned(), "/cart".to_owned())]);
        assert_eq!(filter.words, ["slow"]);
    }

    #[test]
    fn a_filter_and_its_line_say_the_same() {
        for line in
            ["", "service:a name:\"b c\"", "error \"x=y\"", "run:ab min:250000000ns k=v w", "\"say \"\"hi\"\"\""]
        {
            let filter = Filter::parse(line).unwrap();
            assert_eq!(Filter::parse(&filter.line()).unwrap(), filter, "{line}");
        }
    }

    #[test]
    fn a_duration_is_echoed_in_a_unit_that_fits() {
        let echoed = |typed: &str| Filter::parse(&format!("min:{typed}")).unwrap().line();
        assert_eq!(
            ["60ms", "1.5s", "2m", "250us", "7ns"].map(echoed),
            ["min:60ms", "min:1500ms", "min:2m", "min:250us", "min:7ns"]
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(Filter::parse("min:soon").unwrap_err().contains("250ms"));
        assert!(Filter::parse("name:\"GET").unwrap_err().contains("quote"));
    }
}
