//! Log lines that set an execution apart from its good likes: lines that none of them wrote, and lines that say another
//! number than all others of their family.
//!
//! ```text
//!  bodo: 80 rows, 0 skipped     ─┐
//!  oslo: 80 rows, 0 skipped      ├─ a family: as many words, of which at most one in four differs
//!  tromso: 80 rows, 0 skipped   ─┘
//!  tromso: 40 rows, 40 skipped     of the family, but no other says these numbers: apart
//! ```

use std::collections::BTreeMap;

use kino_model::LogRecord;

use crate::apart::{FEW_LIKES_MIN, FEW_SLOW_RATIO};

/// Lines of the execution that are judged, the first ones.
const OWN_MAX: usize = 500;
/// Lines of one service, severity and number of words in all good likes that they are compared with.
const OTHERS_MAX: usize = 1_000;
/// Characters of a line that are read.
const CHARS_MAX: usize = 300;
/// A line belongs to a family if at most one in this many of its words differs.
const WORDS_TO_ONE: usize = 4;

/// How a line differs from what good likes wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineApart {
    /// Other lines of its family; 0 where no good like wrote such a line.
    pub others: u64,
    /// The one of them that is most alike. Recorded text: untrusted.
    pub usual: Option<String>,
}

/// A word of a line.
#[derive(Clone, Debug, PartialEq)]
enum Word {
    /// One number, with what is around it.
    Number(f64, String),
    /// Data without a single number: a time, an id.
    Data,
    Text(String),
}

struct LineWords {
    words: Vec<Word>,
    text: String,
}

impl LineWords {
    fn new(log: &LogRecord) -> Self {
        let text: String = log.body.to_text().chars().take(CHARS_MAX).collect();
        Self { words: text.split_whitespace().map(word).collect(), text }
    }

    /// How many words differ that are not data; `None` where they are too many for one family.
    fn distance(&self, other: &Self) -> Option<usize> {
        let is_same = |one: &Word, other: &Word| match (one, other) {
            (Word::Number(_, around), Word::Number(_, beside)) => around == beside,
            (Word::Number(..) | Word::Data, Word::Number(..) | Word::Data) => true,
            (Word::Text(one), Word::Text(other)) => one == other,
            _ => false,
        };
        let different = self.words.iter().zip(&other.words).filter(|(one, other)| !is_same(one, other)).count();
        (self.words.len() == other.words.len() && different * WORDS_TO_ONE <= self.words.len()).then_some(different)
    }

    fn number(&self, at: usize) -> Option<f64> {
        match self.words[at] {
            Word::Number(number, _) => Some(number),
            _ => None,
        }
    }
}

fn word(text: &str) -> Word {
    let Some(first) = text.find(|c: char| c.is_ascii_digit()) else { return Word::Text(text.to_owned()) };
    let end = text.rfind(|c: char| c.is_ascii_digit()).map_or(first, |last| last + 1);
    let start = if text[..first].ends_with('-') { first - 1 } else { first };
    let number = text[start..end].parse::<f64>().ok().filter(|number| number.is_finite());
    number.map_or(Word::Data, |number| Word::Number(number, format!("{}?{}", &text[..start], &text[end..])))
}

/// Service, severity and number of words.
type LineClass = (String, i32, usize);

/// For each of `own`, by its place, how it differs from the other ones and from those of the good likes, of which each has
/// a list. Silent with few of these.
pub(super) fn apart(own: &[&LogRecord], likes: &[Vec<&LogRecord>]) -> BTreeMap<usize, LineApart> {
    let writing = likes.iter().filter(|lines| !lines.is_empty()).count();
    let lines: Vec<LineWords> = own.iter().take(OWN_MAX).map(|log| LineWords::new(log)).collect();
    let kind = |log: &LogRecord, line: &LineWords| -> LineClass {
        (log.resource.service().to_owned(), log.severity_number, line.words.len())
    };
    let mut others: BTreeMap<LineClass, Vec<LineWords>> = BTreeMap::new();
    for log in likes.iter().flatten() {
        let line = LineWords::new(log);
        let of_kind = others.entry(kind(log, &line)).or_default();
        if of_kind.len() < OTHERS_MAX {
            of_kind.push(line);
        }
    }
    let mut found = BTreeMap::new();
    for (place, line) in lines.iter().enumerate() {
        let of_kind = others.get(&kind(own[place], line)).map_or(&[][..], Vec::as_slice);
        let family: Vec<(usize, &LineWords)> = of_kind.iter().filter_map(|it| Some((line.distance(it)?, it))).collect();
        if family.is_empty() {
            if writing >= FEW_LIKES_MIN {
                found.insert(place, LineApart { others: 0, usual: None });
            }
            continue;
        }
        let beside = lines.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, it)| it);
        let beside = beside.filter(|it| line.distance(it).is_some());
        let all: Vec<&LineWords> = family.iter().map(|(_, it)| *it).chain(beside).collect();
        if all.len() >= FEW_LIKES_MIN && (0..line.words.len()).any(|at| is_beyond(line, &all, at)) {
            let usual = family.iter().min_by_key(|(distance, _)| *distance).map(|(_, it)| it.text.clone());
            found.insert(place, LineApart { others: all.len() as u64, usual });
        }
    }
    found
}

/// Whether the number there is none that the others say: another one where they all say the same, else one far out.
fn is_beyond(line: &LineWords, others: &[&LineWords], at: usize) -> bool {
    let Some(number) = line.number(at) else { return false };
    let numbers: Vec<f64> = others.iter().filter_map(|other| other.number(at)).collect();
    if numbers.len() < FEW_LIKES_MIN {
        return false;
    }
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if low.total_cmp(&high).is_eq() {
        return number.total_cmp(&low).is_ne();
    }
    number > high.max(0.0) * FEW_SLOW_RATIO || (number < low && number.max(0.0) * FEW_SLOW_RATIO < low)
}
