//! Card and account numbers: runs of digits, perhaps in groups, whose checksums are right.
//!
//! They have no anchor. But a run of [`RUN_MIN`] bytes cannot hide from someone who looks at every [`STRIDE`]th byte,
//! so most of a text is never looked at.

use super::rules::Rule;
use super::tokens::is_word;

/// The shortest run worth looking at: the digits that end the shortest account number with letters in it.
const RUN_MIN: usize = 10;
/// The fewest digits in such a run.
const DIGITS_MIN: usize = 8;
const STRIDE: usize = RUN_MIN - 1;
/// The fewest and the most digits of a card number.
const CARD_DIGITS_MIN: usize = 13;
const CARD_DIGITS_MAX: usize = 19;
/// The longest account number that the standard allows, with a separator after every fourth character.
const IBAN_TEXT_MAX: usize = 34 + 8;

/// The next run of digits in groups at or after `from`: its start and end.
pub(super) fn next_run(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from + STRIDE;
    while at < text.len() {
        if is_grouped_digit(text[at]) {
            let start = from.max(at - text[from..at].iter().rev().take_while(|byte| is_grouped_digit(**byte)).count());
            let end = at + text[at..].iter().take_while(|byte| is_grouped_digit(**byte)).count();
            let digits = || text[start..end].iter().filter(|byte| byte.is_ascii_digit()).count();
            // Indentation and rules of dashes are runs too.
            if end - start >= RUN_MIN && digits() >= DIGITS_MIN {
                return Some((start, end));
            }
            at = end;
        }
        at += STRIDE;
    }
    None
}

/// The first card or account number around the run `start..end` of `text`, whole within the bounds of `text`.
pub(super) fn number(text: &[u8], start: usize, end: usize) -> Option<(usize, usize, Rule)> {
    if let Some((from, to)) = iban(text, start) {
        return Some((from, to, Rule::Iban));
    }
    let (start, end) = trimmed(text, start, end);
    // A word or a decimal point on either side: an identifier, or a fraction.
    let alone = (start == 0 || !(is_word(text[start - 1]) || matches!(text[start - 1], b'.' | b'+')))
        && text.get(end).is_none_or(|next| !is_word(*next))
        && !(text.get(end) == Some(&b'.') && text.get(end + 1).is_some_and(u8::is_ascii_digit));
    (alone && is_card(&text[start..end])).then_some((start, end, Rule::CreditCard))
}

fn is_grouped_digit(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b' ' || byte == b'-'
}

fn trimmed(text: &[u8], start: usize, end: usize) -> (usize, usize) {
    let run = &text[start..end];
    let before = run.iter().take_while(|byte| !byte.is_ascii_digit()).count();
    let after = run.iter().rev().take_while(|byte| !byte.is_ascii_digit()).count();
    if before == run.len() { (start, start) } else { (start + before, end - after) }
}

/// Whether the run is a card number: digits alone, or in groups as they are printed on cards.
fn is_card(run: &[u8]) -> bool {
    let (mut digits, mut count) = ([0; CARD_DIGITS_MAX], 0);
    for digit in run.iter().filter(|byte| byte.is_ascii_digit()) {
        let Some(place) = digits.get_mut(count) else { return false };
        *place = digit - b'0';
        count += 1;
    }
    let digits = &digits[..count];
    if count < CARD_DIGITS_MIN || !is_issued(digits) || !luhn(digits) {
        return false;
    }
    if digits.len() == run.len() {
        return digits.windows(2).any(|pair| pair[0] != pair[1]);
    }
    let groups: Vec<usize> = run.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).collect();
    let separators = || run.iter().filter(|byte| !byte.is_ascii_digit());
    let alike = separators().all(|byte| Some(byte) == separators().next());
    alike && matches!(groups.as_slice(), [4, 4, 4, 1..=4] | [4, 6, 4 | 5] | [4, 4, 4, 4, 1..=3])
}

/// Whether an issuer uses this prefix with this length.
fn is_issued(digits: &[u8]) -> bool {
    let prefix = |count: usize| digits.iter().take(count).fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    match digits.len() {
        13 | 19 => prefix(1) == 4,
        14 => matches!(prefix(3), 300..=305) || matches!(prefix(2), 36 | 38 | 39),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || matches!(prefix(2), 51..=55 | 65)
                || matches!(prefix(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(prefix(3), 644..=649)
        }
        _ => false,
    }
}

/// Luhn's checksum (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let weigh = |(index, digit): (usize, &u8)| u32::from(if index % 2 == 1 { doubled(*digit) } else { *digit });
    digits.iter().rev().enumerate().map(weigh).sum::<u32>() % 10 == 0
}

