//! Secrets that are named: `password=…` in environments, URLs, JSON, YAML, connection strings and command lines,
//! headers in text, and attribute keys.
//!
//! ```text
//!  "client_secret" : "s3cr3t…"        --token abcd1234        Password=…;        Authorization: Bearer …
//!   └── name ────┘ │  └ value                └ value                   └ value                  └ value
//!                  separator
//! ```
//!
//! A name alone proves nothing: source code, questions and documentation are full of `password`. So the looser the
//! form is, the more the value itself must look like a secret.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::names::{self, NAME_MAX, compacted, name_rule, weak_rule};
use super::rules::Rule;
use super::tokens::{entropy, has_digit, is_base64, is_random, is_word};

/// Spaces around a separator: more of them are a table.
const SPACES_MAX: usize = 3;
/// Spaces behind a separator: values are aligned with those of other names.
const ALIGNED_MAX: usize = 40;
/// The shortest value behind nothing but a space.
const BARE_MIN: usize = 20;
/// Escapes before a quote: JSON within JSON within JSON.
const ESCAPES_MAX: usize = 7;
/// How a value begins that was redacted before.
pub(super) const TOKEN_START: &[u8] = kino_model::redacted::START.as_bytes();

/// Words that stand where a secret would, in documentation, schemas and code.
const PLACEHOLDERS: [&str; 44] = [
    "string",
    "str",
    "text",
    "bytes",
    "integer",
    "number",
    "bool",
    "boolean",
    "object",
    "array",
    "null",
    "none",
    "nil",
    "undefined",
    "true",
    "false",
    "required",
    "optional",
    "hidden",
    "masked",
    "redacted",
    "filtered",
    "password",
    "passwd",
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "value",
    "empty",
    "missing",
    "invalid",
    "expired",
    "unknown",
    "default",
    "example",
    "placeholder",
    "input",
    "type",
    "self",
    "this",
    "incorrect",
    "authentication",
];

/// How the name and the value are put together.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Quoted,
    /// Directly behind an equals sign, or as a command line's argument.
    Tight,
    /// In a pair of its own beside the pair that holds the name, as in `name: DB_PASSWORD, value: x`.
    Pair,
    /// Behind nothing but a space.
    Bare,
    /// Alone on its line, as in YAML and in headers.
    Line,
    /// Anything else.
    Loose,
}

/// The value assigned to the name that holds `text[anchor..]`, if both are a secret's.
pub(super) fn assigned(text: &[u8], anchor: usize) -> Option<(usize, usize, Rule)> {
    let (name_start, name_end) = name_around(text, anchor)?;
    text.get(name_end)?;
    let name_start = spaced_name(text, name_start, name_end);
    let name = &text[name_start..name_end];
    let (rule, weak) = name_rule(name).map(|rule| (rule, false)).or_else(|| Some((weak_rule(name)?, true)))?;
    let flag = name.starts_with(b"--")
        || name.starts_with(b"-") && (name_start == 0 || text[name_start - 1].is_ascii_whitespace());
    let (mut at, form) = separator(text, name_start, name_end, flag, rule)?;
    if text.get(at) == Some(&b'[') && matches!(text.get(at + 1), Some(b'"' | b'\'')) {
        at += 1;
    }
    // A line of an environment file: everything up to the next space belongs to the value.
    let begins = name_start == 0 || matches!(text[name_start - 1], b'\n' | b'\r');
    let (start, end, quoted) = value(text, at, begins && form == Form::Tight && !flag);
    let form = if quoted && form != Form::Bare { Form::Quoted } else { form };
    let form = if form == Form::Loose && is_line(text, name_start, end) { Form::Line } else { form };
    // On the line after its name a value is alone, or it is the next name.
    let form = match at > name_end && !is_pair(text, name_end, at) && text[name_end..start].contains(&b'\n') {
        true if text[end..].iter().take_while(|byte| **byte != b'\n').any(|byte| *byte > b' ') => return None,
        true if text[start..end].ends_with(b":") => return None,
        true => Form::Line,
        false => form,
    };
    let secret = &text[start..end];
    let opaque = || is_opaque(secret) && !is_placeholder(secret);
    let found = match (weak, form) {
        (true, Form::Bare) => false,
        (true, _) if compacted(name).contains("webhook") => is_webhook(secret),
        (true, _) => opaque(),
        // The text after a space is the next word of a sentence, or another column.
        (false, Form::Bare) => opaque() && (quoted || secret.len() >= BARE_MIN),
        (false, _) => !is_count(name, secret, form) && is_secret(secret, rule, form),
    };
    found.then_some((start, end, rule))
}

