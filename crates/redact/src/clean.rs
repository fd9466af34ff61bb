//! Labels that were found clean, so that what programs say of themselves with every request is looked at once.
//!
//! Whether a text holds a secret depends on the text and on the redactor's rules alone, and the whole text is
//! remembered, not a hash of it: what is known to be clean is clean.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many texts are remembered of each kind; past that all are forgotten, and the busy ones come back at once.
const TEXTS_MAX: usize = 1024;
/// Bytes of a text that is remembered: with the number above this bounds the memory to some MiB.
const TEXT_BYTES_MAX: usize = 4096;

/// How a label's text is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LabelKind {
    Text,
    /// As the JSON of a resource.
    Resource,
    /// As the JSON of a scope.
    Scope,
}

/// The texts that were found clean, by how they were judged.
#[derive(Debug, Default)]
pub(super) struct Clean([Mutex<HashSet<Box<str>>>; 3]);

impl Clean {
    fn of(&self, judged: LabelKind) -> MutexGuard<'_, HashSet<Box<str>>> {
        self.0[judged as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether each of `texts` is known to be clean.
    pub(super) fn holds_all<'t>(&self, judged: LabelKind, mut texts: impl Iterator<Item = &'t str>) -> bool {
        let known = self.of(judged);
        texts.all(|text| known.contains(text))
    }

    /// Remembers `texts`, which were looked at as `judged` says and hold no secret.
    pub(super) fn add<'t>(&self, judged: LabelKind, texts: impl Iterator<Item = &'t str>) {
        let mut known = self.of(judged);
        for text in texts.filter(|text| text.len() <= TEXT_BYTES_MAX) {
            if known.len() >= TEXTS_MAX {
                known.clear();
            }
            known.insert(text.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembered_texts_are_bounded_and_separate_by_kind() {
        let clean = Clean::default();
        clean.add(LabelKind::Scope, ["a"].into_iter());
        assert!(clean.holds_all(LabelKind::Scope, ["a"].into_iter()));
        assert!(!clean.holds_all(LabelKind::Resource, ["a"].into_iter()));
        assert!(!clean.holds_all(LabelKind::Scope, ["a", "b"].into_iter()));
        clean.add(LabelKind::Text, ["x".repeat(TEXT_BYTES_MAX + 1).as_str()].into_iter());
        assert!(clean.of(LabelKind::Text).is_empty());
        for number in 0..3 * TEXTS_MAX {
            clean.add(LabelKind::Text, [number.to_string().as_str()].into_iter());
        }
        assert!(clean.of(LabelKind::Text).len() <= TEXTS_MAX);
    }
}
