//! Fingerprints: 64 bits over parts that stay the same, stable across versions of Rust and of this crate.

use kino_model::Fingerprint;

/// Returns the fingerprint of the parts.
pub(crate) fn fingerprint(parts: &[&str]) -> Fingerprint {
    Fingerprint(hash(parts).to_be_bytes())
}

/// Returns a fingerprint whose first half is the same for the same `family`, and whose second half is the same for the
/// same `parts`.
pub(crate) fn hierarchical(family: &[&str], parts: &[&str]) -> Fingerprint {
    let half = |parts| {
        let hash = hash(parts);
        (hash >> 32) ^ (hash & 0xffff_ffff)
    };
    Fingerprint((half(family) << 32 | half(parts)).to_be_bytes())
}

/// FNV-1a over the parts, each closed by a byte that UTF-8 never has.
fn hash(parts: &[&str]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = OFFSET;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    hash
}

/// Returns the text without what differs from one time to the next: numbers, hex, UUIDs and quoted text.
pub(crate) fn shape(text: &str) -> String {
    let mut shape = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let closing = match first {
            '\'' | '"' | '`' => Some(first),
            '‘' => Some('’'),
            '“' => Some('”'),
            _ => None,
        };
        // An apostrophe within a word opens nothing.
        let opens = !shape.ends_with(char::is_alphanumeric);
        if let Some(length) = closing.filter(|_| opens).and_then(|closing| rest[first.len_utf8()..].find(closing)) {
            shape.push('?');
            let close = first.len_utf8() + length;
            rest = &rest[close + closing.map_or(0, char::len_utf8)..];
        } else if first.is_alphanumeric() {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let word = &rest[..length];
            let is_data = word.bytes().any(|byte| byte.is_ascii_digit());
            if !is_data {
                shape.push_str(word);
            } else if !shape.ends_with('?') {
                shape.push('?');
            }
            rest = &rest[length..];
        } else {
            let joins = matches!(first, '-' | '.' | ':') && shape.ends_with('?');
            let next_is_data = rest[first.len_utf8()..].starts_with(|c: char| c.is_ascii_hexdigit());
            if !(joins && next_is_data) {
                shape.push(first);
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::family;

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
        assert_eq!(fingerprint(&["a"]), fingerprint(&["a"]));
    }

    #[test]
    fn a_family_is_the_beginning_of_its_members() {
        let [one, other] = ["GET /a", "GET /b"].map(|entry| hierarchical(&["n_plus_one", "SELECT ?"], &[entry]));
        assert_eq!(family(one), family(other));
        assert_ne!(one, other);
        assert_ne!(family(one), family(hierarchical(&["n_plus_one", "SELECT"], &["GET /a"])));
    }

    #[test]
    fn what_differs_each_time_is_taken_out() {
        assert_eq!(shape("timeout after 30.5 s for id 17"), "timeout after ? s for id ?");
        assert_eq!(shape("user 'bob' isn't known, can't go on"), "user ? isn't known, can't go on");
        assert_eq!(shape("key 550e8400-e29b-41d4-a716-446655440000 gone"), "key ? gone");
        assert_eq!(shape("at 10.0.0.1:8080"), "at ?");
    }
}
