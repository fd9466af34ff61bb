//! Tokens that stand in long words: those under a prefix that their service documents, and those of services that no
//! list names, where a short prefix precedes many random letters and digits.
//!
//! ```text
//!  a column's buffer ─► words of at least 15 bytes ─► with a digit or a capital ─► their first three bytes, in a table
//!                       (64 bytes at once)                                          of prefixes ─► the token's shape
//! ```
//!
//! No token is shorter than [`WORD_MIN`], so that one pass over the bytes replaces one search per prefix.

use std::collections::HashMap;

use super::announced::announced;
use super::assignment::is_uuid;
use super::names::is_harmless_key;
use super::rules::Rule;
use super::tokens::{self, TokenForm, entropy, is_base64url, is_hex, is_random};
use super::vendors::{SHORT, VENDORS};

/// The shortest word worth looking at: the shortest token with its prefix.
pub(super) const WORD_MIN: usize = 15;
/// Longer words are looked at in parts, so that one with many tokens takes no longer than many words.
const WORD_MAX: usize = 4096;
/// A word of [`WORD_MIN`] bytes fills one of any blocks of this size that lie side by side.
const BLOCK: usize = 8;
/// Bytes that are classified at once: a few registers of any processor.
const CHUNK: usize = 64;
/// The shortest random part behind a prefix that says nothing. Identifiers, such as those of requests and messages, are
/// shorter.
const RANDOM_MIN: usize = 32;
/// The same where all its letters are small, or all are capitals.
const RANDOM_SMALL_MIN: usize = 40;
/// The shortest random part behind a prefix that says what it is, as in `acme_pat_`.
const KEYED_MIN: usize = 20;
/// The same where all its letters are small, as in many identifiers.
const KEYED_SMALL_MIN: usize = 24;
/// The same where a word such as `live` is all that the prefix says.
const MARKED_SMALL_MIN: usize = 32;
/// The same for hexadecimal digits alone, which digests are written in.
const KEYED_HEX_MIN: usize = 32;
/// Longer parts are encoded data.
const RANDOM_MAX: usize = 200;
/// Longer prefixes are names.
const PREFIX_MAX: usize = 24;
/// Random letters of both cases and digits have more than five bits a byte; text that is encoded has fewer.
const ENTROPY_MIN: f64 = 4.2;
/// Fewer digits stand in names in camel case.
const DIGITS_MIN: usize = 3;
/// The fewest changes between letters and digits behind a prefix that says nothing: names have fewer.
const CHANGES_MIN: usize = 5;
/// What digests are written behind.
const DIGESTS: [&[u8]; 6] = [b"sha1", b"sha256", b"sha384", b"sha512", b"md5", b"h1"];
/// Parts of a prefix, or their ends, that say that a key follows.
const KEYED: [&[u8]; 8] = [b"key", b"pat", b"tok", b"token", b"secret", b"sk", b"apikey", b"password"];
/// Parts of a prefix that stand in tokens, and in other names, too.
const MARKED: [&[u8]; 20] = [
    b"live",
    b"prod",
    b"production",
    b"test",
    b"sandbox",
    b"staging",
    b"api",
    b"sec",
    b"sat",
    b"oat",
    b"auth",
    b"svc",
    b"admin",
    b"v1",
    b"v2",
    b"v3",
    b"server",
    b"org",
    b"user",
    b"personal",
];
/// Parts of a prefix of what everyone may know.
const PUBLIC: [&[u8]; 4] = [b"pk", b"pub", b"public", b"publishable"];
/// Bits of the filter in front of the table: with some three hundred prefixes one in fifty words passes by chance.
const FILTER_BITS: usize = 1 << 14;

/// The prefixes by their first three bytes.
#[derive(Debug)]
pub(super) struct Prefixes {
    filter: Box<[u64]>,
    shapes: HashMap<[u8; 3], Vec<(&'static str, &'static TokenForm)>>,
}

impl Prefixes {
    pub(super) fn new() -> Self {
        let mut prefixes = Self { filter: vec![0; FILTER_BITS / 64].into(), shapes: HashMap::new() };
        for (prefix, shape) in VENDORS.iter().chain(SHORT) {
            let Some(head) = prefix.as_bytes().first_chunk() else { continue };
            let slot = slot(*head);
            prefixes.filter[slot / 64] |= 1 << (slot % 64);
            prefixes.shapes.entry(*head).or_default().push((prefix, shape));
        }
        prefixes
    }

