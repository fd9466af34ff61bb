//! Where source holds a statement: token by token, across the pieces of a text and whatever its language's quotes are.
//!
//! ```text
//!  recorded   SELECT id FROM orders WHERE user_id = ?  AND state IN (?)
//!  source    "SELECT id FROM orders "
//!            f"WHERE user_id = %s AND state IN ({marks})"
//! ```
//!
//! A value matches any placeholder, literal or interpolated expression. What else is interpolated matches a few tokens,
//! and then the place has a distinctive part of the statement, not all of it. The text has to begin and to end where
//! the statement does.

use super::source::SourceLanguage;
use super::{HITS_MAX, Hit, SourceLine, WHOLE, line_at};
use crate::statement::{VALUE, literals, shape_tokens};

/// Statements that programs write by hand and that name what they are about.
const VERBS: [&str; 10] =
    ["select", "insert", "update", "delete", "with", "replace", "merge", "call", "truncate", "create"];
/// Words of SQL, which say nothing of where a statement is from.
const KEYWORDS: [&str; 62] = [
    "select",
    "insert",
    "update",
    "delete",
    "with",
    "replace",
    "merge",
    "call",
    "truncate",
    "create",
    "from",
    "where",
    "and",
    "or",
    "not",
    "in",
    "is",
    "null",
    "as",
    "on",
    "join",
    "left",
    "right",
    "inner",
    "outer",
    "order",
    "by",
    "group",
    "having",
    "limit",
    "offset",
    "into",
    "values",
    "set",
    "distinct",
    "count",
    "sum",
    "max",
    "min",
    "avg",
    "asc",
    "desc",
    "like",
    "between",
    "exists",
    "union",
    "all",
    "case",
    "when",
    "then",
    "else",
    "end",
    "returning",
    "table",
    "index",
    "if",
    "using",
    "conflict",
    "do",
    "nothing",
    "temp",
    "temporary",
];
/// The longest statement that is searched for, in tokens.
const TOKENS_MAX: usize = 1_500;
/// Comparisons at one beginning, so that no text takes long.
const STEPS_MAX: usize = 20_000;
/// Beginnings in one file that are looked at.
const BEGINNINGS_MAX: usize = 2_000;
/// Tokens that one interpolated expression may stand for.
const INTERPOLATED_TOKENS_MAX: usize = 60;
/// Interpolated expressions in one text.
const GAPS_MAX: usize = 16;
/// The longest expression that is interpolated.
const EXPRESSION_BYTES_MAX: usize = 200;
/// Tokens of the source's own text that a place with interpolated parts has at least, …
const FIXED_TOKENS_MIN: usize = 6;
/// … and names among them.
const FIXED_NAMES_MIN: usize = 2;
/// The rank of a place with placeholders where the statement has literals.
const BOUND: u8 = 6;
/// The rank of a place with a part of the statement.
const PART: u8 = 4;

/// A statement that is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement {
    tokens: Vec<String>,
    /// The longest name in it, which any text with it contains.
    name: String,
    /// Its literals: a text with placeholders may have become it, and one with the same literals more probably so.
    literals: Vec<String>,
}

impl Statement {
    /// Reads a statement as recorded. `None` where it names nothing, or is too long.
    pub(super) fn read(text: &str) -> Option<Self> {
        let tokens: Vec<String> = shape_tokens(text).into_iter().map(|token| unquoted(token).to_owned()).collect();
        if !(3..=TOKENS_MAX).contains(&tokens.len()) || !VERBS.iter().any(|verb| tokens[0].eq_ignore_ascii_case(verb)) {
            return None;
        }
        let name = tokens.iter().filter(|token| is_name(token)).max_by_key(|token| token.len())?.clone();
        let literals = literals(text).into_iter().filter(|it| !it.is_empty()).map(str::to_owned).collect();
        Some(Self { tokens, name, literals })
    }
}

/// An identifier without the quotes of its dialect.
fn unquoted(token: &str) -> &str {
    let is_quoted = token.len() > 2 && token.starts_with(['"', '`']) && token.ends_with(['"', '`']);
    if is_quoted { &token[1..token.len() - 1] } else { token }
}

fn is_name(token: &str) -> bool {
    token.len() > 1
        && token.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && !KEYWORDS.iter().any(|keyword| token.eq_ignore_ascii_case(keyword))
}

/// Where a statement may be written.
#[derive(Clone, Debug, Default)]
pub(super) struct StatementHits(Vec<Hit>);

