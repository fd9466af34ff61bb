//! Statements and URLs without their literals: what stays the same when only the data differs.
//!
//! Works on the text alone, for SQL of any dialect and for key–value commands; it never parses a grammar and never
//! fails. What looks like a value becomes `?`, lists of values become one, comments go, white space collapses.

use std::collections::BTreeMap;

/// A longer normalised statement is cut, and says by how much: rows of an answer stay readable.
pub const MAX_STATEMENT_CHARS: usize = 600;
/// A run of hex digits from this length on that has a digit in it is an id, not a word.
const HEX_ID_MIN: usize = 8;

/// Of statements with the time spent in each, the normalised one that most time goes to.
pub(crate) fn most_time(statements: &BTreeMap<&str, i64>) -> Option<String> {
    let mut by_shape: BTreeMap<String, i64> = BTreeMap::new();
    for (statement, nanos) in statements {
        *by_shape.entry(normalise(statement)).or_default() += nanos;
    }
    by_shape.into_iter().max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0))).map(|(statement, _)| statement)
}

/// The statement with literals replaced by `?`, lists of them by one, comments removed and white space collapsed.
pub fn normalise(statement: &str) -> String {
    let mut tokens = tokens(statement);
    collapse_lists(&mut tokens);
    let text = join(&tokens);
    let length = text.chars().count();
    if length <= MAX_STATEMENT_CHARS {
        return text;
    }
    let cut: String = text.chars().take(MAX_STATEMENT_CHARS).collect();
    format!("{cut}… ({} more characters)", length - MAX_STATEMENT_CHARS)
}

/// A token, and whether white space precedes it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Token<'a> {
    text: &'a str,
    spaced: bool,
}

/// The token of any value.
pub(crate) const VALUE: &str = "?";

/// The statement's tokens, as [`normalise`] joins them: values and lists of them are [`VALUE`], comments are gone.
pub(crate) fn shape_tokens(statement: &str) -> Vec<&str> {
    let mut tokens = tokens(statement);
    collapse_lists(&mut tokens);
    tokens.into_iter().map(|token| token.text).collect()
}

/// Whether values are bound to the statement, so that its text does not say which they are.
pub(crate) fn is_bound(statement: &str) -> bool {
    let is_placeholder = |value: &str| {
        let mut characters = value.chars();
        match characters.next() {
            Some('?' | '%' | ':' | '@') => true,
            Some('$') => characters.next().is_some_and(|next| next.is_ascii_digit()),
            _ => false,
        }
    };
    let mut found = false;
    scan(statement, |value| found |= is_placeholder(value));
    found
}

/// The statement's literals, without their quotes; placeholders are none.
pub(crate) fn literals(statement: &str) -> Vec<&str> {
    let mut found = Vec::new();
    scan(statement, |value| {
        let is_literal =
            value.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '\'' | '"' | '-' | '+' | '.'));
        found.extend(is_literal.then(|| value.trim_matches(['\'', '"'])));
    });
    found
}

fn tokens(statement: &str) -> Vec<Token<'_>> {
    scan(statement, |_| {})
}

/// The tokens; each value is shown as it was written.
fn scan<'a>(statement: &'a str, mut value: impl FnMut(&'a str)) -> Vec<Token<'a>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut rest = statement;
    let mut spaced = false;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = blank(rest, first) {
            spaced = !tokens.is_empty();
            rest = &rest[length..];
            continue;
        }
        let (length, is_value) = token(rest, first, tokens.last().map_or("", |token| token.text));
        if is_value {
            value(&rest[..length]);
        }
        let text = if is_value { VALUE } else { &rest[..length] };
        tokens.push(Token { text, spaced });
        spaced = false;
        rest = &rest[length..];
    }
    while tokens.last().is_some_and(|token| token.text == ";") {
        tokens.pop();
    }
    tokens
}

