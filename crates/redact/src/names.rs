//! Names that announce a secret: of variables, headers, members and attributes.
//!
//! A name is judged by its last words, however they are joined. Some say what they hold, and some stand before other
//! things, too: there the value decides, see [`super::assignment`].

use super::rules::Rule;

/// Longer names are sentences without spaces.
pub(super) const NAME_MAX: usize = 64;

/// Endings of names, without `-`, `_` and `.`, and the rule that they belong to.
const ENDINGS: [(&str, Rule); 38] = [
    ("password", Rule::Password),
    ("passwd", Rule::Password),
    ("passphrase", Rule::Password),
    ("pwd", Rule::Password),
    ("secret", Rule::Secret),
    ("secretkey", Rule::Secret),
    ("apikey", Rule::ApiKey),
    ("accesskey", Rule::ApiKey),
    ("accountkey", Rule::ApiKey),
    ("privatekey", Rule::ApiKey),
    ("authkey", Rule::ApiKey),
    ("secretkeybase", Rule::Secret),
    ("encryptionkey", Rule::ApiKey),
    ("encryptkey", Rule::ApiKey),
    ("signingkey", Rule::ApiKey),
    ("masterkey", Rule::ApiKey),
    ("applicationkey", Rule::ApiKey),
    ("appkey", Rule::ApiKey),
    ("clientkey", Rule::ApiKey),
    ("serverkey", Rule::ApiKey),
    ("servicekey", Rule::ApiKey),
    ("rolekey", Rule::ApiKey),
    ("storagekey", Rule::ApiKey),
    ("sharedkey", Rule::ApiKey),
    ("subscriptionkey", Rule::ApiKey),
    ("functionskey", Rule::ApiKey),
    ("licensekey", Rule::ApiKey),
    ("sshkey", Rule::ApiKey),
    ("hmackey", Rule::ApiKey),
    ("deploykey", Rule::ApiKey),
    ("writekey", Rule::ApiKey),
    ("sdkkey", Rule::ApiKey),
    ("token", Rule::Token),
    ("passcode", Rule::Password),
    ("passwort", Rule::Password),
    ("secretid", Rule::Secret),
    ("pass", Rule::Password),
    ("pw", Rule::Password),
];

/// Endings of names that stand before other things, too: there the value must look like nothing but a secret.
const WEAK_ENDINGS: [(&str, Rule); 11] = [
    ("key", Rule::ApiKey),
    ("pat", Rule::Token),
    ("auth", Rule::Authorization),
    ("bearer", Rule::Token),
    ("salt", Rule::Secret),
    ("signature", Rule::Signature),
    ("webhook", Rule::Secret),
    ("webhookurl", Rule::Secret),
    ("webhookuri", Rule::Secret),
    ("credential", Rule::Secret),
    ("credentials", Rule::Secret),
];

/// Words before `key` where it opens nothing: keys of tables, caches, queues and stores, and public ones.
const HARMLESS_KEYS: [&str; 70] = [
    "public",
    "publishable",
    "primary",
    "foreign",
    "partition",
    "sort",
    "cache",
    "row",
    "routing",
    "binding",
    "object",
    "idempotency",
    "idempotent",
    "dedup",
    "dedupe",
    "deduplication",
    "message",
    "group",
    "grouping",
    "hash",
    "range",
    "shard",
    "index",
    "unique",
    "composite",
    "natural",
    "surrogate",
    "candidate",
    "compound",
    "business",
    "s3",
    "bucket",
    "blob",
    "file",
    "path",
    "map",
    "lookup",
    "order",
    "metric",
    "label",
    "tag",
    "attribute",
    "property",
    "config",
    "item",
    "entry",
    "node",
    "translation",
    "i18n",
    "locale",
    "issue",
    "project",
    "document",
    "entity",
    "aggregate",
    "state",
    "join",
    "correlation",
    "job",
    "task",
    "workflow",
    "lock",
    "redis",
    "etcd",
    "kv",
    "site",
    "host",
    "websocket",
    "flag",
    "query",
];

