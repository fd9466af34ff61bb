//! Tokens that say by their form what they are: a prefix, an alphabet, a length, and a checksum or enough entropy.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::rules::Rule;

/// The form of one kind of token.
#[derive(Debug)]
pub(super) struct TokenForm {
    pub rule: Rule,
    /// Whether a byte may stand after the prefix.
    alphabet: fn(u8) -> bool,
    /// How many bytes follow the prefix: at least, at most.
    length: (usize, usize),
    /// Whether the part after the prefix is random enough.
    check: fn(&[u8]) -> bool,
}

pub(super) const fn shape(
    rule: Rule,
    alphabet: fn(u8) -> bool,
    length: (usize, usize),
    check: fn(&[u8]) -> bool,
) -> TokenForm {
    TokenForm { rule, alphabet, length, check }
}

/// Longer than any token of a kind that has no fixed length.
pub(super) const LONG: usize = 4096;

pub(super) static OPENAI: TokenForm = shape(Rule::OpenaiKey, is_base64url, (20, 300), is_openai);
pub(super) static ANTHROPIC: TokenForm = shape(Rule::AnthropicKey, is_base64url, (20, 300), is_random);

impl TokenForm {
    /// The end of the token whose prefix is `text[start..prefix_end]`, if it is one.
    pub(super) fn end(&self, text: &[u8], start: usize, prefix_end: usize) -> Option<usize> {
        if is_word(text[start]) && continues_word(text, start) {
            return None;
        }
        let rest = &text[prefix_end..];
        let length = rest.iter().take(self.length.1 + 1).take_while(|byte| (self.alphabet)(**byte)).count();
        // A full stop or a dash behind a token belongs to the sentence.
        let trailing = rest[..length].iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
        let length = length - trailing;
        let fits = (self.length.0..=self.length.1).contains(&length);
        let bounded = rest.get(length).is_none_or(|next| !is_word(*next));
        (fits && bounded && (self.check)(&rest[..length])).then_some(prefix_end + length)
    }
}

