//! Values that look like nothing but a secret, found first, and the names before them, looked for second.
//!
//! ```text
//!  API Key⏎0fff5f…        deepgram = 12e217…        mAnGoPaY_aPi_KeY=PQgF…        "API_KEY" , '"951b…"'
//!          └ value ─► back over what separates ─► the name: of a secret, or of a service alone
//! ```
//!
//! What [`super::assignment`] finds by the name has a form, and names are searched for in their usual spellings. Here
//! the value decides, and the name may be written in any way, stand on the line before, or be that of a service.

use super::assignment::{is_opaque, is_placeholder, spaced_name};
use super::names::{NAME_MAX, compacted, ends_with_word, glued_key, name_rule, weak_rule};
use super::rules::Rule;
use super::services::{COMMON, SERVICES};
use super::tokens::{is_random, is_word};

/// The shortest value that [`is_opaque`] takes for a secret.
const VALUE_MIN: usize = 16;
/// How far a value may reach around the word in it.
const AROUND_MAX: usize = 256;
/// Bytes between a name and its value.
const GAP_MAX: usize = 24;
/// The shortest value behind a variable's name and a space.
const VARIABLE_MIN: usize = 20;
/// A longer line that ends in a name is a sentence.
const TITLE_MAX: usize = 40;
/// Words behind a service's name which say no more than that a key follows.
const SUFFIXES: [&str; 27] = [
    "api",
    "hec",
    "sk",
    "rest",
    "http",
    "https",
    "login",
    "auth",
    "signing",
    "webhook",
    "hook",
    "sdk",
    "dsn",
    "pat",
    "prod",
    "production",
    "live",
    "test",
    "dev",
    "staging",
    "access",
    "admin",
    "server",
    "private",
    "heartbeat",
    "certificate",
    "app",
];
/// Hosts that take their key as a part of the path, behind at most two others.
const KEYED_HOSTS: [&[u8]; 8] = [
    b"alchemyapi.io",
    b"alchemy.com",
    b"infura.io",
    b"quiknode.pro",
    b"thingsboard.cloud",
    b"chainstack.com",
    b"ankr.com",
    b"blastapi.io",
];

/// How a name and its value are put together.
#[derive(Clone, Copy, PartialEq)]
enum Joint {
    /// By `=`, `:` or `=>`.
    Assigned,
    /// The value is what a tag holds.
    Tagged,
    /// As arguments of a call or members of a list.
    Listed,
    /// The value is on the next line.
    NextLine,
    /// By spaces alone.
    Spaced,
}

/// The value around the word `start..end`, if a name announces it.
pub(super) fn announced(text: &[u8], start: usize, end: usize) -> Option<(usize, usize, Rule)> {
    let before = *text[..start].last()?;
    if before == b'/'
        && let Some(end) = path_key(text, start, end)
    {
        return Some((start, end, Rule::ApiKey));
    }
    if !matches!(
        before,
        b'=' | b':' | b'"' | b'\'' | b'`' | b' ' | b'\t' | b'\n' | b'>' | b',' | b'[' | b'(' | b'+' | b'/'
    ) {
        return None;
    }
    let (start, end) = value_around(text, start, end);
    // What is called or indexed is a name.
    let code = matches!(text.get(end), Some(b'(' | b'[')) || text[end..].starts_with(b".(");
    if code || end - start < VALUE_MIN {
        return None;
    }
    let (name_end, joint) = gap_before(text, start)?;
    let rule = announces(text, name_end, joint, &text[start..end])?;
    (is_opaque(&text[start..end]) && !is_placeholder(&text[start..end])).then_some((start, end, rule))
}

/// The whole value that holds the word `start..end`: base64 has other characters, too, and some keys have two parts.
fn value_around(text: &[u8], start: usize, end: usize) -> (usize, usize) {
    let is_part = |byte: &u8| is_word(*byte) || matches!(byte, b'+' | b'/' | b'-' | b'.' | b'~');
    let mut from = start;
    let digits = || text[..start - 1].iter().rev().take(NAME_MAX).take_while(|byte| byte.is_ascii_digit()).count();
    if text[start - 1] == b':' && matches!(digits(), 8..=12) {
        // The number of a bot.
        from -= 1 + digits();
    } else if matches!(text[start - 1], b'+' | b'/') {
        from -= text[..start].iter().rev().take(AROUND_MAX).take_while(|byte| is_part(byte)).count();
    }
    let mut to = end + text[end..].iter().take(AROUND_MAX).take_while(|byte| is_part(byte)).count();
    to += text[to..].iter().take(2).take_while(|byte| **byte == b'=').count();
    if text.get(to) == Some(&b':') && text.get(to + 1).is_some_and(u8::is_ascii_alphanumeric) {
        to += 1 + text[to + 1..].iter().take(AROUND_MAX).take_while(|byte| is_part(byte)).count();
    }
    let trailing = text[from..to].iter().rev().take_while(|byte| matches!(byte, b'.' | b'-' | b'~' | b'/')).count();
    let leading = text[from..to].iter().take_while(|byte| matches!(byte, b'.' | b'-' | b'~' | b'_')).count();
    (from + leading.min(to - from - trailing), to - trailing)
}

