//! Tokens that say by their form what they are: a prefix, an alphabet, a length, and a checksum or enough entropy.

use super::rules::Rule;

/// The form of one kind of token.
#[derive(Debug)]
pub(super) struct Shape {
    pub rule: Rule,
    /// Whether a byte may stand after the prefix.
    alphabet: fn(u8) -> bool,
    /// How many bytes follow the prefix: at least, at most.
    length: (usize, usize),
    /// Whether the part after the prefix is random enough.
    check: fn(&[u8]) -> bool,
}

const fn shape(rule: Rule, alphabet: fn(u8) -> bool, length: (usize, usize), check: fn(&[u8]) -> bool) -> Shape {
    Shape { rule, alphabet, length, check }
}

/// Longer than any token of a kind that has no fixed length.
const LONG: usize = 4096;

pub(super) static AWS: Shape = shape(Rule::AwsKey, is_upper_or_digit, (16, 16), has_digit_or_mix);
pub(super) static GITHUB: Shape = shape(Rule::GithubToken, is_alphanumeric, (36, 251), is_github);
pub(super) static GITHUB_FINE: Shape = shape(Rule::GithubToken, is_word, (40, 255), is_random);
pub(super) static GITLAB: Shape = shape(Rule::GitlabToken, is_base64url_or_dot, (20, 300), is_random);
pub(super) static SLACK: Shape = shape(Rule::SlackToken, is_base64url, (10, 300), has_digit);
pub(super) static SLACK_HOOK: Shape = shape(Rule::SlackToken, is_alphanumeric_or_slash, (20, 200), has_digit_or_mix);
pub(super) static STRIPE: Shape = shape(Rule::StripeKey, is_alphanumeric, (16, 300), is_random);
pub(super) static STRIPE_HOOK: Shape = shape(Rule::StripeKey, is_base64, (16, 300), is_random);
pub(super) static OPENAI: Shape = shape(Rule::OpenaiKey, is_base64url, (20, 300), is_openai);
pub(super) static ANTHROPIC: Shape = shape(Rule::AnthropicKey, is_base64url, (20, 300), is_random);
pub(super) static GOOGLE: Shape = shape(Rule::GoogleKey, is_base64url, (35, 35), is_random);
pub(super) static GOOGLE_CLIENT: Shape = shape(Rule::GoogleKey, is_base64url, (24, 40), is_random);
pub(super) static GOOGLE_ACCESS: Shape = shape(Rule::GoogleKey, is_base64url_or_dot, (20, LONG), is_random);
pub(super) static NPM: Shape = shape(Rule::VendorToken, is_alphanumeric, (36, 36), is_random);
pub(super) static PYPI: Shape = shape(Rule::VendorToken, is_base64url, (50, LONG), is_random);
pub(super) static VAULT: Shape = shape(Rule::VendorToken, is_base64url, (20, 300), is_random);
pub(super) static DIGITALOCEAN: Shape = shape(Rule::VendorToken, is_hex, (64, 64), is_random);
pub(super) static SHOPIFY: Shape = shape(Rule::VendorToken, is_hex, (32, 32), is_random);
pub(super) static DOCKER: Shape = shape(Rule::VendorToken, is_base64url, (20, 60), is_random);
pub(super) static GROQ: Shape = shape(Rule::VendorToken, is_alphanumeric, (40, 80), is_random);

impl Shape {
    /// The end of the token whose prefix is `text[start..prefix_end]`, if it is one.
    pub(super) fn end(&self, text: &[u8], start: usize, prefix_end: usize) -> Option<usize> {
        if start > 0 && is_word(text[start - 1]) {
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

/// The end of the key that starts with `sk-` at `start`, and whose it is.
pub(super) fn sk_key(text: &[u8], start: usize) -> Option<(usize, Rule)> {
    let shape = if text[start..].starts_with(b"sk-ant-") { &ANTHROPIC } else { &OPENAI };
    let prefix = if shape.rule == Rule::AnthropicKey { "sk-ant-".len() } else { "sk-".len() };
    shape.end(text, start, start + prefix).map(|end| (end, shape.rule))
}

/// Where the JSON web token lies whose first dot is at `dot`, and which has a second part and a signature.
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

/// Where the PEM private key lies whose first line holds `anchor`. One that was cut off goes to the text's end.
pub(super) fn private_key(text: &[u8], anchor: usize) -> Option<(usize, usize)> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----END ";
    // The longest label that is in use, "ENCRYPTED" and its like, is far shorter.
    let from = anchor.saturating_sub(BEGIN.len() + 32);
    let start = from + memchr::memmem::rfind(&text[from..anchor], BEGIN)?;
    let Some(end) = memchr::memmem::find(&text[anchor..], END) else { return Some((start, text.len())) };
    let label = &text[anchor + end + END.len()..];
    let dashes = memchr::memmem::find(&label[..label.len().min(64)], b"-----").map_or(0, |at| at + 5);
    Some((start, anchor + end + END.len() + dashes))
}

/// The GitHub checksum, or entropy: the last six characters are the CRC-32 of those before, in base 62.
fn is_github(secret: &[u8]) -> bool {
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
    mixed && is_random(secret)
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

fn has_digit_or_mix(bytes: &[u8]) -> bool {
    has_digit(bytes) || entropy(bytes) >= 2.5
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

pub(super) fn is_base64url(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

fn is_base64url_or_dot(byte: u8) -> bool {
    is_base64url(byte) || byte == b'.'
}

pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_alphanumeric_or_slash(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'/'
}

fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}