/// Whether the byte before `start` is part of the same word: neither an escape, as in `\\n`, nor a percent-encoded byte.
fn continues_word(text: &[u8], start: usize) -> bool {
    let before = &text[..start];
    let escape = matches!(before, [.., b'\\', b'n' | b'r' | b't']);
    let encoded = matches!(before, [.., b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    before.last().is_some_and(|byte| is_word(*byte)) && !escape && !encoded
}

/// The key of Mailchimp whose data centre's name begins at `dash`: 32 hexadecimal digits stand before it.
pub(super) fn mailchimp(text: &[u8], dash: usize) -> Option<(usize, usize)> {
    let start = dash.checked_sub(32)?;
    let centre = text[dash + 3..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = text[start..dash].iter().all(|byte| is_hex(*byte)) && !continues_word(text, start);
    (whole && (1..=2).contains(&centre)).then_some((start, dash + 3 + centre))
}

/// The client secret of Azure whose version, a digit and `Q~`, begins at `version`: three characters stand before it.
pub(super) fn azure_secret(text: &[u8], version: usize) -> Option<(usize, usize)> {
    let is_part = |byte: &u8| is_base64url_or_dot(*byte) || *byte == b'~';
    let start = version.checked_sub(3)?;
    let length = text[version + 3..].iter().take_while(|byte| is_part(byte)).count();
    let whole = text[start..version].iter().all(is_part) && !continues_word(text, start);
    let end = version + 3 + length;
    (whole && (31..=34).contains(&length) && is_random(&text[start..end])).then_some((start, end))
}

/// The key of Twilio that begins at `start`: `SK` and 32 hexadecimal digits.
pub(super) fn twilio(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let length = text[start + 2..].iter().take(33).take_while(|byte| is_word(**byte)).count();
    let digits = &text[start + 2..start + 2 + length];
    let whole = length == 32 && digits.iter().all(|byte| is_hex(*byte)) && is_random(digits);
    (whole && !continues_word(text, start)).then_some((start, start + 34))
}

/// The token of Vault in its old form that begins at `start`: `s.` and 24 random letters and digits.
pub(super) fn vault(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let length = text[start + 2..].iter().take(25).take_while(|byte| is_base64url_or_dot(**byte)).count();
    let random = &text[start + 2..start + 2 + length];
    let digits = random.iter().filter(|byte| byte.is_ascii_digit()).count();
    let whole = length == 24 && digits >= 3 && random.iter().all(u8::is_ascii_alphanumeric) && is_random(random);
    (whole && !continues_word(text, start)).then_some((start, start + 26))
}

/// The token of a Discord bot that is the word `start..end`: its number in base64, a time, and a code.
pub(super) fn discord(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let mut parts = text[start..end].split(|byte| *byte == b'.');
    let (number, time, code) = (parts.next()?, parts.next()?, parts.next()?);
    let lengths = (23..=28).contains(&number.len()) && time.len() == 6 && (27..=40).contains(&code.len());
    let decoded = || BASE64_STANDARD.decode(&number[..24.min(number.len())]);
    let numbered = lengths && decoded().is_ok_and(|decoded| decoded.iter().all(u8::is_ascii_digit));
    (numbered && parts.next().is_none()).then_some((start, end))
}

/// The session of Salesforce whose organization is the word `start..end`: an exclamation mark and a code follow it.
pub(super) fn salesforce(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let code = text[end..].strip_prefix(b"!")?;
    let length = code.iter().take(300).take_while(|byte| is_base64url_or_dot(**byte)).count();
    let whole = text[start..end].starts_with(b"00D") && matches!(end - start, 15 | 18) && length >= 60;
    (whole && is_random(&code[..length])).then_some((start, end + 1 + length))
}

/// The end of the key that starts with `sk-` at `start`, and whose it is.
pub(super) fn sk_key(text: &[u8], start: usize) -> Option<(usize, Rule)> {
    let shape = if text[start..].starts_with(b"sk-ant-") { &ANTHROPIC } else { &OPENAI };
    let prefix = if shape.rule == Rule::AnthropicKey { "sk-ant-".len() } else { "sk-".len() };
    shape.end(text, start, start + prefix).map(|end| (end, shape.rule))
}

/// The range of the JSON web token whose first dot is at `dot`, and which has a second part and a signature.
pub(super) fn jwt(text: &[u8], dot: usize) -> Option<(usize, usize)> {
    let header = text[..dot].iter().rev().take(LONG).take_while(|byte| is_base64url(**byte)).count();
    let start = dot - header;
    // `{"` in base64: every header is a JSON object.
    if !text[start..].starts_with(b"eyJ") || header < 12 {
        return None;
    }
    let payload = text[dot + 1..].iter().take_while(|byte| is_base64url(**byte)).count();
    let second = dot + 1 + payload;
    if text.get(second) != Some(&b'.') {
        return None;
    }
    let signature = text[second + 1..].iter().take_while(|byte| is_base64url(**byte)).count();
    (signature >= 16 || payload >= 16).then_some((start, second + 1 + signature))
}

/// The range of the private key whose first line contains `anchor`: in PEM, of PGP or of SSH2. One that was cut off goes to
/// the text's end.
pub(super) fn private_key(text: &[u8], anchor: usize) -> Option<(usize, usize)> {
    const BEGIN: &[u8] = b"---- BEGIN ";
    const BEGIN_PEM: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----END ";
    const END_SSH2: &[u8] = b"---- END ";
    // The longest label that is in use, "ENCRYPTED" and its like, is far shorter.
    let from = anchor.saturating_sub(BEGIN_PEM.len() + 32);
    let begun = |begin: &[u8]| memchr::memmem::rfind(&text[from..anchor], begin).map(|at| from + at);
    let (start, end) = match begun(BEGIN_PEM) {
        Some(start) => (start, END),
        None => (begun(BEGIN)?, END_SSH2),
    };
    let Some(ended) = memchr::memmem::find(&text[anchor..], end) else { return Some((start, text.len())) };
    let label = &text[anchor + ended + end.len()..];
    let line = &label[..label.len().min(64)];
    let dashes = memchr::memmem::find(line, b"----")
        .map_or(0, |at| at + line[at..].iter().take_while(|byte| **byte == b'-').count());
    Some((start, anchor + ended + end.len() + dashes))
}

/// The range of the private part of a PuTTY key. Its number of lines follows at `from`.
pub(super) fn putty(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let rest = text[from..].strip_prefix(b": ")?;
    let digits = rest.iter().take(4).take_while(|byte| byte.is_ascii_digit()).count();
    let start = from + 2 + digits;
    let is_part = |byte: &u8| is_base64(*byte) || matches!(byte, b'\n' | b'\r' | b'\\');
    let length = text[start..].iter().take_while(|byte| is_part(byte)).count();
    // The line that ends the file names the code that authenticates it.
    let name = if text[start..start + length].ends_with(b"Private") { "Private".len() } else { 0 };
    let first = text[start..start + length].iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    (digits > 0 && length > first + name + 40).then_some((start + first, start + length - name))
}

/// The range of the base64 of a PEM private key that begins at `start`.
pub(super) fn wrapped_key(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let length = text[start..].iter().take_while(|byte| is_base64(**byte)).count();
    // The first line names what the key is for.
    let head = &text[start..start + length.min(80) / 4 * 4];
    let decoded = BASE64_STANDARD.decode(head).ok()?;
    memchr::memmem::find(&decoded, b"PRIVATE KEY").map(|_| (start, start + length))
}

/// The range of the base64 of a JSON web token that begins at `start`.
pub(super) fn wrapped_jwt(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let length = text[start..].iter().take_while(|byte| is_base64(**byte) || is_base64url(**byte)).count();
    (length >= 60 && !continues_word(text, start)).then_some((start, start + length))
}

/// The GitHub checksum, or entropy: the last six characters are the CRC-32 of those before, in base 62.
pub(super) fn is_github(secret: &[u8]) -> bool {
    let (random, sum) = secret.split_at(secret.len() - 6);
    base62(crc32(random)) == *sum || is_random(secret)
}

/// CRC-32 in base 62 with six digits, as GitHub appends it to its tokens.
pub(super) fn base62(mut number: u32) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = [b'0'; 6];
    for digit in text.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    text
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn is_openai(secret: &[u8]) -> bool {
    // Identifiers in kebab case begin with "sk-" too; they have neither capitals nor the length.
    let mixed = secret.iter().any(u8::is_ascii_uppercase) || !secret.contains(&b'-');
    // Some services end them in many hexadecimal digits or in a UUID.
    let digits = secret.iter().rev().take_while(|byte| is_hex(**byte) || **byte == b'-').count();
    (mixed || digits >= 32) && is_random(secret)
}

/// Whether the bytes hold a digit and vary as random ones do: at least half the entropy that their length allows.
pub(super) fn is_random(secret: &[u8]) -> bool {
    let ideal = f64::from(u32::try_from(secret.len().min(64)).unwrap_or(64)).log2();
    has_digit(secret) && entropy(secret) >= (ideal * 0.6).min(3.2)
}

/// Shannon's entropy of the bytes, in bits a byte.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let total = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

pub(super) fn has_digit(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_digit)
}

pub(super) fn has_digit_or_mix(bytes: &[u8]) -> bool {
    has_digit(bytes) || entropy(bytes) >= 2.5
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn is_base64url(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

pub(super) fn is_base64url_or_dot(byte: u8) -> bool {
    is_base64url(byte) || byte == b'.'
}

pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

pub(super) fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

pub(super) fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

pub(super) fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}