/// Whether `pass` counts what passes: a name without capitals before a value without a digit.
fn is_count(name: &[u8], value: &[u8], form: Form) -> bool {
    let shouted = form == Form::Tight && name.ends_with(b"_PASS") && value.len() >= 6;
    name.to_ascii_lowercase().ends_with(b"pass") && !has_digit(value) && !shouted
}

/// Where a name of two words begins, as in `api key: x`: its last word is all that the byte before it leaves.
pub(super) fn spaced_name(text: &[u8], name_start: usize, name_end: usize) -> usize {
    let before = &text[..name_start];
    if !text[name_start..name_end].eq_ignore_ascii_case(b"key") || before.last() != Some(&b' ') {
        return name_start;
    }
    let word =
        before[..before.len() - 1].iter().rev().take(NAME_MAX).take_while(|byte| is_word(**byte) || **byte == b'-');
    match word.count() {
        0 => name_start,
        length => name_start - 1 - length,
    }
}

/// The schemes that stand before a credential in headers.
const SCHEMES: [&str; 6] = ["bearer", "basic", "token", "apikey", "negotiate", "key"];

/// The secret without what surrounds it in headers: `["…"]` of a list with one member, quotes, a scheme such as
/// `Bearer`. What is left is the same wherever the secret is.
pub(super) fn bare(secret: &[u8]) -> &[u8] {
    let within = |text: &[u8], open: &[u8], close: &[u8]| -> Option<(usize, usize)> {
        let inner = text.strip_prefix(open)?.strip_suffix(close)?;
        (!inner.is_empty() && !inner.contains(&b'"')).then_some((open.len(), open.len() + inner.len()))
    };
    let trimmed = secret.trim_ascii();
    let quoted = within(trimmed, b"[\"", b"\"]").or_else(|| within(trimmed, b"\"", b"\""));
    let header = quoted.map_or(trimmed, |(start, end)| &trimmed[start..end]);
    let scheme = header.iter().position(|byte| *byte == b' ').unwrap_or(0);
    let is_scheme = SCHEMES.iter().any(|known| header[..scheme].eq_ignore_ascii_case(known.as_bytes()));
    let credential = header[scheme..].trim_ascii();
    // A credential is one word; anything else is not what its first word says.
    if is_scheme && !credential.is_empty() && !credential.contains(&b' ') { credential } else { header }
}

/// Whether a value under a sensitive key is worth redacting: it is not empty, a truth value, redacted already, a number of
/// tokens or of tests that pass, or what follows a key that proves little.
pub(super) fn is_worth_redacting(key: &str, value: &str, added: &[String]) -> bool {
    let compact = compacted(key.as_bytes());
    let sure = name_rule(key.as_bytes()).is_some()
        || names::KEY_ENDINGS.iter().any(|ending| compact.ends_with(ending))
        || added.iter().any(|added| key.eq_ignore_ascii_case(added));
    let opaque = || is_opaque(bare(value.as_bytes()));
    if !(sure || opaque() || compact.contains("webhook") && is_webhook(value.as_bytes())) {
        return false;
    }
    let number = value.len() < 10 && value.bytes().all(|byte| byte.is_ascii_digit());
    let counted = name_rule(key.as_bytes()) == Some(Rule::Token) || key.to_ascii_lowercase().ends_with("pass");
    let counts = number && counted;
    !counts
        && !matches!(value, "" | "true" | "false" | "null" | "[]" | "{}")
        && !value.as_bytes().starts_with(TOKEN_START)
}

/// Credentials behind `Bearer `, whose first letter is at `word`.
pub(super) fn bearer(text: &[u8], word: usize, from: usize) -> Option<(usize, usize)> {
    starts_word(text, word, b'B')?;
    let (start, end) = credentials(text, from);
    (end - start >= 16 && is_random(&text[start..end])).then_some((start, end))
}

/// Credentials behind `Basic `: base64 of a user, a colon and a password.
pub(super) fn basic(text: &[u8], word: usize, from: usize) -> Option<(usize, usize)> {
    starts_word(text, word, b'B')?;
    let (start, end) = credentials(text, from);
    is_basic(&text[start..end]).then_some((start, end))
}

