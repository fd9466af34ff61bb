//! Passwords that a connection is opened with: positions and names in calls of drivers, connection strings, and lines of
//! network devices' configurations.
//!
//! There the form says so clearly that a password follows that the value may look like anything, `secret` included.

use super::assignment::{has_symbol, is_template, name_around, spaces};
use super::names::name_rule;
use super::rules::Rule;
use super::tokens::{has_digit, is_word};

/// Calls are looked at this far.
const CALL_MAX: usize = 512;
/// Longer arguments are no passwords.
const PASSWORD_MAX: usize = 128;
/// Keys of connection strings other than the password's; one of them precedes it.
const CONNECTION_KEYS: [&[u8]; 9] =
    [b"server", b"host", b"data source", b"user id", b"userid", b"uid", b"user", b"provider", b"driver"];
/// Drivers whose calls take the password third, behind an address and a user. Others take it by its name.
const THIRD: [&[u8]; 12] = [
    b"mysql_connect",
    b"mysql_pconnect",
    b"mysqli_connect",
    b"mysqli",
    b"PDO",
    b"getConnection",
    b"DBI.connect",
    b"DBI->connect",
    b"MySQLdb.connect",
    b"pymysql.connect",
    b"odbc_connect",
    b"ibase_connect",
];
/// Drivers that take it second, behind a user.
const SECOND: [&[u8]; 4] = [b"oci_connect", b"oci_pconnect", b"cx_Oracle.connect", b"oracledb.connect"];
/// Modules and objects whose calls open connections with passwords that stand behind names.
const DRIVERS: [&[u8]; 14] = [
    b"psycopg2",
    b"psycopg",
    b"asyncpg",
    b"mysql",
    b"MySQLdb",
    b"pymysql",
    b"connector",
    b"aiomysql",
    b"pymssql",
    b"pyodbc",
    b"pg",
    b"snowflake",
    b"redshift_connector",
    b"DBI",
];

/// The password among the arguments of the call whose opening parenthesis is before `from`.
pub(super) fn opened(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let is_callee = |byte: &u8| is_word(*byte) || matches!(byte, b'.' | b'-' | b'>' | b':' | b'\\');
    let length = text[..from - 1].iter().rev().take(PASSWORD_MAX).take_while(|byte| is_callee(byte)).count();
    let callee = &text[from - 1 - length..from - 1];
    let is_one_of = |known: &[&[u8]]| {
        let whole = |name: &&[u8]| !callee[..callee.len() - name.len()].last().is_some_and(|byte| is_word(*byte));
        known.iter().any(|name| callee.ends_with(name) && whole(name))
    };
    let position = if is_one_of(&THIRD) {
        2
    } else if is_one_of(&SECOND) {
        1
    } else if callee.split(|byte| !is_word(*byte)).any(|part| DRIVERS.contains(&part)) {
        usize::MAX
    } else {
        return None;
    };
    let call = &text[..text.len().min(from + CALL_MAX)];
    let (mut at, mut index) = (from, 0);
    while let Some((start, end, quoted, next)) = argument(call, at) {
        let found = if quoted && index == position { Some((start, end)) } else { named(call, start, end) };
        if let Some((start, end)) = found {
            let password = &call[start..end];
            let secret = password.len() >= 3 && password.len() <= PASSWORD_MAX && !is_hidden(password);
            return secret.then_some((start, end));
        }
        (at, index) = (next?, index + 1);
    }
    None
}

