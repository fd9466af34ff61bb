//! Headers in an environment variable, in the form that OpenTelemetry's exporters read: `name=value,name=value`, with
//! values percent-encoded where they must be.

use std::ffi::OsStr;

use kino_text::percent;

/// Headers of one variable. No header that a server wants is beyond this; it bounds what a request repeats.
const HEADERS_MAX: usize = 32;

/// Reads names and values.
///
/// # Errors
/// What is wrong, in a sentence without any value: a value may be a secret.
pub(crate) fn parse(text: &OsStr) -> Result<Vec<(String, String)>, String> {
    let text = text.to_str().ok_or("it is not UTF-8")?;
    let pairs: Vec<&str> = text.split(',').map(str::trim).filter(|pair| !pair.is_empty()).collect();
    if pairs.len() > HEADERS_MAX {
        return Err(format!("it has {} headers; at most {HEADERS_MAX} are sent", pairs.len()));
    }
    pairs
        .into_iter()
        .enumerate()
        .map(|(index, pair)| header(pair).map_err(|why| format!("header {}: {why}", index + 1)))
        .collect()
}

fn header(pair: &str) -> Result<(String, String), &'static str> {
    let (name, value) = pair.split_once('=').ok_or("NAME=VALUE is expected; a comma within a value is written %2C")?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err("its name is not one that a header may have");
    }
    let value = percent::decoded(value)
        .ok_or("its value is not percent-encoded: % needs two hexadecimal digits, and is written %25")?;
    if value.chars().any(char::is_control) {
        return Err("its value has control characters");
    }
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let found = parse(OsStr::new(text)).unwrap();
        let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn headers_are_read_as_exporters_read_them() {
        check("", &[]);
        check(
            "Authorization=Bearer%20abc=, X-Scope-OrgID = team-a ,",
            &[("Authorization", "Bearer abc="), ("X-Scope-OrgID", "team-a")],
        );
        check("a=b%2Cc", &[("a", "b,c")]);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        for wrong in [
            "Authorization: Bearer hush",
            "a b=hush",
            "=hush",
            "a=hush%",
            "a=hush%zz",
            "a=hush%0d%0ax: y",
            "a=b,hush",
            "a=hush%ff",
        ] {
            let why = parse(OsStr::new(wrong)).unwrap_err();
            assert!(!why.contains("hush") && why.starts_with("header "), "{why}");
        }
        assert!(parse(OsStr::new(&"a=b,".repeat(40))).unwrap_err().contains("40 headers"));
    }
}