/// Where the name ends before the value at `start`, and how they are joined.
fn gap_before(text: &[u8], start: usize) -> Option<(usize, Joint)> {
    let from = start.saturating_sub(GAP_MAX);
    let is_gap = |byte: &u8| {
        matches!(byte, b'=' | b':' | b',' | b'>' | b'[' | b']' | b'(' | b'{')
            || is_quote(*byte)
            || byte.is_ascii_whitespace()
            || *byte == b'\\'
    };
    let length = text[from..start].iter().rev().take_while(|byte| is_gap(byte)).count();
    let gap = &text[start - length..start];
    let holds = |byte: u8| gap.contains(&byte);
    // The value of the name was an empty string, or something else was between.
    let other = gap.windows(2).any(|pair| pair[0] == pair[1] && is_quote(pair[0]))
        || memchr::memchr_iter(b',', gap).nth(1).is_some()
        || holds(b',') && (holds(b':') || holds(b'='))
        || holds(b']') && !gap.starts_with(b"[]") && !gap.starts_with(b"\"]") && !gap.starts_with(b"']");
    let lines = memchr::memchr_iter(b'\n', gap).count();
    let joint = match lines {
        _ if other => return None,
        // Alone on its line.
        1 | 2 if gap.iter().all(u8::is_ascii_whitespace) => Joint::NextLine,
        0 if holds(b'=') || holds(b':') => Joint::Assigned,
        0 if gap == b">" => Joint::Tagged,
        0 if holds(b',') && gap.last().is_some_and(|byte| is_quote(*byte)) => Joint::Listed,
        0 if gap.iter().all(|byte| *byte == b' ') => Joint::Spaced,
        _ => return None,
    };
    Some((start - length, joint))
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// The rule of the name that ends at `name_end`, if it announces `value`.
fn announces(text: &[u8], name_end: usize, joint: Joint, value: &[u8]) -> Option<Rule> {
    let (mut name_start, mut name_end) = name_before(text, name_end)?;
    // A number behind a name, as in `Unseal Key 2: …`, and a verb or a scheme, as in `the token is …`.
    let last = &text[name_start..name_end];
    let verb = matches!(last, b"is" | b"was" | b"OAuth") && joint == Joint::Spaced;
    if verb || last.len() < 3 && last.iter().all(u8::is_ascii_digit) {
        let gap = text[..name_start].iter().rev().take(3).take_while(|byte| **byte == b' ').count();
        (name_start, name_end) = name_before(text, name_start - gap).filter(|_| gap > 0)?;
    }
    // A property that is given to a virtual machine.
    name_start += if text[name_start..name_end].starts_with(b"-D") { 2 } else { 0 };
    let name = &text[name_start..name_end];
    // A resource's kind, a path, or a scheme.
    if name_start > 0 && matches!(text[name_start - 1], b':' | b'/' | b'@') || is_digest(name, value) {
        return None;
    }
    if joint == Joint::Assigned && name == b"code" && matches!(text[..name_start].last(), Some(b'?' | b'&')) {
        return Some(Rule::Token);
    }
    let spaced = &text[spaced_name(text, name_start, name_end)..name_end];
    // Digests of what a program's interface is built from stand behind such names, too.
    let interface = || (!is_hex_digest(value) && ends_with_word(name, "api")).then_some(Rule::ApiKey);
    let secret = || name_rule(name).or_else(|| weak_rule(spaced)).or_else(|| glued_key(name));
    match joint {
        Joint::Tagged if !text[..name_start].ends_with(b"<") => None,
        Joint::Assigned | Joint::Tagged => {
            secret().or_else(interface).or_else(|| is_service(name, value).then_some(Rule::ApiKey))
        }
        // A service's name among arguments is that of a module, unless it says more.
        Joint::Listed => {
            secret().or_else(|| (is_service(name, value) && !is_listed(last_word(name))).then_some(Rule::ApiKey))
        }
        Joint::NextLine if is_title(text, name_end) && ends_line(text, value) => secret(),
        Joint::Spaced if verb => secret().or_else(|| is_service(name, value).then_some(Rule::ApiKey)),
        Joint::Spaced if is_variable(name) && value.len() >= VARIABLE_MIN => secret(),
        Joint::Spaced if name == b"unseal" => Some(Rule::ApiKey),
        Joint::Spaced if name == b"login" => {
            let command = name_before(text, name_start.saturating_sub(1))?;
            matches!(&text[command.0..command.1], b"cargo" | b"wandb" | b"railway" | b"ngrok").then_some(Rule::Token)
        }
        Joint::NextLine | Joint::Spaced => None,
    }
}

/// Whether a name is a variable's of an environment: words in capitals.
fn is_variable(name: &[u8]) -> bool {
    name.contains(&b'_') && !name.iter().any(u8::is_ascii_lowercase)
}

fn name_before(text: &[u8], end: usize) -> Option<(usize, usize)> {
    let is_name = |byte: &u8| is_word(*byte) || matches!(byte, b'-' | b'.');
    let length = text[..end].iter().rev().take(NAME_MAX).take_while(|byte| is_name(byte)).count();
    (length > 0 && length < NAME_MAX).then_some((end - length, end))
}

/// Whether the value is a digest, or belongs to a trace.
fn is_digest(name: &[u8], value: &[u8]) -> bool {
    let named = [b"sha".as_slice(), b"md5", b"h1", b"eyJ"].iter().any(|prefix| value.starts_with(prefix));
    let lower = name.to_ascii_lowercase();
    named || lower.starts_with(b"public") || memchr::memmem::find(&lower, b"publishable").is_some()
}

/// Whether the value is hexadecimal, in groups or not.
fn is_hex_digest(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// Whether the line that ends with a name at `name_end` is short, as a heading is.
fn is_title(text: &[u8], name_end: usize) -> bool {
    text[..name_end].iter().rev().take(TITLE_MAX).position(|byte| *byte == b'\n').is_some() || name_end <= TITLE_MAX
}

/// Whether nothing follows `value`, a part of `text`, on its line.
fn ends_line(text: &[u8], value: &[u8]) -> bool {
    let end = value.as_ptr() as usize - text.as_ptr() as usize + value.len();
    text.get(end).is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}

/// Whether `name` is that of a service, perhaps behind other words, and before such as say that a key follows.
fn is_service(name: &[u8], value: &[u8]) -> bool {
    let compact = compacted(name);
    let mut rest = compact.trim_end_matches(|last: char| last.is_ascii_digit());
    while let Some(shorter) = SUFFIXES.iter().find_map(|suffix| rest.strip_suffix(suffix)) {
        if is_listed(rest) {
            break;
        }
        rest = shorter;
    }
    // Paths look like base64.
    let plain = !value.contains(&b'/') || value.ends_with(b"=");
    // A reversed domain, as that of a package.
    let package = [b"com.".as_slice(), b"org.", b"io.", b"net."].iter().any(|top| name.starts_with(top))
        || memchr::memmem::find(name, b".com.").is_some();
    if package {
        return false;
    }
    let variable = || name.iter().all(u8::is_ascii_uppercase) && COMMON.binary_search(&&*compact).is_ok();
    plain && (variable() || is_listed(rest) || is_listed(&compact) || is_last_word(name, rest))
}

/// Whether a service's name is the last words of `name`, whose letters before the suffixes are `rest`.
fn is_last_word(name: &[u8], rest: &str) -> bool {
    // Where words begin, in the letters without what joins them.
    let mut letters = 0;
    let begins = name.iter().enumerate().filter_map(|(at, byte)| {
        let joint = matches!(byte, b'-' | b'_' | b'.');
        let begin = at > 0
            && !joint
            && (matches!(name[at - 1], b'-' | b'_' | b'.')
                || name[at - 1].is_ascii_lowercase() && byte.is_ascii_uppercase());
        let index = letters;
        letters += usize::from(!joint);
        begin.then_some(index)
    });
    begins.take_while(|begin| *begin < rest.len()).any(|begin| is_listed(&rest[begin..]))
}

/// The part behind the last dot of a name, if it is in small letters.
fn last_word(name: &[u8]) -> &str {
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    std::str::from_utf8(last).unwrap_or_default()
}

fn is_listed(name: &str) -> bool {
    SERVICES.binary_search(&name).is_ok()
}

/// Whether the address whose scheme ends at `scheme_end` follows a name of addresses with a key in them.
fn is_named_address(text: &[u8], scheme_end: usize) -> bool {
    let scheme = text[..scheme_end].iter().rev().take(NAME_MAX).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let name = gap_before(text, scheme_end - scheme).and_then(|(name_end, _)| name_before(text, name_end));
    let compact = name.map(|(start, end)| compacted(&text[start..end])).unwrap_or_default();
    ["rpcurl", "rpc", "hook", "hookurl", "hookuri", "rpcendpoint"].iter().any(|ending| compact.ends_with(ending))
}

/// Where the key ends that begins at `start`, as a part of the path of a host that takes keys there.
fn path_key(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let mut at = start - 1;
    for _ in 0..3 {
        let part = text[..at].iter().rev().take(NAME_MAX).take_while(|byte| is_host(byte)).count();
        let host = &text[at - part..at];
        if text[..at - part].ends_with(b"://") {
            let key = &text[start..end];
            let known = KEYED_HOSTS.iter().any(|known| host.ends_with(known)) && key.len() >= 20 && is_random(key);
            return (known || is_opaque(key) && is_named_address(text, at - part - "://".len())).then_some(end);
        }
        at = (at - part).checked_sub(1).filter(|slash| part > 0 && text[*slash] == b'/')?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::prefixed::next_word;
    use super::*;

    const HEX: &str = "12e217f37eb173f0c8f1b7309f4207c7dca20186";
    const UUID: &str = "d6bd1ad4-cb62-4d80-a637-593ee2b17391";
    const MIXED: &str = "k3V9x2M7q1W8z5P4t6R0y2B7";

    fn found(text: &str) -> Option<&str> {
        let mut from = 0;
        while let Some((start, end)) = next_word(text.as_bytes(), from) {
            if let Some((start, end, _)) = announced(text.as_bytes(), start, end) {
                return Some(&text[start..end]);
            }
            from = end;
        }
        None
    }

    #[test]
    fn a_services_name_alone_announces_what_looks_like_nothing_but_a_secret() {
        for before in [
            "deepgram = ",
            "deepgram: '",
            "\"deepgram\": \"",
            "splunk.hec=",
            "clarifai_api = ",
            "NEXT_DEEPGRAM=",
            "config.deepgramApi = \"",
            "HUAWEICLOUDSK=",
        ] {
            for value in [HEX, UUID, MIXED] {
                assert_eq!(found(&format!("{before}{value}")), Some(value), "{before}");
            }
        }
    }

    #[test]
    fn identifiers_digests_and_paths_behind_a_services_name_stay() {
        for before in
            ["deepgram_request_id=", "sentry-trace: ", "stripe.customer=", "x-datadog-trace-id: ", "deepgram "]
        {
            for value in [HEX, UUID, MIXED] {
                assert_eq!(found(&format!("{before}{value}")), None, "{before}");
            }
        }
        for text in [
            "\"mapbox\": \"sha512-k3V9x2M7q1W8z5P4t6R0y2B7k3V9x2M7q1W8z5P4t6R0y2B7\"",
            "newrelic: eyJ2IjpbMCwxXSwiZCI6eyJ0eSI6IkFwcCJ9fQ",
            "deepgram: pkg/mod/k3V9x2M7q1W8z5P4t6R0y2B7/lib",
            "deepgram: speech-to-text-2024-model-1",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_found_on_the_line_after_its_name_in_any_spelling_and_across_odd_gaps() {
        for before in [
            "API Key\n",
            "Mixpanel SECRET Token\n\n",
            "mAnGoPaY_aPi_KeY=",
            "buildConfigField 'String' , 'API_KEY' , '\"",
            "char auth[] = \"",
            "Unseal Key 2: ",
            "the token is ",
            "wasabikey=",
            "ACME_PAT ",
            "BASE_RPC_URL=https://node.example.org/v1/",
            "https://app.example.org/callback?state=a&code=",
        ] {
            assert_eq!(found(&format!("{before}{MIXED}")), Some(MIXED), "{before}");
        }
    }

    #[test]
    fn other_names_and_sentences_announce_nothing() {
        for before in [
            "commit\n",
            "validated the request with the id that was sent along with the token\n",
            "cache_key=",
            "cachekey=",
            "pubkey: ",
            "customer_id=",
            "token for ",
            "error code=",
            "trace\n",
            "the digest is ",
        ] {
            assert_eq!(found(&format!("{before}{MIXED}")), None, "{before}");
        }
        assert_eq!(found(&format!("token\n{MIXED} first line")), None);
        for text in [
            format!("\"password\": \"\", \"{MIXED}\": \"\""),
            format!("copy(private_key, {MIXED}, 32)"),
            format!("UniquePtr<EVP_PKEY> {MIXED}();"),
            format!("signerKey: {MIXED}(options)"),
            format!("clientKey = {MIXED}.(*rsa.PrivateKey)"),
            format!("- iqn.1998-01.com.datadog:{UUID}"),
            format!("lookup('plugins.datadog', '{UUID}')"),
        ] {
            assert_eq!(found(&text), None, "{text}");
        }
    }

    #[test]
    fn keys_in_paths_of_hosts_that_take_them_there_are_found() {
        let key = "PajdHzB75s1V_7aldcQ6XbodqDCWMC7m";
        assert_eq!(found(&format!("https://eth-mainnet.g.alchemy.com/v2/{key}")), Some(key));
        assert_eq!(found(&format!("https://shop.example.org/v2/{key}")), None);
    }
}
