//! Issues: what was refused or mended, counted by name, with a few examples in words.

use std::collections::BTreeMap;

/// How many examples are stored: enough to recognise a broken sender, few enough for one answer.
const EXAMPLES_MAX: usize = 5;
/// How long an example may be, in characters.
const EXAMPLE_CHARS_MAX: usize = 200;

/// Counts by name, and the first few in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issues {
    /// How often each happened.
    pub counts: BTreeMap<&'static str, u64>,
    /// The first few, in words.
    pub examples: Vec<String>,
}

impl Issues {
    /// Counts one issue; `example` is called only while there is room for another.
    pub fn add(&mut self, name: &'static str, example: impl FnOnce() -> String) {
        self.add_many(name, 1, example);
    }

    /// Counts `count` issues of one name; none leave no trace.
    pub fn add_many(&mut self, name: &'static str, count: u64, example: impl FnOnce() -> String) {
        if count == 0 {
            return;
        }
        let seen = self.counts.entry(name).or_default();
        if *seen == 0 && self.examples.len() < EXAMPLES_MAX {
            self.examples.push(format!("{name}: {}", example()).chars().take(EXAMPLE_CHARS_MAX).collect());
        }
        *seen += count;
    }

    /// Adds another's issues to these.
    pub fn merge(&mut self, other: Self) {
        for (name, count) in other.counts {
            *self.counts.entry(name).or_default() += count;
        }
        let room = EXAMPLES_MAX.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }

    /// Whether nothing was refused or mended.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Names with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counts.iter().map(|(name, count)| (*name, *count))
    }
}