impl StatementHits {
    /// Adds where a file has the statement.
    pub(super) fn add(
        &mut self,
        statement: &Statement,
        text: &str,
        language: SourceLanguage,
        path: &str,
        is_test: bool,
    ) {
        if !text.contains(statement.name.as_str()) {
            return;
        }
        let verb = &statement.tokens[0];
        let mut beginnings = 0;
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(next) = bytes[at..].iter().position(|byte| byte.eq_ignore_ascii_case(&verb.as_bytes()[0])) {
            let start = at + next;
            at = start + 1;
            let is_verb =
                bytes.get(start..start + verb.len()).is_some_and(|it| it.eq_ignore_ascii_case(verb.as_bytes()));
            if !is_verb || !begins_text(text, start, language) {
                continue;
            }
            beginnings += 1;
            if beginnings > BEGINNINGS_MAX || self.0.len() == HITS_MAX {
                return;
            }
            let mut matching = Matching { text: bytes, tokens: &statement.tokens, language, steps: 0 };
            let Some(fit) = matching.rest(start, 0, Fit::default()) else { continue };
            let is_enough = fit.fixed >= FIXED_TOKENS_MIN && fit.names >= FIXED_NAMES_MIN;
            if fit.has_gaps && (!is_enough || fit.gap_tokens > fit.fixed) {
                continue;
            }
            let place = SourceLine { path: path.to_owned(), line: line_at(text, start) };
            let written = &text[start..fit.end.min(text.len())];
            let rank = match statement.literals.iter().all(|literal| written.contains(literal.as_str())) {
                _ if fit.has_gaps => PART,
                true => WHOLE,
                false => BOUND,
            };
            self.0.push(Hit { place, rank, is_test });
        }
    }

    /// The places.
    pub(super) fn finish(self) -> Vec<Hit> {
        self.0
    }
}

/// Whether a text of the source begins here.
fn begins_text(text: &str, at: usize, language: SourceLanguage) -> bool {
    let before = text[..at].trim_end_matches([' ', '\t', '\n', '\r']);
    // `"\n  SELECT …"`, as a line break is written in a text.
    let before = before.strip_suffix("\\n").or_else(|| before.strip_suffix("\\")).unwrap_or(before);
    let gap = &text[before.len()..at];
    match before.chars().next_back() {
        None | Some('"' | '\'' | '`') => true,
        Some('>' | ';') => language == SourceLanguage::Statements,
        _ if language == SourceLanguage::Statements => gap.contains('\n'),
        // `<<~SQL` of Ruby, `<<<SQL` of PHP, and comments behind an opening quote.
        Some(_) => gap.contains('\n') && before.rsplit('\n').next().is_some_and(|line| line.contains("<<")),
    }
}

/// How much of a statement fits.
#[derive(Clone, Copy, Debug, Default)]
struct Fit {
    fixed: usize,
    names: usize,
    has_gaps: bool,
    gaps: usize,
    gap_tokens: usize,
    /// Where the last token ends.
    end: usize,
}

struct Matching<'a> {
    text: &'a [u8],
    tokens: &'a [String],
    language: SourceLanguage,
    steps: usize,
}

