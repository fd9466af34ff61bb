//! Checksums of what is published, in the spellings that its formats use.

use sha2::{Digest, Sha256};

/// SHA-256 in hexadecimal, as `sha256sum` and OCI digests spell it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// SHA-256 as a wheel's RECORD spells it: base64 for URLs, without padding.
pub(crate) fn sha256_record(bytes: &[u8]) -> String {
    use base64::Engine;
    format!("sha256={}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(bytes)))
}

/// MD5 in hexadecimal: Debian's list of installed files has no other.
pub(crate) fn md5(bytes: &[u8]) -> String {
    hexadecimal(&md5::Md5::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('?');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_spelled_as_each_format_does() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(sha256_record(b""), "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        assert_eq!(md5(b""), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
