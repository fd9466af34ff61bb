//! Passwords without a name before them: arguments of commands, and the lines of PostgreSQL's password file.

use super::assignment::{is_placeholder, value};

/// Arguments further away are not looked for.
const ARGUMENTS_MAX: usize = 512;
/// Longer fields are no host, database or user.
const FIELD_MAX: usize = 128;

/// The password of the command at `start..end`, behind one of `options` on the same line: the whole argument,
/// or what follows the colon where the option takes a user, too.
pub(super) fn password(text: &[u8], start: usize, end: usize, options: &[&'static str]) -> Option<(usize, usize)> {
    if start > 0 && text[start - 1].is_ascii_alphanumeric() {
        return None;
    }
    let arguments = &text[end..text.len().min(end + ARGUMENTS_MAX)];
    let line = &arguments[..memchr::memchr(b'\n', arguments).unwrap_or(arguments.len())];
    let option =
        |name: &&'static str| memchr::memmem::find(line, name.as_bytes()).map(|at| (*name, end + at + name.len()));
    let (option, at) = options.iter().find_map(option)?;
    let (from, to, _) = value(text, at, false);
    let from = match text[from..to].iter().position(|byte| *byte == b':') {
        Some(colon) if option.contains('u') => from + colon + 1,
        None if option.contains('u') => return None,
        _ => from,
    };
    let password = &text[from..to];
    // `mysql -p shop` asks for the password; `-port` is another option.
    let glued = at > 0 && text[at - 1] != b' ' && text[at - 1] != b'=';
    let weak = glued && !password.iter().any(|byte| byte.is_ascii_digit() || byte.is_ascii_punctuation());
    let word = password.iter().any(u8::is_ascii_alphanumeric);
    (password.len() >= 4 && word && !weak && !is_placeholder(password)).then_some((from, to))
}

/// The password in a line of `.pgpass`, `host:port:database:user:password`, whose port is at `start..end`.
pub(super) fn pgpass(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'*');
    let host = text[..start].iter().rev().take(FIELD_MAX).take_while(|byte| is_host(byte)).count();
    let field = |from: usize| {
        let rest = &text[from..text.len().min(from + FIELD_MAX)];
        let length = rest.iter().position(|byte| *byte == b':' || *byte <= b' ' || *byte == b'/')?;
        (length > 0 && rest[length] == b':').then_some(from + length + 1)
    };
    let from = field(field(end)?)?;
    let length = text[from..].iter().take(FIELD_MAX).take_while(|byte| **byte > b' ' && **byte != b'"').count();
    let password = text.get(from..from + length)?;
    (host > 0 && length >= 4 && !is_placeholder(password)).then_some((from, from + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, command: &str, options: &[&'static str], expected: Option<&str>) {
        let start = text.find(command).unwrap();
        let found = password(text.as_bytes(), start, start + command.len(), options);
        assert_eq!(found.map(|(from, to)| &text[from..to]), expected, "{text}");
    }

    #[test]
    fn arguments_of_commands_lose_their_password() {
        check("curl -s -u ada:hunter2 https://example.org", "curl ", &["-u "], Some("hunter2"));
        check("mysql -u root -phunter2 shop", "mysql", &[" -p"], Some("hunter2"));
        check("redis-cli -h cache -a s3cr3t ping", "redis-cli", &["-a "], Some("s3cr3t"));
    }

    #[test]
    fn other_arguments_stay() {
        check("curl -u ada https://example.org", "curl ", &["-u "], None);
        check("curl -u $USER:$PASSWORD https://example.org", "curl ", &["-u "], None);
        check("mysql -u root -p shop", "mysql", &[" -p"], None);
        check("mysql -port 3306", "mysql", &[" -p"], None);
    }

    #[test]
    fn lines_of_the_password_file_lose_their_last_field() {
        let found = |text: &str| {
            let start = text.find(":5432:").unwrap();
            pgpass(text.as_bytes(), start, start + 6).map(|(from, to)| text[from..to].to_owned())
        };
        assert_eq!(found("db.example.org:5432:shop:ada:hunter2\n"), Some("hunter2".into()));
        assert_eq!(found("db.example.org:5432:shop/ada"), None);
        assert_eq!(found("at 10.0.0.1:5432: connection refused"), None);
    }
}