/// What an `Authorization` header carries; its first letter is at `word`.
pub(super) fn authorization(text: &[u8], word: usize) -> Option<(usize, usize)> {
    let end = word + 1 + text[word + 1..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if word > 0 && text[word - 1].is_ascii_alphanumeric() {
        return None;
    }
    let (mut at, form) = separator(text, word, end, false, Rule::Authorization)?;
    if form == Form::Bare {
        return None;
    }
    if text.get(at) == Some(&b'[') && matches!(text.get(at + 1), Some(b'"' | b'\'')) {
        at += 1;
    }
    let (opened, quote) = opening(text, at);
    let closed = opened + text[opened..].iter().take_while(|byte| !ends_header(**byte, quote)).count();
    let header = text[opened..closed].trim_ascii_end();
    if header.starts_with(TOKEN_START) {
        return None;
    }
    let scheme = header.iter().position(|byte| *byte == b' ').unwrap_or(0);
    let known = match header[..scheme].to_ascii_lowercase().as_slice() {
        scheme if SCHEMES.iter().any(|known| known.as_bytes() == scheme) => Some(false),
        b"digest" | b"aws4-hmac-sha256" | b"hawk" | b"oauth" | b"signature" => Some(true),
        _ => None,
    };
    if let Some(whole_line) = known {
        let rest = header[scheme..].trim_ascii_start();
        let start = opened + header.len() - rest.len();
        let length = if whole_line { rest.len() } else { rest.iter().take_while(|byte| !ends_value(**byte)).count() };
        let secret = &text[start..start + length];
        return (length >= 4 && !is_placeholder(secret)).then_some((start, start + length));
    }
    let length = header.iter().take_while(|byte| !ends_value(**byte)).count();
    // A scheme that is not known, and one credential behind it.
    let rest = header[scheme..].trim_ascii_start();
    let name = header[..scheme].iter().all(|byte| is_word(*byte) || *byte == b'-');
    if scheme > 1 && name && is_opaque(rest) && !is_placeholder(rest) {
        let start = opened + header.len() - rest.len();
        return Some((start, start + rest.len()));
    }
    let alone = length == header.len() || quote.is_none();
    let secret = &header[..length];
    (alone && length >= 8 && has_digit(secret) && !is_placeholder(secret) && !is_code(secret))
        .then_some((opened, opened + length))
}

/// What a `Cookie: ` or `Set-Cookie: ` header carries; its first letter is at `word`.
pub(super) fn cookie(text: &[u8], word: usize, name_end: usize) -> Option<(usize, usize)> {
    if !text.get(word).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'c')) {
        return None;
    }
    let (at, form) = separator(text, word, name_end, false, Rule::Cookie)?;
    if form == Form::Bare {
        return None;
    }
    let (start, quote) = opening(text, at);
    let length = text[start..].iter().take_while(|byte| !ends_header(**byte, quote)).count();
    let header = text[start..start + length].trim_ascii_end();
    let pair = header.iter().position(|byte| *byte == b'=')?;
    // The name of a cookie is a word; prose that mentions cookies has spaces first.
    let named = pair > 0 && !header[..pair].contains(&b' ') && header.len() - pair > 4;
    (named && !header.starts_with(TOKEN_START)).then_some((start, start + header.len()))
}

/// The signature that begins at `from`: hexadecimal, or base64, which may be percent-encoded.
pub(super) fn signature(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let is_part = |byte: u8| is_base64(byte) || matches!(byte, b'_' | b'-' | b'~' | b'%');
    let length = text[from..].iter().take_while(|byte| is_part(**byte)).count();
    let value = &text[from..from + length];
    let hex = length >= 16 && value.iter().all(u8::is_ascii_hexdigit);
    (hex || length >= 32 && is_random(value)).then_some((from, from + length))
}

/// The quoted password behind `IDENTIFIED BY`, whose first letter is at `word`.
pub(super) fn identified_by(text: &[u8], word: usize, from: usize) -> Option<(usize, usize)> {
    starts_word(text, word, b'I')?;
    let from = from + if text[from..].starts_with(b" PASSWORD") { " PASSWORD".len() } else { 0 };
    let (start, end, quoted) = value(text, from + spaces(text, from), false);
    let password = &text[start..end];
    // In prose something is identified by its name.
    let prose = text[word + 1].is_ascii_lowercase() && !has_digit(password);
    (quoted && password.len() >= 4 && !prose && !is_placeholder(password)).then_some((start, end))
}

/// What is assigned to a name that ends in `auth`, as in Docker's and npm's configuration: base64 of a user and a
/// password, or something long and random.
pub(super) fn auth(text: &[u8], anchor: usize) -> Option<(usize, usize)> {
    let end = anchor + "auth".len();
    if text.get(end).is_none_or(u8::is_ascii_alphabetic) {
        return None;
    }
    let (name_start, name_end) = name_around(text, anchor)?;
    let name = &text[name_start..name_end];
    let last = |ending: &str| compacted(name).ends_with(ending);
    if !last("auth") && !last("authkey") {
        return None;
    }
    let (at, form) = separator(text, name_start, name_end, name.starts_with(b"--"), Rule::Authorization)?;
    let (start, end, _) = value(text, at, false);
    let secret = &text[start..end];
    let opaque = form != Form::Bare && is_opaque(secret) && !is_placeholder(secret);
    (is_basic(secret) || opaque).then_some((start, end))
}

