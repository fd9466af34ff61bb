//! `field/judged.csv`: what a reader of the code said of each finding.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

/// What a reader says of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReaderVerdict {
    /// True, and worth knowing to a developer of the package.
    Right,
    /// Untrue, or not worth saying.
    Wrong,
    /// Neither could be shown; counts as wrong.
    Doubtful,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Judgement {
    pub(super) verdict: ReaderVerdict,
    /// Of the second pass, which did not see the first one.
    pub(super) second: Option<ReaderVerdict>,
    pub(super) why: String,
}

/// By package and fingerprint.
pub(super) type Judgements = BTreeMap<(String, String), Judgement>;

const HEADER: &str = "package,fingerprint,verdict,second,why";

impl ReaderVerdict {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
            Self::Doubtful => "doubtful",
        }
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let all = [Self::Right, Self::Wrong, Self::Doubtful];
        let found = all.into_iter().find(|verdict| verdict.name() == text);
        found.with_context(|| format!("{text:?} is none of right, wrong, doubtful"))
    }
}

/// Reads the file.
pub(super) fn read(root: &Path) -> anyhow::Result<Judgements> {
    let path = root.join("field/judged.csv");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
    parse(&text).with_context(|| format!("{} is not a list of judgements", path.display()))
}

/// The last column holds the rest of its line, commas included.
fn parse(text: &str) -> anyhow::Result<Judgements> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        bail!("its first line is not {HEADER}");
    }
    let mut judgements = Judgements::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let columns: Vec<&str> = line.splitn(5, ',').collect();
        let [package, fingerprint, verdict, second, why] = columns[..] else {
            bail!("fewer than five columns: {line}");
        };
        let second = if second.is_empty() { None } else { Some(ReaderVerdict::parse(second)?) };
        let judgement = Judgement { verdict: ReaderVerdict::parse(verdict)?, second, why: why.to_owned() };
        if judgements.insert((package.to_owned(), fingerprint.to_owned()), judgement).is_some() {
            bail!("judged twice: {line}");
        }
    }
    Ok(judgements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_may_have_commas() {
        let read = parse("package,fingerprint,verdict,second,why\na,1,right,,so, and so\n").unwrap();
        let judgement = &read[&("a".to_owned(), "1".to_owned())];
        assert_eq!(
            (judgement.verdict, judgement.second, judgement.why.as_str()),
            (ReaderVerdict::Right, None, "so, and so")
        );
    }

    #[test]
    fn a_finding_judged_twice_is_refused() {
        assert!(parse("package,fingerprint,verdict,second,why\na,1,right,,x\na,1,wrong,,y\n").is_err());
    }
}