/// The length of white space or of a comment at the start.
fn blank(rest: &str, first: char) -> Option<usize> {
    if first.is_whitespace() {
        return Some(first.len_utf8());
    }
    if rest.starts_with("-- ") || rest.starts_with("--\t") || rest.starts_with("--\n") || rest == "--" {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.starts_with("/*").then(|| rest[2..].find("*/").map_or(rest.len(), |at| at + 4))
}

/// The length of the token at the start, and whether it is a value.
fn token(rest: &str, first: char, before: &str) -> (usize, bool) {
    match first {
        '\'' => (quoted(rest, '\''), true),
        '"' => {
            let length = quoted(rest, '"');
            let is_compared =
                matches!(before, "=" | "<" | ">" | "!=" | "<>" | "<=" | ">=") || before.eq_ignore_ascii_case("like");
            // A name goes on behind a dot, but not with a digit.
            let behind = rest[length..].strip_prefix('.');
            (length, is_compared && behind.is_none_or(|next| next.starts_with(|next: char| next.is_ascii_digit())))
        }
        '`' => (quoted(rest, '`'), false),
        '$' => dollar(rest),
        '?' => (1 + digits(&rest[1..]), true),
        '%' if rest.starts_with("%s") => (2, true),
        '%' if rest.starts_with("%(") => (rest.find(")s").map_or(1, |at| at + 2), rest.contains(")s")),
        ':' if before != ":"
            && rest[1..].starts_with(|next: char| next.is_ascii_alphabetic())
            && is_operand_next(before) =>
        {
            (1 + word(&rest[1..]), true)
        }
        '@' if rest[1..].starts_with(|next: char| next.is_ascii_alphanumeric()) => (1 + word(&rest[1..]), true),
        '-' | '+' if is_operand_next(before) && rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
            (1 + number(&rest[1..]), true)
        }
        '0'..='9' => {
            let length = number(rest).max(uuid(rest));
            (length, true)
        }
        '.' if !is_word(before) && rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
            (1 + number(&rest[1..]), true)
        }
        _ if is_word_char(first) => {
            let length = word(rest).max(uuid(rest));
            let text = &rest[..length];
            let is_prefix =
                matches!(text, "x" | "X" | "b" | "B" | "n" | "N" | "e" | "E") && rest[length..].starts_with('\'');
            if is_prefix {
                return (length + quoted(&rest[length..], '\''), true);
            }
            (length, is_id(text))
        }
        '<' | '>' | '!' | '|' | '&' => {
            let next = rest[1..].chars().next().filter(|next| "<>=|&".contains(*next));
            (1 + next.map_or(0, char::len_utf8), false)
        }
        _ => (first.len_utf8(), false),
    }
}

/// Whether a sign or a colon after this token begins a value.
fn is_operand_next(before: &str) -> bool {
    const WORDS: [&str; 16] = [
        "and", "or", "in", "limit", "offset", "like", "between", "values", "select", "then", "else", "when", "set",
        "by", "not", "return",
    ];
    let closes = before == VALUE || before == ")" || before == "]" || before.ends_with(['"', '`']);
    !closes && (!is_word(before) || WORDS.iter().any(|word| before.eq_ignore_ascii_case(word)))
}

fn is_word(text: &str) -> bool {
    text.chars().next().is_some_and(is_word_char)
}

fn is_word_char(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn word(rest: &str) -> usize {
    rest.find(|character| !is_word_char(character) && character != '$').unwrap_or(rest.len())
}

fn digits(rest: &str) -> usize {
    rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len())
}

/// Digits with anything a number can hold: `1.5e-3`, `0xff`, `1_000`.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let sign_of_exponent = (bytes[at] == b'-' || bytes[at] == b'+')
            && at > 0
            && matches!(bytes[at - 1], b'e' | b'E')
            && bytes[..at - 1].iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
        if !(bytes[at].is_ascii_alphanumeric() || bytes[at] == b'.' || bytes[at] == b'_' || sign_of_exponent) {
            break;
        }
        at += 1;
    }
    at
}

/// The length with the closing quote, doubled and backslashed quotes skipped; to the end where it is not closed.
fn quoted(rest: &str, quote: char) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote == '\'' {
            characters.next();
        } else if character == quote {
            if characters.peek().is_some_and(|(_, next)| *next == quote) {
                characters.next();
            } else {
                return at + 1;
            }
        }
    }
    rest.len()
}

/// `$1`, or a PostgreSQL text between dollar tags.
fn dollar(rest: &str) -> (usize, bool) {
    let count = digits(&rest[1..]);
    if count > 0 {
        return (1 + count, true);
    }
    let tag_end = 1 + word(&rest[1..]).min(rest[1..].find('$').unwrap_or(usize::MAX));
    if rest[tag_end..].starts_with('$') {
        let tag = &rest[..=tag_end];
        return (rest[tag.len()..].find(tag).map_or(rest.len(), |at| at + 2 * tag.len()), true);
    }
    (tag_end, false)
}

/// The length of a UUID at the start, else 0.
fn uuid(rest: &str) -> usize {
    const LENGTH: usize = 36;
    let is_uuid = rest.len() >= LENGTH
        && rest.as_bytes()[..LENGTH].iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid { LENGTH } else { 0 }
}

/// Whether a word is an id: a UUID, or hex digits with a decimal one among them.
fn is_id(text: &str) -> bool {
    let is_hex = text.len() >= HEX_ID_MIN && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_hex && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// `(?, ?, ?)` becomes `(?)`, and `(?), (?)` becomes `(?)`.
fn collapse_lists(tokens: &mut Vec<Token<'_>>) {
    let mut joined: Vec<Token<'_>> = Vec::with_capacity(tokens.len());
    for &token in tokens.iter() {
        joined.push(token);
        let texts: [&str; 3] = last_texts(&joined);
        if texts == [VALUE, ",", VALUE] {
            joined.truncate(joined.len() - 2);
        }
        let texts: [&str; 7] = last_texts(&joined);
        if texts == ["(", VALUE, ")", ",", "(", VALUE, ")"] {
            joined.truncate(joined.len() - 4);
        }
    }
    *tokens = joined;
}

fn last_texts<'a, const N: usize>(tokens: &[Token<'a>]) -> [&'a str; N] {
    let mut texts = [""; N];
    if let Some(last) = tokens.len().checked_sub(N) {
        for (text, token) in texts.iter_mut().zip(&tokens[last..]) {
            *text = token.text;
        }
    }
    texts
}

