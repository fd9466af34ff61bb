//! Redaction: secrets leave the data before anything is stored.
//!
//! Owns the rules, the search and the replacing, over columns, texts and bytes. It never decides what is stored, keeps
//! no secret, and does no IO. A secret becomes a token, as in `[redacted:github-token:3f9a0c12d5e7]`: equal secrets
//! give equal tokens under one key, and the token keeps the number of lines.
//!
//! ```text
//!  a column's buffer ─► anchors (a few passes of SIMD), `@`, words, digits ─► the rule's closer look
//!       nothing found: the column stays, untouched and shared ◄────────────┴────► found: that column is rebuilt
//! ```
//!
//! Both directions of error are measured on a labelled corpus: see `docs/redaction.md`.

mod anchors;
mod announced;
mod assignment;
mod clean;
mod columns;
mod commands;
mod connections;
mod names;
mod numbers;
mod prefixed;
pub mod rules;
mod services;
mod texts;
mod tokens;
mod values;
mod vendors;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use anchors::{Anchors, KeyAnchors, Sign};
use clean::Clean;
use kino_model::{Batch, redacted};
use prefixed::Prefixes;
use rules::Rule;
pub use rules::{InvalidRules, Rules};

/// How often each rule fired, by its name.
pub type Fired = BTreeMap<&'static str, u64>;

/// Replaces secrets by keyed tokens.
pub struct Redactor {
    key: [u8; 32],
    rules: Rules,
    anchors: Anchors,
    key_anchors: KeyAnchors,
    prefixes: Prefixes,
    /// Labels seen before.
    clean: Clean,
}

/// A secret: its range, and the name of the rule that found it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct SecretMatch {
    start: usize,
    end: usize,
    rule: &'static str,
}

impl Redactor {
    /// A redactor whose tokens depend on `key`, and which applies `rules`.
    pub fn new(key: [u8; 32], rules: Rules) -> Self {
        let anchors = Anchors::new().expect("the anchors are few and short");
        let key_anchors = KeyAnchors::new(&rules.keys).expect("the keys are few, and bounded by the rules");
        Self { key, rules, anchors, key_anchors, prefixes: Prefixes::new(), clean: Clean::default() }
    }

    /// Redacts every text of a batch: columns, attribute maps with what they hold exactly, resources and scopes.
    /// A column without a secret is handed on as it is. A row that lost something says so in `kino.redacted`.
    pub fn redact_batch(&self, batch: Batch) -> (Batch, Fired) {
        columns::redact(self, batch)
    }

