//! Expectations as a repository writes them, one sentence each, read into what the engine checks.
//!
//! ```text
//! OPERATION MEASURE < DURATION          journal.generate p95 < 10 s
//! OPERATION error rate < PERCENT        "GET /cart" error rate <= 1 %
//! at most N WHAT in OPERATION           at most 3 SQL calls in load_cart
//! no CODE [in OPERATION]                no n_plus_one in /checkout
//! no findings|errors [in OPERATION]     no errors in /checkout
//! no new error types
//! ```
//!
//! An operation may be quoted, and must be where it holds words that mean something here.

use kino_wire::check::{Counted, Expectation, Expected, Measure};
use kino_wire::finding::Code;

use crate::{suggest, time, untrusted};

/// The longest expectation; a sentence is far shorter.
const BYTES_MAX: usize = 1_000;

/// Figures of durations by their names.
const MEASURES: [(&str, Measure); 8] = [
    ("p50", Measure::Median),
    ("median", Measure::Median),
    ("p75", Measure::P75),
    ("p90", Measure::P90),
    ("p95", Measure::P95),
    ("p99", Measure::P99),
    ("max", Measure::Max),
    ("mean", Measure::Mean),
];

/// What may be counted, by its names.
const COUNTED: [(&str, Counted); 9] = [
    ("calls", Counted::Calls),
    ("SQL calls", Counted::Statements),
    ("statements", Counted::Statements),
    ("queries", Counted::Statements),
    ("HTTP calls", Counted::HttpCalls),
    ("LLM calls", Counted::LlmCalls),
    ("errors", Counted::Errors),
    ("tokens", Counted::Tokens),
    ("LLM tokens", Counted::Tokens),
];

const FORMS: &str = "write one like `load_cart p95 < 1 s`, `load_cart error rate < 1 %`, `at most 3 SQL calls in \
                     load_cart`, `no n_plus_one in /checkout`, `no errors in load_cart` or `no new error types`";

/// Returned for an expectation that cannot be read: what is wrong with it, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The whole sentence.
    text: String,
    /// Where the offending words begin, in bytes, and how many they are.
    at: (usize, usize),
    /// What is wrong, and what would be right.
    message: String,
}

impl Mistake {
    /// Returns the column of the offending words within the sentence, in characters from 1.
    pub fn column(&self) -> usize {
        self.text[..self.at.0].chars().count() + 1
    }

    /// Returns what is wrong, and the sentence with a mark below the offending words, without the column.
    pub fn without_column(&self) -> String {
        let shown = untrusted::clean(&self.text);
        let before = self.text[..self.at.0].chars().count();
        let marked = self.text[self.at.0..self.at.0 + self.at.1].chars().count().max(1);
        // Cleaning changes widths only where there is something to clean; the column stays right.
        format!("{}\n    {shown}\n    {}{}", self.message, " ".repeat(before), "^".repeat(marked))
    }
}

impl std::fmt::Display for Mistake {
    /// The column counts characters from 1.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "column {}: {}", self.column(), self.without_column())
    }
}

/// A word and its place.
#[derive(Clone, Copy, Debug)]
struct Word<'a> {
    text: &'a str,
    at: usize,
    quoted: bool,
}

/// Reads an expectation.
///
/// # Errors
/// Where it is no sentence of the grammar, or longer than a sentence may be.
pub fn parse(text: &str) -> Result<Expectation, Mistake> {
    let reader = ExpectationReader { text, words: words(text) };
    if text.len() > BYTES_MAX {
        return Err(reader.wrong(0, 0, format!("longer than {BYTES_MAX} bytes")));
    }
    let expected = match reader.words.first() {
        None => return Err(reader.wrong(0, 0, format!("nothing is expected: {FORMS}"))),
        Some(first) if first.is("no") => reader.none()?,
        Some(first) if first.is("at") => reader.at_most()?,
        Some(_) => reader.limit()?,
    };
    Ok(Expectation { text: text.trim().to_owned(), expected })
}

impl Word<'_> {
    fn is(&self, word: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(word)
    }

    /// Where it ends, quotes included.
    fn end(&self) -> usize {
        self.at + self.text.len() + if self.quoted { 2 } else { 0 }
    }
}

