//! Addresses that clients name folders by.

use std::path::PathBuf;

/// The path of a `file://` URI on this machine.
pub(crate) fn path_of_uri(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return None;
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut left = path.as_bytes();
    while let Some((&first, rest)) = left.split_first() {
        left = rest;
        if first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            left = &rest[2..];
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_become_paths() {
        assert_eq!(path_of_uri("file:///a%20b/c"), Some(PathBuf::from("/a b/c")));
        assert_eq!(path_of_uri("file://localhost/a"), Some(PathBuf::from("/a")));
        for refused in ["https://example.org/a", "file://elsewhere/a", "file:///a%2", "file:///%zz"] {
            assert_eq!(path_of_uri(refused), None, "{refused}");
        }
    }
}
