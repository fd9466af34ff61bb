//! The token that takes a secret's place: `[redacted:github-token:3f9a0c12d5e7]`.
//!
//! It names the rule that fired and a keyed hash of the secret. The same secret has the same hash under one key,
//! whichever rule found it: two texts with the same hash contained the same secret.

/// How a token begins.
pub const START: &str = "[redacted:";

/// Hexadecimal digits of the hash: enough to distinguish secrets, too few to pass for a card number.
pub const HASH_DIGITS: usize = 12;

/// The hashes of the tokens in `text`, in order.
pub fn hashes(text: &str) -> impl Iterator<Item = &str> {
    text.split(START).skip(1).filter_map(|after| {
        let (token, _) = after.split_once(']')?;
        let (_, hash) = token.split_once(':')?;
        (hash.len() == HASH_DIGITS && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_wherever_tokens_stand_and_from_nothing_else() {
        let text = r#"{"a":"[redacted:token:0123456789ab]"} Bearer [redacted:sensitive-key:ba9876543210], [redacted:x:1] [redacted:token:"#;
        assert_eq!(hashes(text).collect::<Vec<_>>(), ["0123456789ab", "ba9876543210"]);
        assert_eq!(hashes("[redacted] redacted:token:0123456789ab]").count(), 0);
    }
}
