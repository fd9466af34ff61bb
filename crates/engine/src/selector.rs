//! Selectors: how a set of executions is named. `run:ID`, `label:NAME`, `commit:SHA`, `code:HASH`, `time:START..END`.

use kino_model::UnixNanos;
use kino_text::time::parse_fixed;
use kino_wire::Problem;

/// A parsed selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// Traces of one run, by its id or a unique prefix.
    Run(String),
    /// Traces of runs with this label.
    Label(String),
    /// Traces of a commit without uncommitted changes, by a unique prefix.
    Commit(String),
    /// Traces of exactly this code state, or the one that begins so.
    Code(String),
    /// Traces that started at or after the first point and before the second.
    Time(UnixNanos, UnixNanos),
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// What was wrong with it, and how one looks.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        const FORMS: &str = "run:ID, label:NAME, commit:SHA, code:HASH or time:START..END";
        let (kind, value) = text
            .split_once(':')
            .filter(|(_, value)| !value.is_empty())
            .ok_or_else(|| Problem::invalid(format!("{text:?} is not a selector: write {FORMS}")))?;
        let owned = value.to_owned();
        match kind {
            "run" => Ok(Self::Run(owned)),
            "label" => Ok(Self::Label(owned)),
            "commit" => Ok(Self::Commit(value.to_ascii_lowercase())),
            "code" => Ok(Self::Code(owned)),
            "time" => time(text, value),
            _ => Err(Problem::invalid(format!("{kind:?} is not a kind of selector: write {FORMS}"))),
        }
    }
}

fn time(text: &str, value: &str) -> Result<Selector, Problem> {
    let parts = value.split_once("..");
    let (start, end) = parts.ok_or_else(|| Problem::invalid(format!("{text:?} lacks the `..` of time:START..END")))?;
    let point = |part: &str| {
        let nanos =
            parse_fixed(part).map_err(|expected| Problem::invalid(format!("{part:?} in {text:?}: {expected}")))?;
        Ok::<_, Problem>(UnixNanos(nanos))
    };
    let (start, end) = (point(start)?, point(end)?);
    if start >= end {
        return Err(Problem::invalid(format!("{text:?} ends before it starts")));
    }
    Ok(Selector::Time(start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read() {
        let hour = 3_600_000_000_000;
        assert_eq!(Selector::parse("run:ab").unwrap(), Selector::Run("ab".to_owned()));
        assert_eq!(Selector::parse("label:a:b").unwrap(), Selector::Label("a:b".to_owned()));
        assert_eq!(Selector::parse("commit:ABC").unwrap(), Selector::Commit("abc".to_owned()));
        assert_eq!(Selector::parse("code:abc+12").unwrap(), Selector::Code("abc+12".to_owned()));
        let time = Selector::Time(UnixNanos(0), UnixNanos(hour));
        assert_eq!(Selector::parse("time:1970-01-01T00:00:00Z..1970-01-01T02:00:00+01:00").unwrap(), time);
        assert_eq!(Selector::parse("time:0..3600000000000").unwrap(), time);
        let day = Selector::Time(UnixNanos(0), UnixNanos(24 * hour));
        assert_eq!(Selector::parse("time:1970-01-01..1970-01-02").unwrap(), day);
    }

    #[test]
    fn what_is_no_selector_says_how_one_looks() {
        for text in [
            "",
            "run",
            "run:",
            "branch:x",
            "time:1",
            "time:2..1",
            "time:a..b",
            "time:1..",
            "time:0..99999999999999999999",
        ] {
            assert!(Selector::parse(text).is_err(), "{text:?}");
        }
        assert!(Selector::parse("branch:x").unwrap_err().message.contains("commit:SHA"));
    }
}