/// The words of the phrase that is assigned to a name which holds `mnemonic` before `from`.
pub(super) fn mnemonic(text: &[u8], from: usize) -> Option<(usize, usize)> {
    /// The shortest phrase in use.
    const WORDS_MIN: usize = 12;
    let (name_start, name_end) = name_around(text, from - 1)?;
    let (at, _) = separator(text, name_start, name_end, false, Rule::Authorization)?;
    let (start, quote) = opening(text, at);
    let line = &text[start..];
    let length = line.iter().take(512).take_while(|byte| byte.is_ascii_lowercase() || **byte == b' ').count();
    let words = line[..length].split(|byte| *byte == b' ').filter(|word| word.len() >= 3).count();
    let closed = line.get(length).is_none_or(|byte| quote.map_or(*byte < b' ', |quote| *byte == quote));
    (words >= WORDS_MIN && closed).then_some((start, start + length))
}

/// The password, or the token in its place, before the `@` at `at` of a URL.
pub(super) fn url_password(text: &[u8], at: usize) -> Option<(usize, usize)> {
    /// Longer than any token that is used as a password.
    const USERINFO_MAX: usize = 256;
    let is_userinfo = |byte: u8| byte > b' ' && !matches!(byte, b'/' | b'"' | b'<' | b'>' | b'\'' | b'`' | b',');
    let length = text[..at].iter().rev().take(USERINFO_MAX).take_while(|byte| is_userinfo(**byte)).count();
    let start = at - length;
    let is_url = text[..start].ends_with(b"://");
    // Data source names of Go's drivers: `user:password@tcp(host:port)/name`.
    let is_dsn = [b"@tcp(".as_slice(), b"@unix("].iter().any(|network| text[at..].starts_with(network));
    if length == 0 || !is_url && !is_dsn {
        return None;
    }
    let info = &text[start..at];
    let (from, password) = match info.iter().position(|byte| *byte == b':') {
        // The token takes the user's place.
        Some(colon) if colon + 1 == info.len() && is_opaque(&info[..colon]) => (start, &info[..colon]),
        Some(colon) => (start + colon + 1, &info[colon + 1..]),
        None if length >= 20 && is_random(info) => (start, info),
        None => return None,
    };
    let hidden = password.iter().all(|byte| matches!(byte, b'*' | b'x' | b'.'));
    (!hidden && !password.starts_with(TOKEN_START) && !is_template(password)).then_some((from, from + password.len()))
}

fn starts_word(text: &[u8], word: usize, letter: u8) -> Option<()> {
    let starts = text.get(word)?.eq_ignore_ascii_case(&letter) && (word == 0 || !is_word(text[word - 1]));
    starts.then_some(())
}

fn credentials(text: &[u8], from: usize) -> (usize, usize) {
    let is_part = |byte: u8| is_base64(byte) || matches!(byte, b'.' | b'_' | b'~' | b'-');
    let length = text[from..].iter().take_while(|byte| is_part(**byte)).count();
    let trailing = text[from..from + length].iter().rev().take_while(|byte| **byte == b'.').count();
    (from, from + length - trailing)
}

fn is_basic(encoded: &[u8]) -> bool {
    if encoded.len() < 8 || encoded.len() > 4096 {
        return false;
    }
    let printable = |decoded: &Vec<u8>| {
        let text = std::str::from_utf8(decoded).unwrap_or_default();
        text.contains(':') && !text.chars().any(char::is_control)
    };
    BASE64_STANDARD.decode(encoded).is_ok_and(|decoded| printable(&decoded))
}

pub(super) fn name_around(text: &[u8], anchor: usize) -> Option<(usize, usize)> {
    let is_name = |byte: u8| is_word(byte) || byte == b'-';
    let back = text[..anchor].iter().rev().take(NAME_MAX).take_while(|byte| is_name(**byte) || **byte == b'.').count();
    let ahead = text[anchor..].iter().take(NAME_MAX).take_while(|byte| is_name(**byte)).count();
    (back < NAME_MAX && ahead < NAME_MAX).then_some((anchor - back, anchor + ahead))
}

