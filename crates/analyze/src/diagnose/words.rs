//! Words of a complaint, matched with recorded names: operations, services, attribute keys and values, statements,
//! types and messages of errors.
//!
//! A word names a recorded word if both are equal without regard to case, or if the longer one continues the shorter by
//! at most [`ENDING_MAX`] characters. A word that names something of every cause raises none above another. Words that only
//! hold a sentence together ([`FUNCTION_WORDS`]) are no words of a complaint, wherever they are recorded.

use std::collections::BTreeSet;

use super::{Candidate, Cause, ExecutionGroup, WHERE, WordMatch};
use crate::execution::Execution;
use crate::finding::Evidence;

/// Words of a complaint that are looked at.
const WORDS_MAX: usize = 24;
/// Shorter words are left out: they are in every text.
const CHARS_MIN: usize = 3;
/// English words of three letters and more that hold a sentence together and name nothing: articles, conjunctions,
/// pronouns, prepositions, auxiliary verbs, and adverbs that go with every verb.
const FUNCTION_WORDS: &str = include_str!("function_words.txt");

/// How many characters a word may go on beyond another and still be taken for the same, where the shorter has at least
/// four: `order` and `orders`, `import` and `importing`.
const ENDING_MAX: usize = 3;
/// The shortest word that may go on.
const STEM_MIN: usize = 4;
/// By how much a cause is raised that all the words name something of; fewer raise it by a root of it.
const FACTOR_MAX: f64 = 8.0;
/// Characters of a recorded text that are looked at for words.
const TEXT_CHARS_MAX: usize = 2_000;
/// Recorded words that one cause, or one operation, is known by.
const NAMES_MAX: usize = 5_000;
/// Spans of an operation whose attributes are looked at.
const SPANS_MAX: usize = 20_000;

/// The words of a complaint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    words: Vec<String>,
    /// Words beyond the first few.
    pub left_out: u64,
}

impl Words {
    /// Splits a complaint into its distinct words.
    pub fn new(complaint: &str) -> Self {
        let mut words: Vec<String> = Vec::new();
        let mut left_out = 0;
        for word in split(complaint).filter(|word| word.chars().count() >= CHARS_MIN && !is_function_word(word)) {
            if words.iter().any(|known| known.to_lowercase() == word.to_lowercase()) {
                continue;
            }
            if words.len() == WORDS_MAX {
                left_out += 1;
            } else {
                words.push(word.to_owned());
            }
        }
        Self { words, left_out }
    }

    /// Whether any of them names something of a recorded text.
    pub fn name(&self, text: &str) -> bool {
        let mut names = RecordedWords::default();
        names.add(text);
        self.words.iter().any(|word| names.has(word))
    }
}

fn is_function_word(word: &str) -> bool {
    FUNCTION_WORDS.split_whitespace().any(|known| known.eq_ignore_ascii_case(word))
}

/// Recorded words, in lower case.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RecordedWords {
    words: BTreeSet<String>,
}

impl RecordedWords {
    pub(super) fn add(&mut self, text: &str) {
        let end = text.char_indices().nth(TEXT_CHARS_MAX).map_or(text.len(), |(end, _)| end);
        for word in split(&text[..end]).filter(|word| word.chars().count() >= CHARS_MIN) {
            if self.words.len() < NAMES_MAX {
                self.words.insert(word.to_lowercase());
            }
        }
    }

    pub(super) fn has(&self, word: &str) -> bool {
        let word = word.to_lowercase();
        if self.words.contains(&word) {
            return true;
        }
        // What goes on from it follows it in the order of the alphabet; what it goes on from is a beginning of it.
        let long_enough = |stem: &str| stem.chars().count() >= STEM_MIN;
        let goes_on = |longer: &str, stem: &str| longer[stem.len()..].chars().count() <= ENDING_MAX;
        let mut longer = self.words.range(word.clone()..).take_while(|known| known.starts_with(&word));
        if long_enough(&word) && longer.any(|known| goes_on(known, &word)) {
            return true;
        }
        let shorter = word.char_indices().map(|(at, _)| &word[..at]).filter(|stem| long_enough(stem));
        shorter.into_iter().any(|stem| goes_on(&word, stem) && self.words.contains(stem))
    }
}

/// Words: letters and digits, with a further one beginning at a capital within.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).flat_map(|word| {
        let mut parts = vec![word];
        let mut start = 0;
        let mut was_lower = false;
        for (at, c) in word.char_indices() {
            if was_lower && c.is_uppercase() {
                parts.push(&word[start..at]);
                start = at;
            }
            was_lower = c.is_lowercase() || c.is_ascii_digit();
        }
        if start > 0 {
            parts.push(&word[start..]);
        }
        parts
    })
}