/// Words separated by spaces; text within `"…"`, `'…'` or backquotes is one.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = 0;
    while let Some(begin) = text[rest..].find(|c: char| !c.is_whitespace()).map(|at| rest + at) {
        let quote = text[begin..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
        let inner = begin + 1;
        if let Some(end) = quote.and_then(|quote| text[inner..].find(quote)) {
            words.push(Word { text: &text[inner..inner + end], at: begin, quoted: true });
            rest = inner + end + 1;
        } else {
            let end = text[begin..].find(char::is_whitespace).map_or(text.len(), |at| begin + at);
            words.push(Word { text: &text[begin..end], at: begin, quoted: false });
            rest = end;
        }
    }
    words
}

struct ExpectationReader<'a> {
    text: &'a str,
    words: Vec<Word<'a>>,
}

impl ExpectationReader<'_> {
    fn wrong(&self, at: usize, length: usize, message: impl Into<String>) -> Mistake {
        Mistake { text: self.text.to_owned(), at: (at, length), message: message.into() }
    }

    /// A mistake about the words of a range; about the place before its first, where it is empty.
    fn wrong_at(&self, from: usize, to: usize, message: impl Into<String>) -> Mistake {
        match (self.words.get(from), self.words[..to.min(self.words.len())].last()) {
            (Some(first), Some(last)) if from < to => {
                self.wrong(first.at, last.end().saturating_sub(first.at), message)
            }
            (Some(next), _) => self.wrong(next.at, 0, message),
            (None, _) => self.wrong(self.text.trim_end().len(), 0, message),
        }
    }

    /// The operation that these words name, quoted or not.
    fn operation(&self, from: usize, to: usize) -> Result<String, Mistake> {
        match &self.words[from..to] {
            [] => {
                Err(self.wrong_at(from, from, "an operation is missing: a span's name, or a route such as /checkout"))
            }
            [one] => Ok(one.text.to_owned()),
            [first, .., last] => Ok(self.text[first.at..last.end()].to_owned()),
        }
    }

    /// `in OPERATION`, or nothing, from a word on.
    fn place(&self, from: usize) -> Result<Option<String>, Mistake> {
        match self.words.get(from) {
            None => Ok(None),
            Some(word) if word.is("in") => self.operation(from + 1, self.words.len()).map(Some),
            Some(_) => Err(self.wrong_at(from, self.words.len(), "only `in OPERATION` may follow here")),
        }
    }

    /// `no …`.
    fn none(&self) -> Result<Expected, Mistake> {
        let Some(what) = self.words.get(1) else {
            return Err(self.wrong_at(1, 1, format!("no what? {FORMS}")));
        };
        if what.is("new") {
            let names_errors = self.words.get(2).is_some_and(|word| word.is("error") || word.is("errors"));
            let types = self.words.get(3).is_none_or(|word| word.is("types"));
            return match self.words.len() {
                3 | 4 if names_errors && types => Ok(Expected::NoNewErrors),
                _ => Err(self.wrong_at(1, self.words.len(), "only `no new error types` is understood")),
            };
        }
        let operation = self.place(2)?;
        if what.is("errors") {
            return Ok(Expected::NoErrors { operation });
        }
        if what.is("findings") {
            return Ok(Expected::NoFinding { code: None, operation });
        }
        if Code::from_name(what.text).is_some() {
            return Ok(Expected::NoFinding { code: Some(what.text.to_owned()), operation });
        }
        let names = Code::ALL.iter().map(|code| code.name()).chain(["errors", "findings", "new error types"]);
        Err(self.wrong_at(1, 2, format!("{:?} is not a finding{}", what.text, hint(what.text, names))))
    }

    /// `at most N WHAT in OPERATION`.
    fn at_most(&self) -> Result<Expected, Mistake> {
        if !self.words.get(1).is_some_and(|word| word.is("most")) {
            return Err(self.wrong_at(0, 1, "`at most` is expected; quote an operation that begins with `at`"));
        }
        let number = self.words.get(2).map(|word| word.text.parse::<u64>());
        let Some(Ok(limit)) = number else {
            return Err(self.wrong_at(2, 3, "a whole number is expected after `at most`"));
        };
        let Some(place) = self.words.iter().position(|word| word.is("in")) else {
            return Err(self.wrong_at(self.words.len(), self.words.len(), "`in OPERATION` is missing"));
        };
        let operation = self.operation(place + 1, self.words.len())?;
        let what = &self.words[3..place.max(3)];
        if let [calls, of, ..] = what
            && (calls.is("calls") || calls.is("call"))
            && of.is("of")
        {
            let name = self.operation(5, place)?;
            return Ok(Expected::AtMost { limit, count: Counted::CallsOf(name), operation });
        }
        let said: Vec<&str> = what.iter().map(|word| word.text).collect();
        let said = said.join(" ");
        // `1 call` is as good as `3 calls`, `1 query` as `3 queries`.
        let plural = match said.as_str() {
            "query" => "queries".to_owned(),
            singular if limit == 1 && !singular.ends_with('s') => format!("{singular}s"),
            other => other.to_owned(),
        };
        if said.is_empty() {
            return Err(self.wrong_at(3, 3, "what is counted is missing, such as `SQL calls`"));
        }
        if let Some((_, count)) = COUNTED.iter().find(|(name, _)| name.eq_ignore_ascii_case(&plural)) {
            return Ok(Expected::AtMost { limit, count: count.clone(), operation });
        }
        let names = COUNTED.iter().map(|(name, _)| *name).chain(["calls of NAME"]);
        Err(self.wrong_at(3, place, format!("{said:?} is nothing that is counted{}", hint(&said, names))))
    }

    /// `OPERATION MEASURE < LIMIT`, or `OPERATION error rate < LIMIT`.
    fn limit(&self) -> Result<Expected, Mistake> {
        // From the end, since a name may hold such a sign.
        let Some(sign) = self.words.iter().rposition(|word| !word.quoted && word.text.starts_with(['<', '>', '=']))
        else {
            let last = self.words.len();
            return Err(self.wrong_at(0, last, format!("this is not an expectation: {FORMS}")));
        };
        let word = self.words[sign];
        let (or_equal, glued) = match (word.text.strip_prefix("<="), word.text.strip_prefix('<')) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            _ => return Err(self.wrong_at(sign, sign + 1, "only `<` and `<=` are understood")),
        };
        let value_at = word.at + (word.text.len() - glued.len());
        let value = self.text[value_at..].trim();
        let value_from = value_at + (self.text[value_at..].len() - self.text[value_at..].trim_start().len());
        let wrong_value = |message: String| self.wrong(value_from, value.len(), message);
        if sign == 0 {
            return Err(self.wrong_at(0, 1, "an operation and a measure are missing before this"));
        }
        let measure = self.words[sign - 1];
        if measure.is("rate") && sign >= 2 && self.words[sign - 2].is("error") {
            let percent = value.strip_suffix('%').map(str::trim_end).and_then(|number| number.parse::<f64>().ok());
            let limit = percent.filter(|percent| (0.0..=100.0).contains(percent));
            let limit = limit.ok_or_else(|| wrong_value("a percentage is expected, such as 1 %".to_owned()))? / 100.0;
            return Ok(Expected::ErrorRate { operation: self.operation(0, sign - 2)?, limit, or_equal });
        }
        let known = MEASURES.iter().find(|(name, _)| measure.is(name));
        let Some((_, measure)) = known else {
            let names = MEASURES.iter().map(|(name, _)| *name).chain(["error rate"]);
            let message = format!("{:?} is not a measure{}", measure.text, hint(measure.text, names));
            return Err(self.wrong_at(sign - 1, sign, message));
        };
        let limit_nanos = time::parse_duration(value).map_err(wrong_value)?;
        Ok(Expected::Time { operation: self.operation(0, sign - 1)?, measure: *measure, limit_nanos, or_equal })
    }
}