/// Endings that only attribute keys have.
pub(super) const KEY_ENDINGS: [&str; 6] =
    ["authorization", "cookie", "setcookie", "credential", "credentials", "secrets"];

/// Tokens that guard nothing: those of paging, of concurrency, of language models.
const HARMLESS_TOKENS: [&str; 28] = [
    "pagetoken",
    "nextpagetoken",
    "nextsynctoken",
    "nexttoken",
    "continuationtoken",
    "cancellationtoken",
    "canceltoken",
    "synctoken",
    "resumetoken",
    "eostoken",
    "bostoken",
    "padtoken",
    "unktoken",
    "septoken",
    "masktoken",
    "clstoken",
    "stoptoken",
    "starttoken",
    "endtoken",
    "firsttoken",
    "lasttoken",
    "currenttoken",
    "peektoken",
    "maxtoken",
    "mintoken",
    "pertoken",
    "toptoken",
    "specialtoken",
];

/// Whether the last letters of an attribute's key leave it open that it is sensitive: few keys do, and this takes a few
/// instructions.
pub(super) fn may_be_sensitive(key: &[u8]) -> bool {
    let Some(last) = key.last_chunk::<3>() else { return key.eq_ignore_ascii_case(b"pw") };
    let identifier = || key.iter().rev().skip(2).find(|byte| !is_joint(**byte)).is_some_and(|byte| byte | 0x20 == b't');
    last[2].is_ascii_digit()
        || matches!(
            &[last[0] | 0x20, last[1] | 0x20, last[2] | 0x20],
            // Of `password`, `passwort`, `passphrase`, `secret`, `secrets`, `secret_id`, `token`, `key`, `key_base`.
            b"ord" | b"ort" | b"ase" | b"ret" | b"ets" | b"ken" | b"key"
            // Of `passwd`, `pwd`, `pass`, `passcode`, `pat`, `auth`, `authorization`, `bearer`, `salt`, `signature`.
            | b"swd" | b"pwd" | b"ass" | b"ode" | b"pat" | b"uth" | b"ion" | b"rer" | b"alt" | b"ure"
            // Of `webhook`, `webhook_url`, `webhook_uri`, `credential`, `credentials`, `cookie`.
            | b"ook" | b"url" | b"uri" | b"ial" | b"als" | b"kie"
        )
        || last[1..].eq_ignore_ascii_case(b"pw")
        || last[1..].eq_ignore_ascii_case(b"id") && identifier()
}

/// The rule that an attribute's key calls for, if its whole value is to go.
pub(super) fn sensitive_key(key: &str, added: &[String]) -> bool {
    if key.len() > 2 * NAME_MAX {
        return false;
    }
    let compact = compacted(key.as_bytes());
    name_rule(key.as_bytes()).or_else(|| weak_rule(key.as_bytes())).is_some()
        || KEY_ENDINGS.iter().any(|ending| compact.ends_with(ending))
        || added.iter().any(|added| key.eq_ignore_ascii_case(added))
}

pub(super) fn compacted(name: &[u8]) -> String {
    let letters = name.iter().filter(|byte| !is_joint(**byte));
    letters.map(|byte| char::from(byte.to_ascii_lowercase())).collect()
}

/// Whether the byte joins the words of a name.
fn is_joint(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.' | b' ')
}

pub(super) fn name_rule(name: &[u8]) -> Option<Rule> {
    let compact = compacted(name);
    let bare = compact.trim_end_matches(|last: char| last.is_ascii_digit());
    let (ending, rule) = ENDINGS.iter().find(|(ending, _)| bare.ends_with(ending))?;
    let harmless = match rule {
        Rule::Token => HARMLESS_TOKENS.iter().any(|harmless| ends_with_word(name, harmless)),
        Rule::Password if *ending == "pass" => !is_pass(name),
        Rule::Password if *ending == "pw" => !ends_with_word(name, ending),
        // The shell's working directory.
        Rule::Password => bare == "pwd" && name == b"PWD" || bare == "oldpwd",
        _ => false,
    };
    (!harmless).then_some(*rule)
}

