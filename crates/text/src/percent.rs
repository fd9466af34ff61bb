//! Percent-encoding: a byte as `%` and its two hexadecimal digits.
//!
//! Which bytes may stay as they are depends on what a text goes into: a query, a header of gRPC, an environment variable.

/// Returns the text with every byte that is not plain as `%XX`. A byte beyond ASCII never is.
pub fn encoded(text: &str, is_plain: impl Fn(u8) -> bool) -> String {
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii() && is_plain(byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

/// Returns the text with each `%XX` as its byte; `None` where a `%` begins nothing, or where that is not UTF-8.
pub fn decoded(text: &str) -> Option<String> {
    String::from_utf8(bytes(text, true)?).ok()
}

/// Returns the same of a text that nothing is to be refused for: a `%` that begins nothing stays, and what is not UTF-8
/// is replaced.
pub fn decoded_leniently(text: &str) -> String {
    String::from_utf8_lossy(&bytes(text, false).unwrap_or_default()).into_owned()
}

/// The bytes that a text is of; `None` where a `%` begins nothing and it is read strictly.
fn bytes(text: &str, is_strict: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        match (first, value(more)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &more[2..];
            }
            (b'%', None) if is_strict => return None,
            (byte, _) => bytes.push(*byte),
        }
    }
    Some(bytes)
}

/// The byte that two hexadecimal digits at the begin are.
fn value(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_plain_is_encoded_and_comes_back() {
        let encoded = encoded("a b&c=d/é%", |byte| byte.is_ascii_alphanumeric() || byte >= 0x80);
        assert_eq!(encoded, "a%20b%26c%3Dd%2F%C3%A9%25");
        assert_eq!(decoded(&encoded).as_deref(), Some("a b&c=d/é%"));
        assert_eq!(decoded("%c3%A9").as_deref(), Some("é"));
    }

    #[test]
    fn what_is_malformed_is_refused_or_stays() {
        for (text, stays) in
            [("100%", "100%"), ("%2", "%2"), ("%zz", "%zz"), ("%+1", "%+1"), ("%é", "%é"), ("%%41", "%A")]
        {
            assert_eq!((decoded(text), decoded_leniently(text).as_str()), (None, stays), "{text}");
        }
        assert_eq!((decoded("%ff"), decoded_leniently("%ff").as_str()), (None, "\u{fffd}"));
    }
}