impl Matching<'_> {
    /// Whether the tokens from `index` on are what is written from `at` on, up to the end of the text.
    fn rest(&mut self, mut at: usize, mut index: usize, mut fit: Fit) -> Option<Fit> {
        loop {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return None;
            }
            at = self.glue(at);
            let Some(token) = self.tokens.get(index) else { return self.end(at, Fit { end: at, ..fit }) };
            let next = if token == VALUE { self.values(at) } else { self.fixed(at, token) };
            if let Some(next) = next {
                fit.fixed += usize::from(token != VALUE);
                fit.names += usize::from(is_name(token));
                (at, index) = (next, index + 1);
                if token == ")" {
                    at = self.further_rows(at, index);
                }
                continue;
            }
            let Some(behind) = self.interpolated(at).filter(|_| fit.gaps < GAPS_MAX) else {
                // What an expression adds at the end.
                let left = self.tokens.len() - index;
                let is_end = matches!(self.text.get(at), Some(b'"' | b'\'' | b'`')) && self.appends(at);
                return is_end.then(|| Fit { has_gaps: true, gap_tokens: fit.gap_tokens + left, end: at, ..fit });
            };
            for taken in 0..=INTERPOLATED_TOKENS_MAX.min(self.tokens.len() - index) {
                let gap = Fit { has_gaps: true, gaps: fit.gaps + 1, gap_tokens: fit.gap_tokens + taken, ..fit };
                if let Some(fit) = self.rest(behind, index + taken, gap) {
                    return Some(fit);
                }
            }
            return None;
        }
    }

    /// Behind a word or a sign.
    fn fixed(&self, at: usize, token: &str) -> Option<usize> {
        let quoted = self.starts(at, b"\\\"").then_some(2).or_else(|| {
            // An identifier in quotes, within a text in others.
            (self.starts(at, b"`") || self.starts(at, b"\"")).then_some(1)
        });
        let written = |at: usize| {
            let end = at + token.len();
            let is_there = self.text.get(at..end)?.eq_ignore_ascii_case(token.as_bytes());
            let is_word = token.ends_with(is_word_char);
            let goes_on = self.text.get(end).is_some_and(|byte| is_word && is_word_char(char::from(*byte)));
            (is_there && !goes_on).then_some(end)
        };
        written(at).or_else(|| {
            let length = quoted?;
            let end = written(at + length)?;
            (self.text.get(at..at + length) == self.text.get(end..end + length)).then_some(end + length)
        })
    }

    /// Behind one value, or several with commas between them.
    fn values(&self, at: usize) -> Option<usize> {
        let mut end = self.value(at)?;
        loop {
            let comma = self.glue(end);
            if !self.starts(comma, b",") {
                return Some(end);
            }
            match self.value(self.glue(comma + 1)) {
                Some(next) => end = next,
                None => return Some(end),
            }
        }
    }

    fn value(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?;
        let word = |from: usize| from + rest[from..].iter().take_while(|byte| is_word_char(char::from(**byte))).count();
        match rest.first()? {
            b'?' => Some(at + word(1)),
            b'%' if rest.starts_with(b"%(") => {
                let end = rest.iter().take(EXPRESSION_BYTES_MAX).position(|byte| *byte == b')')?;
                Some(at + end + 2)
            }
            b'%' if rest.get(1).is_some_and(u8::is_ascii_alphabetic) => Some(at + 2),
            b'$' if rest.get(1) == Some(&b'{') => self.interpolated(at),
            b':' | b'$' | b'@' if rest.get(1).is_some_and(|byte| is_word_char(char::from(*byte))) => Some(at + word(1)),
            b'-' | b'+' if rest.get(1).is_some_and(u8::is_ascii_digit) => Some(at + number(rest, 1)),
            byte if byte.is_ascii_digit() => Some(at + number(rest, 0)),
            b'\'' => self.literal(at, 1),
            b'\\' if rest.starts_with(b"\\'") || rest.starts_with(b"\\\"") => self.literal(at, 2),
            _ => self.interpolated(at),
        }
    }

    /// Behind a literal of SQL: its quote, of `length` bytes, does not end the text.
    fn literal(&self, at: usize, length: usize) -> Option<usize> {
        let quote = self.text.get(at..at + length)?;
        let from = at + length;
        let within = self.text.get(from..(from + EXPRESSION_BYTES_MAX).min(self.text.len()))?;
        let end = within.windows(length).position(|window| window == quote)?;
        (!within[..end].contains(&b'\n')).then_some(from + end + length)
    }

    /// Behind an expression in a text (`{…}`, `${…}`, `#{…}`, `%s`), or between two texts (`" + … + "`).
    fn interpolated(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..(at + EXPRESSION_BYTES_MAX).min(self.text.len()))?;
        let open = match rest.first()? {
            b'{' => 1,
            b'$' | b'#' if rest.get(1) == Some(&b'{') => 2,
            b'$' if self.language == SourceLanguage::Php && rest.get(1).is_some_and(u8::is_ascii_alphabetic) => {
                return Some(at + 1 + rest[1..].iter().take_while(|byte| is_word_char(char::from(**byte))).count());
            }
            b'%' if rest.get(1).is_some_and(|byte| matches!(byte, b's' | b'v' | b'q' | b'd')) => return Some(at + 2),
            b'"' | b'\'' | b'`' => return self.between(at),
            _ => return None,
        };
        let mut depth = 1_usize;
        for (index, byte) in rest.iter().enumerate().skip(open) {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(at + index + 1);
            }
        }
        None
    }

    /// Behind `" + expression + "`, where the text goes on.
    fn between(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..(at + EXPRESSION_BYTES_MAX).min(self.text.len()))?;
        let skip = |from: usize| from + rest[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let joint = skip(1);
        let sign = *rest.get(joint).filter(|byte| matches!(byte, b'+' | b'.' | b'&'))?;
        let expression = joint + 1;
        let quote = expression
            + rest[expression..].iter().position(|byte| matches!(byte, b'"' | b'\'' | b'`' | b';' | b'\n'))?;
        if matches!(rest[quote], b';' | b'\n') {
            return None;
        }
        let joined = rest[expression..quote].iter().rev().find(|byte| !byte.is_ascii_whitespace());
        (joined == Some(&sign)).then_some(at + quote + 1)
    }

    /// Behind further rows of values, which are one in the statement's shape.
    fn further_rows(&self, at: usize, index: usize) -> usize {
        let is_row = index >= 3 && self.tokens[index - 2] == VALUE && self.tokens[index - 3] == "(";
        let mut end = at;
        while let Some(next) = self.further_row(end).filter(|_| is_row) {
            end = next;
        }
        end
    }

    /// Behind `, (values)`.
    fn further_row(&self, at: usize) -> Option<usize> {
        let comma = self.glue(at);
        let open = self.glue(comma + 1);
        if !self.starts(comma, b",") || !self.starts(open, b"(") {
            return None;
        }
        let close = self.glue(self.values(self.glue(open + 1))?);
        self.starts(close, b")").then_some(close + 1)
    }

    /// Behind white space, comments, and where one piece of a text ends and the next begins.
    fn glue(&self, mut at: usize) -> usize {
        loop {
            let start = at;
            while self.text.get(at).is_some_and(u8::is_ascii_whitespace) {
                at += 1;
            }
            if [&b"\\n"[..], b"\\t", b"\\r", b"\\\n"].iter().any(|mark| self.starts(at, mark)) {
                at += 2;
            } else if self.starts(at, b"-- ") {
                at += self.text[at..].iter().position(|byte| *byte == b'\n').unwrap_or(self.text.len() - at);
            }
            if let Some(next) = self.joint(at) {
                at = next;
            }
            if at == start {
                return at;
            }
        }
    }

    /// Behind `" "`, `" + "`, `' . '`, `", "` of a list that is joined: the next piece of a text directly follows.
    fn joint(&self, at: usize) -> Option<usize> {
        let quote = *self.text.get(at).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'))?;
        let mut next = at + 1;
        let mut signs = 0;
        let mut spaces = 0;
        while let Some(byte) = self.text.get(next) {
            match byte {
                b'+' | b'.' | b'&' | b'\\' | b',' if signs == 0 => signs += 1,
                byte if byte.is_ascii_whitespace() && spaces < EXPRESSION_BYTES_MAX => spaces += 1,
                b'f' | b'r' | b'b' | b'u' | b'F' | b'R' | b'$' | b'@'
                    if signs + spaces > 0 && matches!(self.text.get(next + 1), Some(b'"' | b'\'')) => {}
                b'"' | b'\'' | b'`' => {
                    // An empty text is not a joint, and two quotes are one of SQL's.
                    return (*byte == quote && next > at + 1).then_some(next + 1);
                }
                _ => return None,
            }
            next += 1;
        }
        None
    }

    /// Whether the text ends here too, perhaps behind an expression that is interpolated.
    fn end(&self, at: usize, fit: Fit) -> Option<Fit> {
        let mut at = at;
        while self.text.get(at).is_some_and(|byte| *byte == b';' || byte.is_ascii_whitespace()) {
            at += 1;
        }
        let Some(byte) = self.text.get(at) else { return Some(fit) };
        match byte {
            b'"' | b'\'' | b'`' => {
                let goes_on = self.between(at).is_some() || self.appends(at);
                Some(Fit { has_gaps: fit.has_gaps || goes_on, ..fit })
            }
            b'<' | b']' if self.language == SourceLanguage::Statements => Some(fit),
            _ if self.language == SourceLanguage::Statements => {
                let start = self.text[..at].iter().rposition(|byte| !byte.is_ascii_whitespace() && *byte != b';');
                let between = &self.text[start.map_or(0, |start| start + 1)..at];
                let has_blank_line = between.split(|byte| *byte == b'\n').count() > 2;
                (between.contains(&b';') || has_blank_line).then_some(fit)
            }
            b'{' | b'$' | b'#' | b'%' => {
                let behind = self.glue(self.interpolated(at)?);
                let gaps = Fit { has_gaps: true, ..fit };
                matches!(self.text.get(behind), Some(b'"' | b'\'' | b'`')).then_some(gaps)
            }
            // The end of a heredoc: its word alone on a line.
            byte if byte.is_ascii_uppercase() => {
                let is_new_line =
                    self.text[..at].iter().rev().take_while(|it| it.is_ascii_whitespace()).any(|it| *it == b'\n');
                let word = self.text[at..].iter().take_while(|it| is_word_char(char::from(**it))).count();
                let behind = self.text.get(at + word);
                (is_new_line && behind.is_none_or(|it| matches!(it, b'\n' | b';' | b'\r' | b')' | b','))).then_some(fit)
            }
            _ => None,
        }
    }

    /// Whether something is added behind the quote, up to where the expression ends.
    fn appends(&self, at: usize) -> bool {
        let quote = self.text[at];
        let mut next = at;
        while self.text.get(next) == Some(&quote) {
            next += 1;
        }
        while self.text.get(next).is_some_and(u8::is_ascii_whitespace) {
            next += 1;
        }
        matches!(self.text.get(next), Some(b'+')) || (self.language == SourceLanguage::Php && self.starts(next, b"."))
    }

    fn starts(&self, at: usize, with: &[u8]) -> bool {
        self.text.get(at..).is_some_and(|rest| rest.starts_with(with))
    }
}

fn is_word_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn number(rest: &[u8], from: usize) -> usize {
    from + rest[from..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.').count()
}