/// Where the value begins behind the name, and in what form.
fn separator(text: &[u8], name_start: usize, name_end: usize, flag: bool, rule: Rule) -> Option<(usize, Form)> {
    let mut at = name_end;
    let escapes = text[at..].iter().take(ESCAPES_MAX).take_while(|byte| **byte == b'\\').count();
    if escapes > 0 && text.get(at + escapes) == Some(&b'"') {
        at += escapes + 1;
    } else if matches!(text.get(at), Some(b'"' | b'\'' | b']' | b'`')) {
        at += 1;
    }
    let keyed = at > name_end;
    if let Some(value) = paired(text, name_start, name_end) {
        return Some((value, Form::Pair));
    }
    // In a URL within a URL.
    if text[at..].starts_with(b"%3D") || text[at..].starts_with(b"%3d") {
        return Some((at + 3, Form::Tight));
    }
    let spaces = spaces(text, at);
    at += spaces;
    let length = match (text.get(at)?, text.get(at + 1)) {
        (b'=', Some(b'=' | b'~')) | (b':', Some(b':')) => return None,
        // A resource's kind, as in `arn:aws:secretsmanager:eu-west-1:1234:secret:shop`.
        (b':', _) if name_start > 0 && text[name_start - 1] == b':' => return None,
        (b'=', Some(b'>')) | (b':', Some(b'=')) => 2,
        (b'=' | b':', _) => 1,
        (b'>', _) if name_start > 0 && text[name_start - 1] == b'<' => {
            let nested = if text[at + 1..].starts_with(b"<Value>") { "<Value>".len() } else { 0 };
            return Some((at + 1 + nested, Form::Tight));
        }
        // A list of arguments: `"--password", "x"`.
        (b',', _) if flag && keyed => 1,
        // What a program takes where a variable is not set: `getenv("API_KEY", "x")`.
        (b',', _) if keyed => {
            let next = at + 1 + self::spaces(text, at + 1);
            return matches!(text.get(next), Some(b'"' | b'\'')).then_some((next, Form::Bare));
        }
        (_, _) if flag && spaces > 0 && !keyed => return Some((at, Form::Tight)),
        // `.netrc`: `machine example.org login ada password x`.
        (_, _) if rule == Rule::Password && spaces > 0 && !keyed && is_netrc(text, name_start) => {
            return Some((at, Form::Tight));
        }
        // SQL: `PASSWORD 'x'`.
        (b'\'', _) if rule == Rule::Password && spaces > 0 && !keyed => return Some((at, Form::Loose)),
        (_, _) if spaces > 0 && !keyed && is_set(text, name_start) => return Some((at, Form::Tight)),
        (_, _) if spaces > 0 && !keyed => return Some((at, Form::Bare)),
        _ => return None,
    };
    let tight = text[at] == b'=' && spaces == 0;
    at += length;
    let after = text[at..].iter().take(ALIGNED_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if let Some(next_line) = continued(text, at + after) {
        return Some((next_line, Form::Loose));
    }
    let form = if tight && after == 0 && length == 1 { Form::Tight } else { Form::Loose };
    Some((at + after, form))
}

/// Whether the name follows a command that sets a variable, as in `ENV NAME value` and `setx NAME value`.
fn is_set(text: &[u8], name_start: usize) -> bool {
    let before = &text[name_start.saturating_sub(5)..name_start];
    [b"ENV ".as_slice(), b"ARG ", b"setx "].iter().any(|command| before.ends_with(command))
}

/// Where the value begins of a pair of pairs: `name: DB_PASSWORD, value: x` in YAML and JSON, `key="ApiKey" value="x"` in
/// XML.
fn paired(text: &[u8], name_start: usize, name_end: usize) -> Option<usize> {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\');
    let is_gap = |byte: &u8| is_quote(byte) || byte.is_ascii_whitespace() || *byte == b',';
    let gap = |at: usize| text[at..].iter().take(ALIGNED_MAX).take_while(|byte| is_gap(byte)).count();
    let at = name_end + gap(name_end);
    let is_value = text.get(at..at + 5)?.eq_ignore_ascii_case(b"value");
    // What it is the value of precedes the name.
    let before = text[..name_start].iter().rev().take(SPACES_MAX + ESCAPES_MAX);
    let assigned =
        before.copied().find(|byte| !is_quote(byte) && *byte != b' ').is_some_and(|byte| matches!(byte, b':' | b'='));
    if !is_value || at == name_end || !assigned {
        return None;
    }
    let separator =
        at + 5 + text[at + 5..].iter().take(ESCAPES_MAX).take_while(|byte| is_quote(byte) || **byte == b' ').count();
    let from = separator + 1;
    matches!(text.get(separator), Some(b':' | b'=')).then(|| from + spaces(text, from))
}

/// Whether the text between a name and its value names the value, as [`paired`] says.
fn is_pair(text: &[u8], name_end: usize, at: usize) -> bool {
    text[name_end..at].windows(5).any(|window| window.eq_ignore_ascii_case(b"value"))
}

/// Whether the name follows `login` and one word, as in a line of `.netrc`.
fn is_netrc(text: &[u8], name_start: usize) -> bool {
    let before = &text[name_start.saturating_sub(2 * NAME_MAX)..name_start];
    let mut words = before.rsplit(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    words.next().is_some_and(|login| !login.ends_with(b",")) && words.next() == Some(b"login")
}

/// Where the value begins on the next line, if the line ends at `at`, perhaps with what YAML or a shell has for that.
fn continued(text: &[u8], at: usize) -> Option<usize> {
    let marks = text[at..].iter().take(2).take_while(|byte| matches!(byte, b'|' | b'>' | b'-' | b'\\')).count();
    let line_end = at + marks + usize::from(text.get(at + marks) == Some(&b'\r'));
    if text.get(line_end) != Some(&b'\n') {
        return None;
    }
    let next = &text[line_end + 1..];
    let indented = next.iter().take(NAME_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    (indented > 0).then_some(line_end + 1 + indented)
}

pub(super) fn spaces(text: &[u8], at: usize) -> usize {
    text[at..].iter().take(SPACES_MAX).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// The opening quote at `at`, if there is one: where the value begins, and how it ends.
fn opening(text: &[u8], at: usize) -> (usize, Option<u8>) {
    let escapes = text[at..].iter().take(ESCAPES_MAX).take_while(|byte| **byte == b'\\').count();
    if escapes > 0 && text.get(at + escapes) == Some(&b'"') {
        return (at + escapes + 1, Some(b'\\'));
    }
    match text.get(at) {
        Some(quote @ (b'"' | b'\'' | b'`')) => (at + 1, Some(*quote)),
        _ => (at, None),
    }
}

/// The value that begins at `at`: its bounds, and whether it is in quotes.
pub(super) fn value(text: &[u8], at: usize, environment: bool) -> (usize, usize, bool) {
    let (start, quote) = opening(text, at);
    let Some(quote) = quote else {
        let encoded = text[..start].ends_with(b"%3D") || text[..start].ends_with(b"%3d");
        let is_end = |byte: u8| if environment { byte <= b' ' } else { ends_value(byte) || encoded && byte == b'%' };
        let length = text[start..].iter().take_while(|byte| !is_end(**byte)).count();
        let trailing = text[start..start + length].iter().rev().take_while(|byte| matches!(byte, b'"' | b'\'')).count();
        return (start, start + length - trailing, false);
    };
    let mut end = start;
    while end < text.len() && text[end] != quote && !matches!(text[end], b'\n' | b'\r') {
        // An escaped quote does not close, unless escapes are what closes.
        end += if text[end] == b'\\' && quote != b'\\' { 2 } else { 1 };
    }
    (start, end.min(text.len()), true)
}

fn ends_value(byte: u8) -> bool {
    byte <= b' '
        || matches!(byte, b'"' | b'\'' | b'`' | b'&' | b',' | b';' | b')' | b'}' | b']' | b'<' | b'>' | b'\\' | b'|')
}

fn ends_header(byte: u8, quote: Option<u8>) -> bool {
    matches!(byte, b'\n' | b'\r') || quote.map_or(matches!(byte, b'"' | b'\'' | b'\\'), |quote| byte == quote)
}

/// Whether the line holds the name and the value and nothing else.
fn is_line(text: &[u8], name_start: usize, end: usize) -> bool {
    let line_start = text[..name_start].iter().rev().take(NAME_MAX).find(|byte| !matches!(byte, b' ' | b'\t' | b'-'));
    let line_end = text[end..].iter().take(NAME_MAX).find(|byte| !matches!(byte, b' ' | b'\t'));
    line_start.is_none_or(|byte| *byte == b'\n') && line_end.is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}

fn is_secret(value: &[u8], rule: Rule, form: Form) -> bool {
    if value.len() < 4 || is_placeholder(value) || value.iter().any(|byte| matches!(byte, b' ' | b'\t')) {
        return false;
    }
    let varied = has_digit(value) && value.iter().any(|byte| !byte.is_ascii_digit());
    match (form, rule) {
        (Form::Quoted, Rule::Token) => value.len() >= 8 && (has_digit(value) || entropy(value) > 3.5) && varied,
        (Form::Quoted, Rule::Password) => true,
        (Form::Quoted, _) => value.len() >= 6 && (varied || value.len() >= 12 && !is_code(value)),
        (Form::Tight | Form::Pair, Rule::Token) => value.len() >= 6 && varied && !is_code(value) && !is_slug(value),
        (Form::Tight | Form::Pair, _) => !is_code(value),
        (Form::Bare, _) => false,
        (Form::Line, Rule::Password) if value.iter().all(u8::is_ascii_lowercase) => value.len() >= 8,
        (Form::Line, Rule::Password | Rule::Secret) => (varied || has_symbol(value)) && !is_code(value),
        (Form::Loose, _) if is_constant(value) => false,
        (Form::Loose, Rule::Token | Rule::Secret) => {
            value.len() >= 12 && is_random(value) && !is_code(value) && !is_slug(value)
        }
        (Form::Line | Form::Loose, _) => value.len() >= 8 && varied && !is_code(value),
    }
}

/// Whether the value looks like nothing but a secret: a UUID, many hexadecimal digits, or letters and digits that take
/// turns as they do in random text.
pub(super) fn is_opaque(value: &[u8]) -> bool {
    const LENGTH_MIN: usize = 16;
    const LENGTH_MAX: usize = 1024;
    const HEX_MIN: usize = 20;
    /// Names with numbers have fewer changes between letters and digits.
    const CHANGES_MIN: usize = 4;
    let is_part = |byte: &u8| is_base64(*byte) || matches!(byte, b'_' | b'-' | b'.' | b'~' | b':' | b'!' | b'$' | b'*');
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&value.len()) || !value.iter().all(is_part) || is_code(value) {
        return false;
    }
    if is_uuid(value) {
        return true;
    }
    let runs = || value.split(|byte| !byte.is_ascii_alphanumeric());
    let longest = runs().max_by_key(|run| run.len()).unwrap_or_default();
    if longest.iter().all(u8::is_ascii_hexdigit) && longest.len() >= HEX_MIN {
        return has_digit(longest) && longest.iter().any(u8::is_ascii_alphabetic);
    }
    // Base64 has other characters, too, and is no path.
    let whole: Vec<u8>;
    let base64 = value.contains(&b'+') || value.ends_with(b"=");
    let run = if base64 {
        whole = runs().flatten().copied().collect();
        whole.as_slice()
    } else {
        longest
    };
    let changes = run.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    let cases = run.windows(2).filter(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()).count();
    let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
    longest.len() >= if base64 { 6 } else { 12 }
        && digits >= 2
        && is_random(run)
        && changes >= 1
        && changes + cases >= CHANGES_MIN
}

pub(super) fn is_uuid(value: &[u8]) -> bool {
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| if is_dash(at) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

/// Whether the value is a web address whose path looks random.
fn is_webhook(value: &[u8]) -> bool {
    let segments = || value.split(|byte| matches!(byte, b'/' | b'?' | b'=' | b'&')).skip(3);
    value.starts_with(b"http")
        && segments().any(|segment| segment.len() >= 8 && has_digit(segment) && is_random(segment))
}

pub(super) fn has_symbol(value: &[u8]) -> bool {
    value.iter().any(|byte| byte.is_ascii_punctuation() && !matches!(byte, b'_' | b'-' | b'.'))
}

/// Whether the value is made of words and numbers, as names of branches, pages and caches are.
fn is_slug(value: &[u8]) -> bool {
    let mut parts = value.split(|byte| matches!(byte, b'-' | b'_'));
    let plain = |part: &[u8]| part.iter().all(u8::is_ascii_lowercase) || part.iter().all(u8::is_ascii_digit);
    value.len() < 24 && value.iter().any(|byte| matches!(byte, b'-' | b'_')) && parts.all(plain)
}

/// Whether the value is a constant's or a type's name: words with a digit or two in them.
fn is_constant(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let shouted = value.contains(&b'_') && !value.iter().any(u8::is_ascii_lowercase);
    value.iter().all(|byte| is_word(*byte)) && value[0].is_ascii_uppercase() && digits <= if shouted { 3 } else { 1 }
}

pub(super) fn is_template(value: &[u8]) -> bool {
    matches!(value, [b'$' | b'<' | b'{' | b'%', ..])
}

/// Whether the value is a placeholder for a secret.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    is_template(value)
        || value.starts_with(TOKEN_START)
        || matches!(value[0], b':' | b'?' | b'[' | b'(' | b'&')
        || value.starts_with(b"**")
        || value.iter().all(|byte| *byte == value[0])
        || lower.starts_with(b"your")
        || lower.starts_with(b"insert")
        || memchr::memmem::find(value, b"...").is_some()
        || memchr::memmem::find(value, "…".as_bytes()).is_some()
        || PLACEHOLDERS.iter().any(|word| word.as_bytes() == lower.as_slice())
}

/// Whether the value is an expression of a programming language rather than a literal.
fn is_code(value: &[u8]) -> bool {
    if value.iter().any(|byte| matches!(byte, b'(' | b'[' | b'{')) && !has_digit(value) {
        return true;
    }
    if value.contains(&b'(') && value.first().is_some_and(u8::is_ascii_alphabetic) {
        return true;
    }
    let path = value.contains(&b'.') || value.contains(&b'_') || value.windows(2).any(|pair| pair == b"::");
    let plain = value.iter().all(|byte| is_word(*byte) || matches!(byte, b'.' | b':' | b'?' | b'!'));
    let parts = || value.split(|byte| matches!(byte, b'.' | b':' | b'?' | b'!')).filter(|part| !part.is_empty());
    // `user.password`, `self.next_token`, `Some::Path`: words that are joined, none of which begins with a digit.
    let words =
        parts().all(|part| !part[0].is_ascii_digit() && part.iter().filter(|byte| byte.is_ascii_digit()).count() < 2);
    path && plain && words && !has_digit(value)
        || plain && value.contains(&b'.') && words && parts().count() > 1 && value.len() < 40 && !is_random(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, expected: Option<&str>) {
        let anchor = text.find(name).unwrap();
        let found = assigned(text.as_bytes(), anchor).map(|(start, end, _)| &text[start..end]);
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn assignments_of_every_form_are_found() {
        check("DB_PASSWORD=p@ss)w&rd!", "PASS", Some("p@ss)w&rd!"));
        check("Server=db;Password=hunter2;Timeout=5", "assw", Some("hunter2"));
        check(r#"{"password": "correct\"horse"}"#, "assw", Some(r#"correct\"horse"#));
        check(r#"{\"client_secret\":\"a1b2c3d4e5\"}"#, "ecret", Some("a1b2c3d4e5"));
        check("GET /x?access_token=ab12cd34ef&page=2", "oken", Some("ab12cd34ef"));
        check("deploy --token abcd1234 --dry-run", "oken", Some("abcd1234"));
        check("user: ada\npassword: s3cret!\nport: 1", "assw", Some("s3cret!"));
        check("ALTER USER ada WITH PASSWORD 'hunter2'", "ASSW", Some("hunter2"));
        check("X-Api-Key: 0a1b2c3d4e5f", "Api-Key", Some("0a1b2c3d4e5f"));
    }

    #[test]
    fn code_questions_and_placeholders_are_left_alone() {
        for text in [
            "if password == stored_password: pass",
            "password = getpass.getpass()",
            "connect(password=self.password)",
            "SELECT * FROM users WHERE password = $1",
            "fn login(password: &str) -> bool",
            "password: string;",
            "--password <password>",
            "password=${DB_PASSWORD}",
            r#"{"password": "********"}"#,
            "the password: it is required",
        ] {
            check(text, "assw", None);
        }
        check("max_token=4096", "oken", None);
        check("nextPageToken=abc123def456", "oken", None);
        check("token = parser.next_token()", "oken", None);
    }

    #[test]
    fn urls_lose_their_password_alone() {
        let found = |text: &str| {
            let at = text.find('@').unwrap();
            url_password(text.as_bytes(), at).map(|(start, end)| text[start..end].to_owned())
        };
        assert_eq!(found("postgres://ada:hunter2@db/app"), Some("hunter2".into()));
        assert_eq!(found("see https://example.org/~ada or write to ada@example.org"), None);
        assert_eq!(found("postgres://ada:$PASSWORD@db/app"), None);
        assert_eq!(found("ssh://git@example.org/repo"), None);
    }

    #[test]
    fn text_around_a_secret_in_headers_is_not_part_of_it() {
        for text in ["a1b2", "Bearer a1b2", "bearer  a1b2 ", r#"["Bearer a1b2"]"#, r#"["a1b2"]"#, r#""Token a1b2""#] {
            assert_eq!(bare(text.as_bytes()), b"a1b2", "{text}");
        }
        for text in ["Digest a1b2", "open sesame", "key to the door", r#"["a1","b2"]"#, "Bearer", "Bearer ", "[\"\"]"] {
            assert_eq!(bare(text.as_bytes()), text.trim().as_bytes(), "{text}");
        }
    }
}