/// The argument at `at`: its bounds within quotes, whether it is a literal in quotes, and where the next one begins.
fn argument(call: &[u8], at: usize) -> Option<(usize, usize, bool, Option<usize>)> {
    let start = at + call[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let (mut end, mut quote) = (start, None);
    loop {
        match (*call.get(end)?, quote) {
            (b'\\', Some(_)) => end += 1,
            (byte, Some(open)) if byte == open => quote = None,
            (byte @ (b'"' | b'\''), None) => quote = Some(byte),
            (b',' | b')', None) => break,
            (b'(' | b';' | b'{', None) => return None,
            _ => {}
        }
        end += 1;
    }
    let next = (call[end] == b',').then_some(end + 1);
    let literal = call[start..end].trim_ascii_end();
    let quoted = literal.len() > 2 && matches!(literal[0], b'"' | b'\'') && literal.last() == literal.first();
    let inner = usize::from(quoted);
    Some((start + inner, start + literal.len() - inner, quoted, next))
}

/// The password behind its name in an argument: `password="x"`, `"host=db password=x"`.
fn named(call: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let argument = &call[start..end];
    let name = [b"password".as_slice(), b"passwd"]
        .iter()
        .find_map(|name| memchr::memmem::find(argument, name).map(|at| start + at + name.len()))?;
    let separator = name + spaces(&call[..end], name);
    if call.get(separator) != Some(&b'=') || separator >= end {
        return None;
    }
    let value = separator + 1 + spaces(&call[..end], separator + 1);
    match call[value..end].first()? {
        quote @ (b'"' | b'\'') => {
            let length = call[value + 1..end].iter().position(|byte| byte == quote)?;
            Some((value + 1, value + 1 + length))
        }
        // Within a string; elsewhere it is a variable.
        _ if matches!(call[start - 1], b'"' | b'\'') => {
            let length = call[value..end].iter().take_while(|byte| **byte > b' ' && **byte != b';').count();
            Some((value, value + length))
        }
        _ => None,
    }
}

/// The password of a connection string, `Server=db;User Id=ada;Password=x;`, whose name holds the byte at `anchor`.
pub(super) fn described(text: &[u8], anchor: usize) -> Option<(usize, usize, Rule)> {
    let (name_start, name_end) = name_around(text, anchor)?;
    if text.get(name_end) != Some(&b'=') || name_rule(&text[name_start..name_end]) != Some(Rule::Password) {
        return None;
    }
    let is_part = |byte: &u8| *byte > b' ' && !matches!(byte, b';' | b'"' | b'\'' | b'(' | b')' | b',' | b'`' | b'<');
    let start = name_end + 1;
    let end = start + text[start..].iter().take(PASSWORD_MAX).take_while(|byte| is_part(byte)).count();
    let before = text[..name_start].trim_ascii_end();
    // The member before it, and an end that is that of a member or of the string.
    let member = before.strip_suffix(b";")?;
    let length =
        member.iter().rev().take(PASSWORD_MAX).take_while(|byte| !matches!(byte, b';' | b'"' | b'\n' | b'(')).count();
    let key = member[member.len() - length..].trim_ascii_start();
    let known = |name: &&[u8]| {
        key.len() > name.len()
            && key[..name.len()].eq_ignore_ascii_case(name)
            && key[name.len()..].trim_ascii().first() == Some(&b'=')
    };
    let any =
        CONNECTION_KEYS.iter().any(known) || [b"database".as_slice(), b"initial catalog", b"port"].iter().any(known);
    let closed = text.get(end).is_none_or(|byte| matches!(byte, b';' | b'"' | b'\'' | b'\n'));
    (any && closed && end - start >= 3 && !is_hidden(&text[start..end])).then_some((start, end, Rule::Password))
}

/// The community of `snmp-server community x RW`, or of such a command on another system, which ends at `from`.
pub(super) fn community(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let line = line_before(text, from);
    let snmp = [b"snmp-server community ".as_slice(), b"snmp-agent community ", b"set snmp community "];
    if !snmp.iter().any(|command| line.trim_ascii_start() == *command) {
        return None;
    }
    let end = from + word(text, from);
    (end - from >= 2 && !is_hidden(&text[from..end])).then_some((from, end))
}

/// The password in a line of a network device's configuration, `enable secret 5 $1$…`, `key 7 0458…`, whose name holds
/// `anchor..end`.
pub(super) fn device(text: &[u8], anchor: usize, end: usize) -> Option<(usize, usize, Rule)> {
    let (name_start, name_end) = name_around(text, anchor)?;
    let name = &text[name_start..name_end];
    if text.get(name_end) != Some(&b' ') && !text[..end].ends_with(b"key ")
        || !matches!(name, b"password" | b"secret" | b"key" | b"key-string" | b"passphrase")
    {
        return None;
    }
    let (at, rest) = (name_end + 1, text.get(name_end + 1..)?);
    let found = if let [kind @ b'0'..=b'9', b' ', ..] = rest {
        let (start, end) = (at + 2, at + 2 + word(text, at + 2));
        let value = &text[start..end];
        let hex = value.len() >= 6 && value.len().is_multiple_of(2) && value.iter().all(u8::is_ascii_hexdigit);
        let secret = match kind {
            // Scrambled in a way that is known, or hashed.
            b'7' => hex && has_digit(value) && ends_line(text, end),
            b'4' | b'5' | b'8' | b'9' => value.starts_with(b"$") && value.len() >= 6,
            _ => is_command(line_before(text, name_start)) && is_chosen(value),
        };
        secret.then_some((start, end))
    } else {
        let end = at + word(text, at);
        let enabled = line_before(text, name_start).trim_ascii() == b"enable";
        (enabled && ends_line(text, end) && is_chosen(&text[at..end])).then_some((at, end))
    };
    found.map(|(start, end)| (start, end, Rule::Password))
}

/// Whether a line begins with a command of such a configuration.
fn is_command(line: &[u8]) -> bool {
    let first = line.trim_ascii_start().split(|byte| *byte == b' ').next().unwrap_or_default();
    matches!(first, b"enable" | b"username" | b"pac" | b"tacacs-server" | b"radius-server" | b"tacacs" | b"radius")
        || matches!(first, b"neighbor" | b"ppp" | b"key-string" | b"server-private" | b"crypto")
}

/// Whether a word was chosen as a password, and is no word of a sentence.
fn is_chosen(value: &[u8]) -> bool {
    value.len() >= 4 && (has_digit(value) || has_symbol(value)) && !is_template(value) && !is_hidden(value)
}

/// Whether the value was hidden before, or comes from elsewhere.
fn is_hidden(value: &[u8]) -> bool {
    is_template(value)
        || value.starts_with(super::assignment::TOKEN_START)
        || value.iter().all(|byte| matches!(byte, b'*' | b'.' | b'x' | b'X'))
        || value.contains(&b'{')
        || value.contains(&b'$')
}

fn line_before(text: &[u8], end: usize) -> &[u8] {
    let length = text[..end].iter().rev().take(PASSWORD_MAX).take_while(|byte| !matches!(byte, b'\n' | b'\r')).count();
    &text[end - length..end]
}

fn word(text: &[u8], at: usize) -> usize {
    text[at..].iter().take(PASSWORD_MAX).take_while(|byte| **byte > b' ' && **byte != b'"').count()
}

fn ends_line(text: &[u8], end: usize) -> bool {
    text[end..].iter().find(|byte| **byte != b' ').is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(text: &str) -> Option<&str> {
        let from = text.find('(').unwrap() + 1;
        opened(text.as_bytes(), from).map(|(start, end)| &text[start..end])
    }

    fn line(text: &str, name: &str) -> Option<String> {
        let anchor = text.find(name).unwrap();
        device(text.as_bytes(), anchor, anchor + name.len()).map(|(start, end, _)| text[start..end].to_owned())
    }

    #[test]
    fn calls_of_drivers_lose_their_password_by_its_position_or_its_name() {
        for text in [
            r#"mysql_connect("db", "ada", "pw1")"#,
            "$db = new PDO('mysql:host=db', 'ada', 'pw1');",
            r#"new mysqli("db", $user, "pw1", "shop")"#,
            r#"DBI->connect("dbi:Pg:dbname=shop", "ada", "pw1")"#,
            r#"DriverManager.getConnection(url, "ada", "pw1")"#,
            r#"oci_connect("ada", "pw1", "db/XE")"#,
            r#"psycopg2.connect(host="db", user="ada", password="pw1")"#,
            r#"psycopg2.connect("host=db user=ada password=pw1")"#,
        ] {
            assert_eq!(call(text), Some("pw1"), "{text}");
        }
        assert_eq!(call(r#"mysql_connect("db", "ada", "secret")"#), Some("secret"));
    }

    #[test]
    fn other_calls_and_variables_stay() {
        for text in [
            r#"socket.connect("a", "b", "c12")"#,
            "mysql_connect($host, $user, $password)",
            "psycopg2.connect(host=host, password=password)",
            r#"mysql_connect("db", "ada", "${PASSWORD}")"#,
            r#"mysql_connect("db", "ada", "")"#,
            r#"getConnection("db", "ada")"#,
            "psycopg2.connect(",
        ] {
            assert_eq!(call(text), None, "{text}");
        }
    }

    #[test]
    fn connection_strings_lose_any_password_and_assignments_of_code_do_not() {
        let found = |text: &str| {
            let found = described(text.as_bytes(), text.find("assword").unwrap() - 1);
            found.map(|(start, end, _)| text[start..end].to_owned())
        };
        assert_eq!(found("Server=db;User Id=ada;Password=secret;Database=shop"), Some("secret".into()));
        assert_eq!(found("Data Source=db; Password=secret"), Some("secret".into()));
        assert_eq!(found("Server=db;Password=${PASSWORD};"), None);
        assert_eq!(found("Server=db;Password=****;"), None);
        assert_eq!(found("a=b;password=secret;"), None);
        assert_eq!(found("server ;password=secret;"), None);
        assert_eq!(found("user = name; password = secret;"), None);
    }

    #[test]
    fn lines_of_network_devices_lose_their_password() {
        assert_eq!(line("enable secret 5 $1$abc$1234567890\n", "ecret"), Some("$1$abc$1234567890".into()));
        assert_eq!(line("enable password S3cr3t\n", "pass"), Some("S3cr3t".into()));
        assert_eq!(line(" password 7 104D000A0618", "pass"), Some("104D000A0618".into()));
        assert_eq!(line("tacacs-server key 7 045802150C2E", "key "), Some("045802150C2E".into()));
        assert_eq!(line("username ada privilege 15 secret 0 Pa55word", "ecret"), Some("Pa55word".into()));
        let found = |text: &str| {
            community(text.as_bytes(), text.find("community ").unwrap() + 10)
                .map(|(start, end)| text[start..end].to_owned())
        };
        assert_eq!(found("snmp-server community pr1vate RW"), Some("pr1vate".into()));
        assert_eq!(found("the community meets"), None);
    }

    #[test]
    fn sentences_about_passwords_stay() {
        assert_eq!(line("enable password protection", "pass"), None);
        assert_eq!(line("a password 7 characters long", "pass"), None);
        assert_eq!(line("the secret 5 ingredients", "ecret"), None);
        assert_eq!(line("key 7 of 10", "key "), None);
    }
}