    /// The first token in the word `start..end` of `text`.
    pub(super) fn token(&self, text: &[u8], start: usize, end: usize) -> Option<(usize, usize, Rule)> {
        if end - start < WORD_MIN {
            return None;
        }
        // What an escape ends in is no letter of the word; a few prefixes begin with a mark.
        let marked = start.checked_sub(1).filter(|at| matches!(text[*at], b':' | b'$'));
        let first =
            self.at(text, start).or_else(|| self.at(text, escaped(text, start)?)).or_else(|| self.at(text, marked?));
        if first.is_some() {
            return first;
        }
        // Most words are names, of hosts and of classes.
        if !text[start..end].iter().any(u8::is_ascii_digit) {
            return None;
        }
        let begins = |at: &usize| matches!(text[at - 1], b'-' | b'.' | b'~');
        let mut inner = (start + 1..end.saturating_sub(2)).filter(begins);
        inner.find_map(|at| self.at(text, at)).or_else(|| {
            let found = tokens::discord(text, start, end).or_else(|| tokens::salesforce(text, start, end));
            let found =
                found.or_else(|| unlisted(text, start, end)).map(|(start, end)| (start, end, Rule::VendorToken));
            found.or_else(|| announced(text, start, end))
        })
    }

    /// The token that begins at `at`, or whose mark is there.
    fn at(&self, text: &[u8], at: usize) -> Option<(usize, usize, Rule)> {
        let head: [u8; 3] = *text.get(at..)?.first_chunk()?;
        let slot = slot(head);
        if self.filter[slot / 64] >> (slot % 64) & 1 == 1
            && let Some(shapes) = self.shapes.get(&head)
        {
            let fits = |(prefix, shape): &(&'static str, &'static TokenForm)| {
                let begun = text[at..].starts_with(prefix.as_bytes());
                let end = if begun { shape.end(text, at, at + prefix.len()) } else { None };
                end.map(|end| (at, end, shape.rule))
            };
            if let Some(found) = shapes.iter().find_map(fits) {
                return Some(found);
            }
        }
        let found = match head {
            [b's', b'k', b'-'] => return tokens::sk_key(text, at).map(|(end, rule)| (at, end, rule)),
            [b'S', b'K', _] => tokens::twilio(text, at),
            [b's', b'.', _] => tokens::vault(text, at),
            [b'u', b's', b'0'..=b'9'] => tokens::mailchimp(text, at.checked_sub(1)?),
            _ if at >= 3 && text[at - 2..at] == *b"Q~" => tokens::azure_secret(text, at - 3),
            _ => None,
        };
        found.map(|(start, end)| (start, end, Rule::VendorToken))
    }
}

fn slot(head: [u8; 3]) -> usize {
    let number = u32::from_le_bytes([head[0], head[1], head[2], 0]);
    (number.wrapping_mul(0x9e37_79b1) >> 18) as usize % FILTER_BITS
}

/// Where the word at `start` begins if its first bytes belong to an escape, as in `\\n` or `%3D`.
fn escaped(text: &[u8], start: usize) -> Option<usize> {
    match text[..start].last()? {
        b'\\' if matches!(text[start], b'n' | b'r' | b't') => Some(start + 1),
        b'%' if text[start..].iter().take(2).all(|byte| is_hex(*byte)) => Some(start + 2),
        _ => None,
    }
}

/// The next word of at least [`WORD_MIN`] bytes at or after `from`.
pub(super) fn next_word(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<CHUNK>) {
        let Some(block) = filled_block(chunk) else {
            at += CHUNK;
            continue;
        };
        let inside = at + block;
        let start = inside - text[from..inside].iter().rev().take_while(|byte| is_part(**byte)).count();
        let end = inside + extent(&text[inside..text.len().min(inside + WORD_MAX)]);
        if end - start >= WORD_MIN {
            return Some((start, end));
        }
        at = end;
    }
    // What is left is shorter than a chunk; a word may have begun before it.
    at -= text[from..at.min(text.len())].iter().rev().take_while(|byte| is_part(**byte)).count();
    while at + WORD_MIN <= text.len() {
        match text[at..at + WORD_MIN].iter().rposition(|byte| !is_part(*byte)) {
            Some(other) => at += other + 1,
            None => return Some((at, at + extent(&text[at..text.len().min(at + WORD_MAX)]))),
        }
    }
    None
}