/// The account number (ISO 13616) that holds the byte at `inside`.
fn iban(text: &[u8], inside: usize) -> Option<(usize, usize)> {
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    let back = text[..inside].iter().rev().take(IBAN_TEXT_MAX).take_while(|byte| is_part(**byte)).count();
    for start in inside - back..=inside {
        let Some([a, b, c, d]) = text.get(start..start + 4).and_then(|head| <[u8; 4]>::try_from(head).ok()) else {
            break;
        };
        let headed = a.is_ascii_uppercase() && b.is_ascii_uppercase() && c.is_ascii_digit() && d.is_ascii_digit();
        if !headed || (start > 0 && is_word(text[start - 1])) {
            continue;
        }
        let Some(length) = iban_length([a, b]) else { continue };
        let mut compact = Vec::with_capacity(length);
        let mut end = start;
        while compact.len() < length && end < text.len() && is_part(text[end]) {
            if text[end] != b' ' {
                compact.push(text[end]);
            }
            end += 1;
        }
        let whole = compact.len() == length && text.get(end).is_none_or(|next| !is_word(*next));
        if whole && is_iban(&compact) {
            return Some((start, end));
        }
    }
    None
}

/// Modulo 97 of the number with its head moved to the end, letters counted from ten.
pub(super) fn is_iban(compact: &[u8]) -> bool {
    let (head, tail) = compact.split_at(4);
    let remainder = tail.iter().chain(head).fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    remainder == 1
}

/// The length that each country prescribes (the SWIFT registry).
pub(super) fn iban_length(country: [u8; 2]) -> Option<usize> {
    Some(match &country {
        b"NO" => 15,
        b"BE" => 16,
        b"DK" | b"FI" | b"FO" | b"GL" | b"NL" | b"SD" => 18,
        b"MK" | b"SI" => 19,
        b"AT" | b"BA" | b"EE" | b"KZ" | b"LT" | b"LU" | b"XK" => 20,
        b"CH" | b"CR" | b"HR" | b"LI" | b"LV" => 21,
        b"BG" | b"BH" | b"DE" | b"GB" | b"GE" | b"IE" | b"ME" | b"RS" => 22,
        b"AE" | b"GI" | b"IL" | b"IQ" | b"OM" | b"TL" => 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"PK" | b"RO" | b"SA" | b"SE" | b"SK" | b"TN" | b"VG" => 24,
        b"LY" | b"PT" | b"ST" => 25,
        b"IS" | b"TR" => 26,
        b"FR" | b"GR" | b"IT" | b"MC" | b"MR" | b"SM" => 27,
        b"AL" | b"AZ" | b"BY" | b"CY" | b"DO" | b"GT" | b"HU" | b"LB" | b"PL" | b"SV" => 28,
        b"BR" | b"EG" | b"PS" | b"QA" | b"UA" => 29,
        b"JO" | b"KW" | b"MU" => 30,
        b"MT" | b"SC" => 31,
        b"LC" => 32,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(&str, Rule)> {
        let mut from = 0;
        while let Some((start, end)) = next_run(text.as_bytes(), from) {
            if let Some((start, end, rule)) = number(text.as_bytes(), start, end) {
                return Some((&text[start..end], rule));
            }
            from = end;
        }
        None
    }

    #[test]
    fn cards_are_found_alone_and_in_groups() {
        for card in ["4111111111111111", "4111 1111 1111 1111", "5555-5555-5555-4444", "3782 822463 10005"] {
            for text in [card.to_owned(), format!("paid with {card}, thanks"), format!("{{\"pan\":\"{card}\"}}")] {
                assert_eq!(found(&text), Some((card, Rule::CreditCard)), "{text}");
            }
        }
    }

    #[test]
    fn accounts_are_found_alone_and_in_groups() {
        for account in ["DE89370400440532013000", "NL91ABNA0417164300", "GB82 WEST 1234 5698 7654 32"] {
            for text in [account.to_owned(), format!("to {account}.")] {
                assert_eq!(found(&text), Some((account, Rule::Iban)), "{text}");
            }
        }
    }

    #[test]
    fn other_numbers_are_left_alone() {
        for text in ["1732163811000000000", "4111111111111112", "0.4111111111111111", "DE89370400440532013001"] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn no_run_hides_between_two_looks() {
        for offset in 0..40 {
            let text = format!("{}4222222222222{}", "x ".repeat(20).split_at(offset).0, " tail");
            if !text[..offset].ends_with('x') {
                assert_eq!(found(&text).map(|(number, _)| number), Some("4222222222222"), "{text}");
            }
        }
    }
}