/// Adds the names of the spans that a candidate rests on, and of its entry.
pub(super) fn collect(names: &mut RecordedWords, executions: &[Execution<'_, '_>], examples: &[Evidence]) {
    for example in examples {
        let Some(execution) = executions.iter().find(|it| it.trace_id() == example.trace_id) else { continue };
        add_span(names, execution, execution.entry);
        let of_example = |index: &&u32| Some(execution.tree.span(**index as usize).span_id) == example.span_id;
        if let Some(index) = execution.spans().iter().find(of_example) {
            add_span(names, execution, *index as usize);
        }
    }
}

fn add_span(names: &mut RecordedWords, execution: &Execution<'_, '_>, index: usize) {
    let span = execution.tree.span(index);
    names.add(&span.name);
    names.add(span.service());
    for (key, value) in &span.attributes {
        names.add(key);
        names.add(&value.to_text());
    }
}

/// Raises the causes that the words name something of; gives what became of each word.
pub(super) fn raise(words: &Words, causes: &mut [Cause], groups: &[ExecutionGroup<'_, '_>]) -> Vec<WordMatch> {
    if words.words.is_empty() {
        return Vec::new();
    }
    let around: Vec<RecordedWords> = groups.iter().map(names_of).collect();
    let mut matches: Vec<WordMatch> =
        words.words.iter().map(|word| WordMatch { word: word.clone(), ..WordMatch::default() }).collect();
    for cause in causes.iter_mut() {
        for (at, word) in words.words.iter().enumerate() {
            if std::iter::once(&cause.lead).chain(&cause.also).any(|candidate| candidate.is_named_by(word)) {
                cause.words.push(at);
                matches[at].causes += 1;
            }
        }
    }
    for one in &mut matches {
        one.recorded = one.causes > 0 || around.iter().any(|names| names.has(&one.word));
    }
    let named = named(words, groups);
    for cause in causes.iter_mut() {
        let whole = whole(cause, groups, &named);
        cause.severity = cause.severity.max(whole);
    }
    // Words that distinguish causes.
    let telling: Vec<usize> = (0..matches.len()).filter(|&at| matches[at].recorded).collect();
    for cause in causes.iter_mut().filter(|_| !telling.is_empty()) {
        let group = groups.iter().position(|group| group.entry() == cause.lead.entry);
        let by = |at: &usize| -> f64 {
            let near = group.is_some_and(|group| around[group].has(&words.words[*at]));
            if cause.words.contains(at) {
                1.0
            } else if near {
                0.5
            } else {
                0.0
            }
        };
        let part = telling.iter().map(by).sum::<f64>() / telling.len() as f64;
        cause.words_factor = FACTOR_MAX.powf(part);
        cause.severity *= cause.words_factor;
    }
    matches
}

/// Which entry operations the words name, by their own name or their service's. What names all of them names none.
fn named(words: &Words, groups: &[ExecutionGroup<'_, '_>]) -> Vec<bool> {
    let known = groups.iter().map(|group| {
        let mut names = RecordedWords::default();
        names.add(group.service);
        names.add(group.name);
        names
    });
    let known: Vec<RecordedWords> = known.collect();
    let telling: Vec<&String> = words.words.iter().filter(|word| !known.iter().all(|names| names.has(word))).collect();
    known.iter().map(|names| telling.iter().any(|word| names.has(word))).collect()
}

/// The severity of a cause where the weight of an entry operation that is named is whole; 0 where none is.
fn whole(cause: &Cause, groups: &[ExecutionGroup<'_, '_>], named: &[bool]) -> f64 {
    let of = |candidate: &Candidate| {
        let place = groups.iter().position(|group| group.entry() == candidate.entry).filter(|place| named[*place]);
        place.map_or(0.0, |place| candidate.severity / groups[place].weight.max(f64::MIN_POSITIVE))
    };
    let also = cause.also.iter().filter(|candidate| candidate.source.class() < WHERE).map(of);
    also.fold(of(&cause.lead), f64::max)
}

/// What the executions of an operation are known by.
fn names_of(group: &ExecutionGroup<'_, '_>) -> RecordedWords {
    let mut names = RecordedWords::default();
    let spans = group.all.iter().rev().flat_map(|it| it.spans().iter().map(move |index| (it, *index as usize)));
    for (execution, index) in spans.take(SPANS_MAX) {
        add_span(&mut names, execution, index);
    }
    names
}