/// The position of the first block that only bytes of words fill.
fn filled_block(chunk: &[u8; CHUNK]) -> Option<usize> {
    // One comparison after the other over all bytes: the compiler makes of it a few instructions for many bytes, which it
    // does not of `map`.
    let mut classes = [0_u8; CHUNK];
    for (class, byte) in classes.iter_mut().zip(chunk) {
        *class = if is_part(*byte) { 0xff } else { 0 };
    }
    let (blocks, _) = classes.as_chunks::<BLOCK>();
    blocks.iter().position(|block| u64::from_ne_bytes(*block) == u64::MAX).map(|block| block * BLOCK)
}

/// How many bytes of a word stand at the beginning of `text`: eight at once, each in its own lane of an integer.
fn extent(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // Lanes are below 0x80, so no sum reaches the next lane.
    let within = |lanes: u64, least: u8, most: u8| {
        (lanes + u64::from(0x80 - least) * ONES) & !(lanes + u64::from(0x7f - most) * ONES)
    };
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        let bytes = u64::from_le_bytes(*block);
        let (lanes, small) = (bytes & !HIGH, bytes & !HIGH | (0x20 * ONES));
        let parts = within(small, b'a', b'z')
            | within(small, b'~', 0x7f)
            | within(lanes, b'0', b'9')
            | within(lanes, b'-', b'.');
        let others = (!parts | bytes) & HIGH;
        if others != 0 {
            return index * BLOCK + others.trailing_zeros() as usize / 8;
        }
    }
    blocks.len() * BLOCK + rest.iter().take_while(|byte| is_part(**byte)).count()
}

/// Whether a byte belongs to a word: a letter, a digit, or one of `-._~`, which stand within tokens.
fn is_part(byte: u8) -> bool {
    let small = byte | 0x20;
    // `_` differs from the control character DEL by that bit, too.
    (small.wrapping_sub(b'a') < 26)
        | (small.wrapping_sub(b'~') < 2)
        | (byte.wrapping_sub(b'0') < 10)
        | (byte.wrapping_sub(b'-') < 2)
}

/// The token in the word `start..end` that no list names.
fn unlisted(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let mut at = start;
    while at < end {
        let length = text[at..end].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if (KEYED_MIN..=RANDOM_MAX).contains(&length) && is_unlisted(text, (start, end), at, at + length) {
            let tail = text[at + length..].iter().take_while(|byte| is_base64url(**byte)).count();
            return Some((start, at + length + tail));
        }
        at += length + 1;
    }
    keyed_uuid(text, start, end)
}

/// The token that is a UUID behind a word for keys, as in `sk_0b9b5db6-…`.
fn keyed_uuid(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    const UUID: usize = 36;
    let from = end.checked_sub(UUID).filter(|from| *from > start + 1)?;
    let name = &text[start..from - 1];
    let last = name.rsplit(|byte| !byte.is_ascii_alphanumeric()).next()?;
    let keyed = KEYED.iter().any(|keyed| is_word_of_key(last, keyed)) && !is_harmless_key(name);
    (keyed && name.len() < PREFIX_MAX && is_uuid(&text[from..end])).then_some((start, end))
}

