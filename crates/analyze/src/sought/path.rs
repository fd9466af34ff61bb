//! Route templates of any framework, in one form: segments in which every parameter is `{}`.
//!
//! ```text
//!  /orders/{id}   /orders/:id   orders/<int:pk>/   ^orders/(?P<pk>\d+)/$   /orders/[id]   ─►   orders, {}
//! ```

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// The longest template that is read.
const TEMPLATE_BYTES_MAX: usize = 300;
/// What a parameter is in a segment.
pub(super) const PARAMETER: &str = "{}";

/// Whether a text is a method of HTTP that routes are declared for, in capitals.
pub(super) fn is_method(text: &str) -> bool {
    METHODS.contains(&text)
}

/// The method that a word means, whatever its case.
pub(super) fn method_of(word: &str) -> Option<&'static str> {
    let word = if word.eq_ignore_ascii_case("del") { "delete" } else { word };
    METHODS.into_iter().find(|method| method.eq_ignore_ascii_case(word))
}

/// The segments of a template; empty for the root. `None` for what is none.
pub(super) fn segments(template: &str) -> Option<Vec<String>> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return None;
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.~/:{}<>()[]*+?^$\\|,=@!%#'&; ".contains(&byte);
    if !template.bytes().all(plain) {
        return None;
    }
    let template = template.strip_suffix("(.:format)").unwrap_or(template);
    let template = template.trim_start_matches('^');
    let template = template.strip_suffix('$').unwrap_or(template);
    let template = template.strip_suffix("\\Z").unwrap_or(template);
    let text = without_parameters(template)?;
    let segments: Vec<String> = text.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let is_plain = |part: &String| {
        part.replace(PARAMETER, "").bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.~@!%+=,".contains(&byte))
    };
    segments.iter().all(is_plain).then_some(segments)
}

/// A template with every parameter as `{}`; `None` where brackets do not close.
fn without_parameters(template: &str) -> Option<String> {
    let bytes = template.as_bytes();
    let mut text = String::with_capacity(template.len());
    let mut at = 0;
    while at < bytes.len() {
        let closing = match bytes[at] {
            b'{' => b'}',
            b'<' => b'>',
            b'(' => b')',
            b'[' => b']',
            b'*' => {
                at += 1;
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_' || bytes[at] == b'*')
                {
                    at += 1;
                }
                text.push_str(PARAMETER);
                continue;
            }
            b':' if at == 0 || b"/.-(".contains(&bytes[at - 1]) => {
                at += 1;
                while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_') {
                    at += 1;
                }
                // A pattern or a mark behind it is the parameter's.
                if at < bytes.len() && bytes[at] == b'(' {
                    at = closed(bytes, at, b'(', b')')?;
                }
                if at < bytes.len() && b"?*+".contains(&bytes[at]) {
                    at += 1;
                }
                text.push_str(PARAMETER);
                continue;
            }
            b'\\' => {
                at += 1;
                continue;
            }
            byte => {
                text.push(char::from(byte));
                at += 1;
                continue;
            }
        };
        at = closed(bytes, at, bytes[at], closing)?;
        if at < bytes.len() && b"?*+".contains(&bytes[at]) {
            at += 1;
        }
        text.push_str(PARAMETER);
    }
    Some(text)
}

/// Behind the bracket that closes the one at `at`.
fn closed(bytes: &[u8], at: usize, opening: u8, closing: u8) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, byte) in bytes.iter().enumerate().skip(at) {
        if *byte == opening {
            depth += 1;
        } else if *byte == closing {
            depth -= 1;
            if depth == 0 {
                return Some(index + 1);
            }
        }
    }
    None
}
