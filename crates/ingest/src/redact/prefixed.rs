//! Tokens of services that no list names: a short prefix, a separator, and many random letters and digits in a row.
//!
//! They have no anchor. But a run of [`RUN_MIN`] letters and digits fills one of any blocks of [`BLOCK`] bytes that lie
//! side by side, and a block is tested in a few instructions.

use super::tokens::{entropy, is_base64url, is_word};

/// The shortest run. Identifiers that are no secrets, such as those of requests and messages, are shorter.
const RUN_MIN: usize = 32;
/// Longer runs are encoded data.
const RUN_MAX: usize = 200;
const BLOCK: usize = 16;
/// Longer prefixes are names.
const PREFIX_MAX: usize = 24;
/// Random letters of both cases and digits have more than five bits a byte; text that is encoded has fewer.
const ENTROPY_MIN: f64 = 4.2;
/// Fewer digits stand in names in camel case.
const DIGITS_MIN: usize = 3;
/// What digests are written behind.
const DIGESTS: [&[u8]; 6] = [b"sha1", b"sha256", b"sha384", b"sha512", b"md5", b"h1"];

/// The next run of at least [`RUN_MIN`] letters and digits at or after `from`.
pub(super) fn next_run(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(block) = text.get(at..at + BLOCK) {
        if is_alphanumeric(block) {
            let start = at - text[from..at].iter().rev().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let end = at + text[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            if end - start >= RUN_MIN {
                return Some((start, end));
            }
            at = end;
        }
        at += BLOCK;
    }
    None
}

/// The token whose random part is the run `start..end` of `text`.
pub(super) fn token(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let run = &text[start..end];
    let is_between = |byte: u8| is_base64url(byte) || byte == b'.';
    let before = text[..start].iter().rev().take(PREFIX_MAX + 1).take_while(|byte| is_between(**byte)).count();
    let prefix = &text[start - before..start];
    let (separator, name) = prefix.split_last()?;
    let named = before <= PREFIX_MAX && !is_word_byte(*separator) && name.first().is_some_and(u8::is_ascii_alphabetic);
    let digest = DIGESTS.iter().any(|digest| name.eq_ignore_ascii_case(digest));
    let around = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b'+' | b'/' | b'='));
    let encoded = around(text.get(end)) || around(start.checked_sub(before + 1).and_then(|at| text.get(at)));
    if !named || digest || encoded || !(RUN_MIN..=RUN_MAX).contains(&run.len()) || !is_random(run) {
        return None;
    }
    let tail = text[end..].iter().take_while(|byte| is_base64url(**byte)).count();
    Some((start - before, end + tail))
}

fn is_random(run: &[u8]) -> bool {
    run.iter().filter(|byte| byte.is_ascii_digit()).count() >= DIGITS_MIN
        && run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_lowercase)
        && entropy(run) >= ENTROPY_MIN
}

fn is_word_byte(byte: u8) -> bool {
    is_word(byte) && byte != b'_'
}

/// Whether all bytes of a block are ASCII letters or digits: eight bytes at once, each in its own lane of an integer.
fn is_alphanumeric(block: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * ONES;
    // Lanes are below 0x80, so no sum reaches the next lane.
    let within = |lanes: u64, least: u8, most: u8| {
        (lanes + u64::from(0x80 - least) * ONES) & !(lanes + u64::from(0x7f - most) * ONES) & HIGH
    };
    let (eights, rest) = block.as_chunks::<8>();
    debug_assert!(rest.is_empty(), "blocks are whole");
    eights.iter().all(|eight| {
        let lanes = u64::from_le_bytes(*eight);
        lanes & HIGH == 0 && within(lanes | (0x20 * ONES), b'a', b'z') | within(lanes, b'0', b'9') == HIGH
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "q7Rk2vXw9LmTz4BcYh1NdPf8Gs3JuKa6";

    fn found(text: &str) -> Option<&str> {
        let (start, end) = next_run(text.as_bytes(), 0)?;
        token(text.as_bytes(), start, end).map(|(start, end)| &text[start..end])
    }

    #[test]
    fn tokens_of_unknown_services_are_found_wherever_they_stand() {
        for offset in 0..40 {
            let text = format!("{} acme_pat_{RANDOM} and more", ".".repeat(offset));
            assert_eq!(found(&text), Some(&*format!("acme_pat_{RANDOM}")), "{text}");
        }
    }

    #[test]
    fn digests_encoded_data_names_and_bare_identifiers_are_left_alone() {
        let hex = "0123456789abcdef".repeat(4);
        for text in [
            format!("sha512-{RANDOM}"),
            format!("data-{RANDOM}{RANDOM}/AA=="),
            format!("trace-{hex}"),
            format!("id={RANDOM}"),
            "req_011CSHoEeqs5C35K2UUqR7Fy".to_owned(),
            "test_AVeryLongNameInCamelCaseThatSaysWhatItTests2".to_owned(),
        ] {
            assert_eq!(found(&text), None, "{text}");
        }
    }

    #[test]
    fn every_byte_is_judged_as_it_is() {
        for byte in 0..=u8::MAX {
            let block = [byte; BLOCK];
            assert_eq!(is_alphanumeric(&block), byte.is_ascii_alphanumeric(), "{byte}");
        }
    }
}
