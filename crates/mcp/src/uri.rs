//! Addresses that clients name folders by.

use std::path::PathBuf;

use kino_text::percent;

/// The path of a `file://` URI on this machine.
pub(crate) fn path_of_uri(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return None;
    }
    percent::decoded(path).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_become_paths() {
        assert_eq!(path_of_uri("file:///a%20b/c"), Some(PathBuf::from("/a b/c")));
        assert_eq!(path_of_uri("file://localhost/a"), Some(PathBuf::from("/a")));
        for refused in ["https://example.org/a", "file://elsewhere/a", "file:///a%2", "file:///%zz", "file:///%+1"] {
            assert_eq!(path_of_uri(refused), None, "{refused}");
        }
    }
}