/// What may have been meant, or, where nothing is near, all there is.
fn hint<'n>(wrong: &str, names: impl Iterator<Item = &'n str> + Clone) -> String {
    match suggest::best(wrong, names.clone()) {
        Some(name) => format!("; did you mean `{name}`?"),
        None => format!("; there are {}", names.collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Expected {
        parse(text).unwrap_or_else(|mistake| panic!("{mistake}")).expected
    }

    fn time(operation: &str, measure: Measure, millis: i64, or_equal: bool) -> Expected {
        Expected::Time { operation: operation.to_owned(), measure, limit_nanos: millis * 1_000_000, or_equal }
    }

    #[test]
    fn limits_of_time_are_read() {
        assert_eq!(read("journal.generate p95 < 10 s"), time("journal.generate", Measure::P95, 10_000, false));
        assert_eq!(read("GET /cart MEDIAN <=200ms"), time("GET /cart", Measure::Median, 200, true));
        assert_eq!(read("\"GET /cart max\" max < 1.5s"), time("GET /cart max", Measure::Max, 1_500, false));
        assert_eq!(read("GET /<id>/a p50 < 1 m"), time("GET /<id>/a", Measure::Median, 60_000, false));
        assert_eq!(read("  a  mean  <  1s  "), time("a", Measure::Mean, 1_000, false));
        let rate = Expected::ErrorRate { operation: "GET /cart".to_owned(), limit: 0.015, or_equal: true };
        assert_eq!(read("GET /cart error rate <= 1.5 %"), rate);
    }

    #[test]
    fn counts_are_read() {
        let at_most =
            |limit, count, operation: &str| Expected::AtMost { limit, count, operation: operation.to_owned() };
        assert_eq!(read("at most 3 SQL calls in load_cart"), at_most(3, Counted::Statements, "load_cart"));
        assert_eq!(read("at most 1 query in load cart"), at_most(1, Counted::Statements, "load cart"));
        assert_eq!(read("at most 1 call in a"), at_most(1, Counted::Calls, "a"));
        assert_eq!(read("at most 0 errors in /x"), at_most(0, Counted::Errors, "/x"));
        let of = Counted::CallsOf("GET /a".to_owned());
        assert_eq!(read("at most 2 calls of 'GET /a' in b"), at_most(2, of.clone(), "b"));
        assert_eq!(read("at most 2 calls of GET /a in b"), at_most(2, of, "b"));
    }

    #[test]
    fn absences_are_read() {
        let finding = |code: Option<&str>, operation: Option<&str>| Expected::NoFinding {
            code: code.map(str::to_owned),
            operation: operation.map(str::to_owned),
        };
        assert_eq!(read("no n_plus_one in /checkout"), finding(Some("n_plus_one"), Some("/checkout")));
        assert_eq!(read("no deadlock"), finding(Some("deadlock"), None));
        assert_eq!(read("no findings in \"a in b\""), finding(None, Some("a in b")));
        assert_eq!(read("no errors"), Expected::NoErrors { operation: None });
        assert_eq!(read("no new error types"), Expected::NoNewErrors);
        assert_eq!(read("no new errors"), Expected::NoNewErrors);
    }

    #[test]
    fn mistakes_point_at_the_words_and_say_what_would_be_right() {
        let wrong = [
            "journal.generate p59 < 10 s",
            "load_cart p95 < 10",
            "load_cart p95 > 10 s",
            "load_cart p95",
            "p95 < 10 s",
            "< 10 s",
            "no n_plus_on in /checkout",
            "no n_plus_one at /checkout",
            "no new things",
            "no",
            "at most three SQL calls in a",
            "at most 3 SQL cals in a",
            "at most 3 SQL calls",
            "at most 3 in a",
            "at most 3 calls in",
            "a error rate < 5",
            "größe p9 < 1 s",
            "",
        ];
        let mistakes: Vec<String> = wrong.iter().map(|text| parse(text).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(mistakes.join("\n"));
    }

    #[test]
    fn nothing_that_is_written_makes_it_panic() {
        let parts = [
            "at", "most", "no", "in", "<", "<=", "p95", "3", "\"", "'", "é", "error", "rate", " ", "calls", "of", "new",
        ];
        let mut state: usize = 7;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..state % 9 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(parts[(state >> 33) % parts.len()]);
                if (state >> 20).is_multiple_of(3) {
                    text.push(' ');
                }
            }
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if let Err(mistake) = parse(&text) {
                assert!(mistake.to_string().starts_with("column "), "{text:?}");
            }
        }
    }
}