    /// Redacts a text, and borrows it where nothing was found.
    pub fn redact_text<'a>(&self, text: &'a str) -> (Cow<'a, str>, Fired) {
        let mut fired = Fired::new();
        let redacted = self.text(text, &mut fired);
        (redacted.map_or(Cow::Borrowed(text), Cow::Owned), fired)
    }

    /// Redacts bytes that may hold text: output of programs, patches. Bytes that are no text stay as they are.
    pub fn redact_bytes<'a>(&self, bytes: &'a [u8]) -> (Cow<'a, [u8]>, Fired) {
        let mut fired = Fired::new();
        let redacted = self.bytes(bytes, &mut fired);
        (redacted.map_or(Cow::Borrowed(bytes), Cow::Owned), fired)
    }

    fn text(&self, text: &str, fired: &mut Fired) -> Option<String> {
        let found = self.find_all(text.as_bytes());
        if found.is_empty() {
            return None;
        }
        let bytes = self.replaced(text.as_bytes(), &found, fired);
        // Secrets are cut at ASCII characters or at the text's ends, so that this copies nothing.
        Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    fn bytes(&self, bytes: &[u8], fired: &mut Fired) -> Option<Vec<u8>> {
        let found = self.find_all(bytes);
        (!found.is_empty()).then(|| self.replaced(bytes, &found, fired))
    }

    fn replaced(&self, text: &[u8], found: &[SecretMatch], fired: &mut Fired) -> Vec<u8> {
        let mut redacted = Vec::with_capacity(text.len());
        let mut from = 0;
        for SecretMatch { start, end, rule } in found {
            redacted.extend_from_slice(&text[from..*start]);
            redacted.extend_from_slice(self.token(rule, &text[*start..*end]).as_bytes());
            *fired.entry(rule).or_default() += 1;
            from = *end;
        }
        redacted.extend_from_slice(&text[from..]);
        redacted
    }

    /// What takes a secret's place: the rule's name, a keyed hash, and the secret's line breaks.
    fn token(&self, rule: &str, secret: &[u8]) -> String {
        use fmt::Write as _;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(assignment::bare(secret));
        let mut token = format!("{}{rule}:", redacted::START);
        for byte in &mac.finalize().into_bytes()[..redacted::HASH_DIGITS / 2] {
            write!(token, "{byte:02x}").expect("writing to a string cannot fail");
        }
        token.push(']');
        token.extend(memchr::memchr_iter(b'\n', secret).map(|_| '\n'));
        token
    }

    /// Every secret in `text`, in order, without overlaps: where rules overlap, the first one names the whole.
    fn find_all(&self, text: &[u8]) -> Vec<SecretMatch> {
        let mut found = Vec::new();
        let mut from;
        for set in self.anchors.sets() {
            from = 0;
            while let Some((start, end, sign)) = set.next(text, from) {
                from = self.keep(text, self.examine(text, start, end, sign), &mut found).unwrap_or(end).max(end);
            }
        }
        from = 0;
        while let Some(at) = memchr::memchr(b'@', &text[from..]).map(|at| from + at) {
            self.keep(text, url_password(text, at), &mut found);
            from = at + 1;
        }
        from = 0;
        while let Some((start, end)) = numbers::next_run(text, from) {
            from = self.keep(text, number(text, start, end), &mut found).unwrap_or(end).max(end);
        }
        from = 0;
        while let Some((start, end)) = prefixed::next_word(text, from) {
            // Another token may follow directly after this one.
            from = self.keep(text, self.prefixed_token(text, start, end), &mut found).unwrap_or(end);
        }
        for pattern in &self.rules.patterns {
            for captures in pattern.regex.captures_iter(text) {
                let whole = captures.name("secret").or_else(|| captures.get(0));
                let secret = whole.filter(|secret| !secret.is_empty());
                self.keep(text, secret.map(|secret| (secret.start(), secret.end(), pattern.name)), &mut found);
            }
        }
        found.sort_by_key(|found| (found.start, usize::MAX - found.end));
        found.dedup_by(|later, earlier| {
            let overlaps = later.start < earlier.end;
            if overlaps {
                earlier.end = earlier.end.max(later.end);
            }
            overlaps
        });
        found
    }

    /// Whether `text` holds a secret around the sign found at `start..end`.
    fn examine(&self, text: &[u8], start: usize, end: usize, sign: Sign) -> Option<(usize, usize, &'static str)> {
        let named = |rule: Rule, found: (usize, usize)| (found.0, found.1, rule.name());
        let word = || start.checked_sub(1);
        match sign {
            Sign::Token(shape) => shape.end(text, start, end).map(|end| (start, end, shape.rule.name())),
            Sign::WrappedKey => tokens::wrapped_key(text, start).map(|found| named(Rule::PrivateKey, found)),
            Sign::WrappedJwt => tokens::wrapped_jwt(text, start).map(|found| named(Rule::Jwt, found)),
            Sign::Command(options) => {
                commands::password(text, start, end, options).map(|found| named(Rule::Password, found))
            }
            Sign::Community => connections::community(text, end).map(|found| named(Rule::Password, found)),
            Sign::Connection => connections::opened(text, end).map(|found| named(Rule::Password, found)),
            Sign::PgPass => commands::pgpass(text, start, end).map(|found| named(Rule::Password, found)),
            Sign::Putty => tokens::putty(text, end).map(|found| named(Rule::PrivateKey, found)),
            Sign::Mnemonic => assignment::mnemonic(text, end).map(|found| named(Rule::Secret, found)),
            Sign::IdentifiedBy => {
                assignment::identified_by(text, word()?, end).map(|found| named(Rule::Password, found))
            }
            Sign::Auth => assignment::auth(text, start).map(|found| named(Rule::Authorization, found)),
            Sign::Jwt => tokens::jwt(text, start).map(|found| named(Rule::Jwt, found)),
            Sign::PrivateKey => tokens::private_key(text, start).map(|found| named(Rule::PrivateKey, found)),
            Sign::Bearer if text.get(end) == Some(&b' ') => {
                assignment::bearer(text, word()?, end + 1).map(|found| named(Rule::Authorization, found))
            }
            Sign::Signature if text[..end].ends_with(b"=") || text.get(end) == Some(&b'=') => {
                let from = if text[..end].ends_with(b"=") { end } else { end + 1 };
                assignment::signature(text, from).map(|found| named(Rule::Signature, found))
            }
            Sign::Name | Sign::Bearer | Sign::Signature => {
                let found = look(text, end, |text| assignment::assigned(text, start));
                let found = found.or_else(|| connections::device(text, start, end));
                found
                    .or_else(|| connections::described(text, start))
                    .map(|(start, end, rule)| (start, end, rule.name()))
            }
            Sign::Basic => assignment::basic(text, word()?, end).map(|found| named(Rule::Authorization, found)),
            Sign::Authorization => {
                let header = |text: &[u8]| assignment::authorization(text, start);
                look(text, end, |text| header(text).map(|(start, end)| (start, end, Rule::Authorization)))
                    .map(|(start, end, rule)| (start, end, rule.name()))
            }
            Sign::Cookie => {
                let word = word()?;
                let header = |text: &[u8]| assignment::cookie(text, word, end);
                look(text, end, |text| header(text).map(|(start, end)| (start, end, Rule::Cookie)))
                    .map(|(start, end, rule)| (start, end, rule.name()))
            }
        }
        .filter(|(start, end, rule)| self.applies(&text[*start..*end], rule) && !is_in_token(text, *start))
    }

    fn prefixed_token(&self, text: &[u8], start: usize, end: usize) -> Option<(usize, usize, &'static str)> {
        self.prefixes.token(text, start, end).map(|(start, end, rule)| (start, end, rule.name()))
    }

    /// Keeps a secret that the rules want gone; returns its end.
    fn keep(
        &self,
        text: &[u8],
        secret: Option<(usize, usize, &'static str)>,
        found: &mut Vec<SecretMatch>,
    ) -> Option<usize> {
        let (start, end, rule) = secret?;
        if !self.applies(&text[start..end], rule) || is_in_token(text, start) {
            return None;
        }
        found.push(SecretMatch { start, end, rule });
        Some(end)
    }

    fn applies(&self, secret: &[u8], rule: &'static str) -> bool {
        let built_in = rules::RULES.iter().find(|(_, name, _)| *name == rule);
        built_in.is_none_or(|(rule, ..)| self.rules.is_on(*rule)) && !self.rules.allows(secret)
    }
}

/// Bytes behind a sign in which it is decided whether a secret follows. Names and headers can be repeated without an end
/// of the value in sight: looking for it from each of them would take time that grows with the square of the text.
const LOOKED_AT_MAX: usize = 1024;

/// What `find` finds behind a sign that ends at `at`, decided by the bytes near it; one that goes on beyond them is found
/// whole.
fn look<R>(text: &[u8], at: usize, find: impl Fn(&[u8]) -> Option<(usize, usize, R)>) -> Option<(usize, usize, R)> {
    let near = &text[..text.len().min(at.saturating_add(LOOKED_AT_MAX))];
    let found = find(near)?;
    if found.1 == near.len() && near.len() < text.len() { find(text).or(Some(found)) } else { Some(found) }
}

/// Whether `at` is within a token that replaced a secret before.
fn is_in_token(text: &[u8], at: usize) -> bool {
    /// The opening, the longest name of a rule and the hash are shorter.
    const TOKEN_MAX: usize = 128;
    let before = &text[at.saturating_sub(TOKEN_MAX)..at];
    let opened = memchr::memmem::rfind(before, assignment::TOKEN_START);
    opened.is_some_and(|opened| !before[opened..].contains(&b']'))
}

fn url_password(text: &[u8], at: usize) -> Option<(usize, usize, &'static str)> {
    assignment::url_password(text, at).map(|(start, end)| (start, end, Rule::UrlPassword.name()))
}

fn number(text: &[u8], start: usize, end: usize) -> Option<(usize, usize, &'static str)> {
    numbers::number(text, start, end).map(|(start, end, rule)| (start, end, rule.name()))
}

impl fmt::Debug for Redactor {
    /// Everything but the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redactor").field("rules", &self.rules).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> String {
        Redactor::new([1; 32], Rules::default()).redact_text(text).0.into_owned()
    }

    #[test]
    fn equal_secrets_give_equal_tokens_under_one_key_only() {
        let text = "password=hunter22 and again pwd=hunter22";
        let first = after(text);
        let token = first.split(['=', ' ']).nth(1).unwrap();
        assert!(token.starts_with("[redacted:password:") && token.ends_with(']') && token.len() == 32, "{token}");
        assert_eq!(first.matches(token).count(), 2);
        let other = Redactor::new([2; 32], Rules::default()).redact_text(text).0.into_owned();
        assert!(!other.contains(token));
    }

    #[test]
    fn a_secret_has_one_hash_in_every_place() {
        let redactor = Redactor::new([1; 32], Rules::default());
        let hash = |text: &str| redacted::hashes(text).next().map(str::to_owned).unwrap();
        let under = |key: &str, value: &str| hash(&redactor.under_key(key, value, &mut Fired::new()).unwrap());
        let plain = under("app.token", "tok-9f86d081884c7d65");
        for value in
            ["Bearer tok-9f86d081884c7d65", r#"["Bearer tok-9f86d081884c7d65"]"#, r#"["tok-9f86d081884c7d65"]"#]
        {
            assert_eq!(under("http.request.header.authorization", value), plain, "{value}");
        }
        for text in [
            r#"{"access_token": "tok-9f86d081884c7d65"}"#,
            "Authorization: Bearer tok-9f86d081884c7d65",
            "GET /cart?token=tok-9f86d081884c7d65",
        ] {
            assert_eq!(hash(&redactor.redact_text(text).0), plain, "{text}");
        }
        assert_ne!(under("app.token", "tok-9f86d081884c7d66"), plain);
    }

    #[test]
    fn a_secret_of_many_lines_keeps_their_number() {
        let text = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nb";
        let after = self::after(text);
        assert_eq!(after.lines().count(), text.lines().count());
        assert!(after.starts_with("a\n[redacted:private-key:") && after.ends_with("\nb"), "{after}");
    }

    #[test]
    fn what_follows_a_sign_is_looked_at_as_far_as_decides_and_no_further_where_nothing_is_found() {
        let text = "=password".repeat(10_000);
        let seen = |found: Option<usize>| {
            let seen = std::cell::RefCell::new(Vec::new());
            let found = look(text.as_bytes(), 9, |text| {
                seen.borrow_mut().push(text.len());
                found.map(|end| (9, end.min(text.len()), ()))
            });
            (seen.into_inner(), found.map(|(_, end, ())| end))
        };
        let near = 9 + LOOKED_AT_MAX;
        assert_eq!(seen(None), (vec![near], None));
        assert_eq!(seen(Some(100)), (vec![near], Some(100)));
        assert_eq!(seen(Some(usize::MAX)), (vec![near, text.len()], Some(text.len())));
    }

    #[test]
    fn a_secret_longer_than_what_decides_goes_whole() {
        let long: String = (0..3 * LOOKED_AT_MAX).map(|at| char::from(b"aB3dE5gH7"[at % 9])).collect();
        for (before, after) in [("password=", " b"), ("token: \"", "\" b"), ("Authorization: Digest ", "\nb")] {
            let redacted = self::after(&format!("a\n{before}{long}{after}"));
            assert!(redacted.starts_with(&format!("a\n{before}[redacted:")), "{redacted}");
            assert!(redacted.ends_with(&format!("]{after}")), "{redacted}");
        }
    }

    #[test]
    fn a_clean_text_is_borrowed() {
        let redactor = Redactor::new([1; 32], Rules::default());
        assert!(matches!(redactor.redact_text("SELECT name FROM users").0, Cow::Borrowed(_)));
        assert!(matches!(redactor.redact_bytes(&[0xff, 0, 1]).0, Cow::Borrowed(_)));
    }

    #[test]
    fn rules_are_switched_off_added_and_overruled() {
        let rules = Rules::new(&["password".into()], &[]).unwrap();
        let rules =
            rules.with_pattern("badge", "badge (?P<secret>B-[0-9]{6})").unwrap().with_allowed("AKIA.*").unwrap();
        let redactor = Redactor::new([1; 32], rules);
        let (text, fired) = redactor.redact_text("password=hunter22 badge B-123456 AKIAIOSFODNN7EXAMPLE");
        assert_eq!(fired, Fired::from([("badge", 1)]));
        assert!(
            text.starts_with("password=hunter22 badge [redacted:badge:") && text.ends_with(" AKIAIOSFODNN7EXAMPLE")
        );
    }
}