/// The rule of a name that other things than secrets have, too.
pub(super) fn weak_rule(name: &[u8]) -> Option<Rule> {
    let words = |ending: &&(&str, Rule)| ends_with_word(name, ending.0);
    let (ending, rule) = WEAK_ENDINGS.iter().find(words)?;
    let harmless = *ending == "key" && (compacted(name).len() == ending.len() || is_harmless_key(name));
    (!harmless).then_some(*rule)
}

/// Letters before `key` in words that are no names of keys, and in names of public ones.
const HARMLESS_LETTERS: [&str; 12] = ["pub", "mon", "tur", "don", "hot", "sub", "p", "f", "u", "data", "db", "part"];

/// The rule of a name that ends in `key` without a word's end before it, as in `acmekey`.
pub(super) fn glued_key(name: &[u8]) -> Option<Rule> {
    let compact = compacted(name);
    let before = compact.trim_end_matches(|last: char| last.is_ascii_digit() || last == 'v').strip_suffix("key")?;
    let harmless = HARMLESS_KEYS.iter().any(|harmless| before.ends_with(harmless));
    // An option alone says that a key follows.
    let alone = before.is_empty() && !name.starts_with(b"--");
    (!alone && !harmless && !HARMLESS_LETTERS.contains(&before) && !before.ends_with("pub")).then_some(Rule::ApiKey)
}

/// Whether a name ends in `key` behind a word that says that it opens nothing.
pub(super) fn is_harmless_key(name: &[u8]) -> bool {
    HARMLESS_KEYS.iter().any(|before| ends_with_words(name, before, "key"))
}

pub(super) fn ends_with_word(name: &[u8], word: &str) -> bool {
    ends_with_words(name, word, "")
}

/// Whether `name` ends in these words, perhaps with a number behind them: the first one as a word of its own, written
/// together with others in camel case, or alone. What joins words counts for nothing.
fn ends_with_words(name: &[u8], first: &str, second: &str) -> bool {
    let mut at = name.len() - name.iter().rev().take_while(|byte| byte.is_ascii_digit() || is_joint(**byte)).count();
    for letter in first.bytes().chain(second.bytes()).rev() {
        at -= name[..at].iter().rev().take_while(|byte| is_joint(**byte)).count();
        match name[..at].last() {
            Some(byte) if byte.to_ascii_lowercase() == letter => at -= 1,
            _ => return false,
        }
    }
    match name[..at].last() {
        Some(before) => !before.is_ascii_alphabetic() || before.is_ascii_lowercase() && name[at].is_ascii_uppercase(),
        None => true,
    }
}

/// Whether `pass` at the name's end is a word of its own, as in `DB_PASS` and `dbPass`, and not the end of `bypass`.
fn is_pass(name: &[u8]) -> bool {
    let end = name.iter().rev().skip_while(|byte| byte.is_ascii_digit()).count();
    let start = end.saturating_sub("pass".len());
    match name[..start].last() {
        Some(before) => !before.is_ascii_alphabetic() || before.is_ascii_lowercase() && name[start] == b'P',
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sensitive_by_their_ending() {
        for key in [
            "http.request.header.authorization",
            "http.request.header.cookie",
            "db.password",
            "x-api-key",
            "http.response.header.set-cookie",
            "apiKey",
            "AWS_SECRET_ACCESS_KEY",
        ] {
            assert!(sensitive_key(key, &[]), "{key}");
        }
        let endings = ENDINGS.iter().chain(&WEAK_ENDINGS).map(|(ending, _)| *ending);
        for key in endings.chain(KEY_ENDINGS).chain(["x-signature-256", "app.secret_id", "WEBHOOK_URL"]) {
            assert!(sensitive_key(key, &[]) == (key != "key") && may_be_sensitive(key.as_bytes()), "{key}");
        }
        for key in ["gen_ai.usage.total_tokens", "gen_ai.token.type", "next_page_token", "http.route", "secretary.name"]
        {
            assert!(!sensitive_key(key, &[]), "{key}");
        }
        assert!(sensitive_key("X-Internal", &["x-internal".into()]));
    }
}