fn join(tokens: &[Token<'_>]) -> String {
    let mut text = String::new();
    for token in tokens {
        if token.spaced {
            text.push(' ');
        }
        text.push_str(token.text);
    }
    text
}

/// The URL's path with ids replaced by `{id}`, without scheme, host, query values and fragment; query names remain
/// in order, since they name the call.
pub fn url_template(url: &str) -> String {
    let after_scheme = url.find("://").map_or(url, |at| {
        let authority = &url[at + 3..];
        authority.find(['/', '?', '#']).map_or("/", |path| &authority[path..])
    });
    let without_fragment = after_scheme.split('#').next().unwrap_or_default();
    let (path, query) = without_fragment.split_once('?').unwrap_or((without_fragment, ""));
    let segments: Vec<&str> = path.split('/').map(|part| if is_path_id(part) { "{id}" } else { part }).collect();
    let mut template = segments.join("/");
    if !query.is_empty() {
        let names: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
        template.push('?');
        template.push_str(&names.join("&"));
    }
    template
}

/// Whether a path segment is data: a number, a UUID, hex, or a long word with several digits.
fn is_path_id(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let is_number = !segment.is_empty() && digits == segment.len();
    is_number || is_id(segment) || (segment.len() >= 16 && digits >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(statement: &str, expected: &str) {
        assert_eq!(normalise(statement), expected);
    }

    #[test]
    fn literals_become_question_marks() {
        check("SELECT * FROM users WHERE id = 42 AND name='O''Brien'", "SELECT * FROM users WHERE id = ? AND name=?");
        check(
            "select a from t where x > -1.5e-3 and y = X'ff00' limit 10",
            "select a from t where x > ? and y = ? limit ?",
        );
        check("SELECT $$ it's $$, $tag$ a $b$ $tag$, $1", "SELECT ?");
        check(r"SELECT 'it\'s' FROM t", "SELECT ? FROM t");
    }

    #[test]
    fn every_dialects_placeholders_are_one() {
        for placeholder in ["?", "$1", ":id", "%s", "%(id)s", "@id", "?1"] {
            let statement = format!("SELECT a FROM t WHERE id = {placeholder}");
            check(&statement, "SELECT a FROM t WHERE id = ?");
            assert!(is_bound(&statement), "{statement}");
        }
    }

    #[test]
    fn lists_of_values_are_one_whatever_their_length() {
        check("SELECT a FROM t WHERE id IN (1, 2,3)", "SELECT a FROM t WHERE id IN (?)");
        check("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')", "INSERT INTO t (a, b) VALUES (?)");
    }

    #[test]
    fn names_with_digits_and_quoted_names_stay() {
        check("SELECT t1.c2 FROM \"order items\" t1", "SELECT t1.c2 FROM \"order items\" t1");
        check(
            "SELECT \"a\".\"id\" FROM \"a\" WHERE \"a\".\"id\" = \"b\".\"id\"",
            "SELECT \"a\".\"id\" FROM \"a\" WHERE \"a\".\"id\" = \"b\".\"id\"",
        );
        check("SELECT a FROM t WHERE name = \"bob\"", "SELECT a FROM t WHERE name = ?");
        check("a < \"\".0", "a < ??");
        check("SELECT x::text, a-1 FROM t", "SELECT x::text, a-? FROM t");
    }

    #[test]
    fn comments_white_space_and_last_semicolons_go() {
        check("SELECT /* trace=1 */ a\n  FROM t -- why\n WHERE b = 1;", "SELECT a FROM t WHERE b = ?");
        check("  ", "");
        check("SELECT 'not closed", "SELECT ?");
    }

    #[test]
    fn keys_of_key_value_stores_lose_their_ids() {
        check("GET user:123:name", "GET user:?:name");
        check("GET session:550e8400-e29b-41d4-a716-446655440000", "GET session:?");
    }

    #[test]
    fn long_statements_say_how_much_was_cut() {
        let long = normalise(&format!("SELECT {} FROM t", "a, ".repeat(400)));
        assert!(long.ends_with("more characters)"), "{long}");
        assert!(long.chars().count() < MAX_STATEMENT_CHARS + 40);
    }

    #[test]
    fn urls_keep_their_shape_alone() {
        let shapes = [
            ("https://api.example/users/42/orders?page=3&size=9#x", "/users/{id}/orders?page&size"),
            ("http://h:80", "/"),
            ("/v1/items/550e8400-e29b-41d4-a716-446655440000", "/v1/items/{id}"),
            ("/api/v2/report", "/api/v2/report"),
            ("https://h/b/deadbeef01", "/b/{id}"),
        ];
        for (url, template) in shapes {
            assert_eq!(url_template(url), template, "{url}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_normalises_and_twice_is_once(text in "\\PC{0,80}") {
            let once = normalise(&text);
            proptest::prop_assert_eq!(normalise(&once), once);
        }
    }
}