/// Whether `from..to` is the random part of a token in `word`.
fn is_unlisted(text: &[u8], word: (usize, usize), from: usize, to: usize) -> bool {
    let (run, prefix) = (&text[from..to], &text[word.0..from]);
    let Some((separator, name)) = prefix.split_last() else { return false };
    let named = prefix.len() <= PREFIX_MAX && *separator != b'~' && name.first().is_some_and(u8::is_ascii_alphabetic);
    let around = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b'+' | b'/'));
    let encoded = around(text.get(word.1)) || around(word.0.checked_sub(1).and_then(|at| text.get(at)));
    let encoded = encoded || text.get(word.1) == Some(&b'=');
    if !named || encoded || DIGESTS.iter().any(|digest| name.eq_ignore_ascii_case(digest)) {
        return false;
    }
    let holds = |kind: fn(&u8) -> bool| run.iter().any(kind);
    let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
    let mixed = holds(u8::is_ascii_uppercase) && holds(u8::is_ascii_lowercase);
    if digits < DIGITS_MIN || !is_random(run) {
        return false;
    }
    let hex = run.iter().all(|byte| is_hex(*byte));
    let changes = run.windows(2).filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit()).count();
    if changes >= CHANGES_MIN
        && entropy(run) >= ENTROPY_MIN
        && run.len() >= if mixed { RANDOM_MIN } else { RANDOM_SMALL_MIN }
        && !hex
    {
        return true;
    }
    let parts = || name.split(|byte| !byte.is_ascii_alphanumeric());
    let keyed = !is_harmless_key(name) && parts().any(|part| KEYED.iter().any(|keyed| is_word_of_key(part, keyed)));
    let public = parts().any(|part| PUBLIC.contains(&part));
    let marked = !public && parts().skip(1).any(|part| MARKED.contains(&part));
    let least = match (keyed, marked) {
        (true, _) | (_, true) if mixed => KEYED_MIN,
        (true, _) if hex => KEYED_HEX_MIN,
        (true, _) => KEYED_SMALL_MIN,
        // A digest of what is tested or in production.
        (_, true) if !hex => MARKED_SMALL_MIN,
        _ => return false,
    };
    run.len() >= least
}

/// Whether a part of a prefix is a word for keys, or such a word behind a service's initials.
fn is_word_of_key(part: &[u8], word: &[u8]) -> bool {
    let least = if word.len() < 3 { 0 } else { PREFIX_MAX };
    part.len() <= word.len() + least && part.to_ascii_lowercase().ends_with(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "q7Rk2vXw9LmTz4BcYh1NdPf8Gs3JuKa6";

    fn found(text: &str) -> Option<&str> {
        let (start, end) = next_word(text.as_bytes(), 0)?;
        Prefixes::new().token(text.as_bytes(), start, end).map(|(start, end, _)| &text[start..end])
    }

    #[test]
    fn tokens_of_unknown_services_are_found_wherever_they_stand() {
        for offset in 0..140 {
            let text = format!("{} acme_pat_{RANDOM} and more", ",".repeat(offset));
            assert_eq!(found(&text), Some(&*format!("acme_pat_{RANDOM}")), "{text}");
        }
        let small = "k3v9x2m7q1w8z5p4t6r0y2b7";
        for token in ["ajkey_", "unkey_", "acme_sk_", "tgpat_"].map(|prefix| format!("{prefix}{small}")) {
            assert_eq!(found(&format!("sent {token} on")), Some(&*token));
        }
    }

    #[test]
    fn digests_encoded_data_names_and_bare_identifiers_are_left_alone() {
        let hex = "0123456789abcdef".repeat(4);
        for text in [
            format!("sha512-{RANDOM}"),
            format!("data-{RANDOM}{RANDOM}/AA=="),
            format!("trace-{hex}"),
            format!("cache_key_{hex}"),
            format!("build_v1_{hex}"),
            format!("id={RANDOM}"),
            "req_011CSHoEeqs5C35K2UUqR7Fy".to_owned(),
            "user_2NNEqL2nrIRdJ194ndJqAHwEfxC".to_owned(),
            "test_AVeryLongNameInCamelCaseThatSaysWhatItTests2".to_owned(),
        ] {
            assert_eq!(found(&text), None, "{text}");
        }
    }

    #[test]
    fn every_byte_is_judged_as_it_is() {
        for byte in 0..=u8::MAX {
            let part = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'^' | 0x7f);
            assert_eq!(is_part(byte), part, "{byte}");
            for (at, length) in [(0, 0), (3, 3), (7, 7)] {
                let mut text = [b'x'; 8];
                text[at] = byte;
                assert_eq!(extent(&text), if part { 8 } else { length }, "{byte}");
            }
        }
    }

    #[test]
    fn words_are_found_as_a_plain_search_finds_them() {
        for length in 0..40 {
            for offset in 0..140 {
                let text = format!("{}{}{}", "a b ".repeat(40).split_at(offset).0, "x".repeat(length), " tail of it");
                let plain = text.split(' ').filter(|word| word.len() >= WORD_MIN).count();
                let mut words = 0;
                let mut from = 0;
                while let Some((_, end)) = next_word(text.as_bytes(), from) {
                    words += 1;
                    from = end;
                }
                assert_eq!(words, plain, "{text}");
            }
        }
    }
}
