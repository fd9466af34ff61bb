//! The rules by name, and what a configuration may change about them.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

/// The most patterns, allowed texts and keys that a configuration may add: each costs time on every value.
pub const ADDED_MAX: usize = 64;
/// The longest name of an added pattern: it is part of every token.
const NAME_MAX: usize = 64;
/// The largest compiled size of one added pattern; larger ones come from runaway repetitions.
const PATTERN_SIZE_MAX: usize = 1 << 20;

/// A built-in rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Rule {
    /// Access key ids of AWS.
    AwsKey,
    GithubToken,
    GitlabToken,
    /// Tokens and webhooks of Slack.
    SlackToken,
    StripeKey,
    /// Keys of OpenAI and services that follow its form.
    OpenaiKey,
    AnthropicKey,
    GoogleKey,
    /// Tokens of other services whose form is unmistakable.
    VendorToken,
    /// JSON web tokens.
    Jwt,
    /// Private keys in PEM.
    PrivateKey,
    /// Passwords within URLs.
    UrlPassword,
    /// Credentials of an `Authorization` header.
    Authorization,
    /// Cookies in text.
    Cookie,
    /// Signatures that make a URL or request valid.
    Signature,
    /// Passwords that are assigned in text.
    Password,
    /// Secrets that are assigned in text.
    Secret,
    /// Tokens that are assigned in text.
    Token,
    /// API keys that are assigned in text.
    ApiKey,
    /// Card numbers.
    CreditCard,
    /// Bank account numbers.
    Iban,
    /// Whole values of attributes whose key says that they are secret.
    SensitiveKey,
}

/// Every built-in rule with its name and what it recognises, in the order of [`Rule`].
pub const RULES: [(Rule, &str, &str); 22] = [
    (
        Rule::AwsKey,
        "aws-key",
        "`AKIA…`, `ASIA…` and their siblings, 20 characters; `ABSK…` and `bedrock-api-key-…`; `amzn.mws.…`",
    ),
    (Rule::GithubToken, "github-token", "`ghp_…` and its siblings (checksum or entropy), `github_pat_…`"),
    (Rule::GitlabToken, "gitlab-token", "`glpat-…` and its siblings, `GR1348941…`, session cookies"),
    (Rule::SlackToken, "slack-token", "`xoxb-…` and its siblings, `xapp-…`, `xwfp-…`, webhook addresses"),
    (Rule::StripeKey, "stripe-key", "`sk_live_…`, `rk_live_…`, their test forms, `sk_…` of others, `whsec_…`"),
    (Rule::OpenaiKey, "openai-key", "`sk-…`, `sk-proj-…` with enough entropy"),
    (Rule::AnthropicKey, "anthropic-key", "`sk-ant-…`"),
    (Rule::GoogleKey, "google-key", "`AIza…`, `GOCSPX-…`, `ya29.…`, `1//0…`"),
    (
        Rule::VendorToken,
        "vendor-token",
        "the prefixed tokens of some hundred other services; a short prefix before 32 or more random letters and digits",
    ),
    (Rule::Jwt, "jwt", "three base64url parts, the first two of which are JSON objects; the same in base64"),
    (
        Rule::PrivateKey,
        "private-key",
        "`-----BEGIN … PRIVATE KEY` to its end, over any number of lines; PGP, SSH2, age; PEM in base64",
    ),
    (Rule::UrlPassword, "url-password", "`scheme://user:password@host`, `user:password@tcp(host)`"),
    (Rule::Authorization, "authorization", "`Authorization: …`, `Bearer …`, `Basic …`, `\"auth\": \"…\"`"),
    (Rule::Cookie, "cookie", "`Cookie: …` and `Set-Cookie: …` in text"),
    (Rule::Signature, "signature", "`X-Amz-Signature=…`, `Signature=…`, `sig=…`"),
    (
        Rule::Password,
        "password",
        "`password=…`, `\"pwd\": \"…\"`, `--password …`, `DB_PASS=…`, `IDENTIFIED BY '…'`, `curl -u user:…`; calls of database drivers, connection strings, lines of network devices",
    ),
    (Rule::Secret, "secret", "`client_secret=…`, `\"secretKey\": \"…\"`, `SECRET_KEY_BASE=…`"),
    (Rule::Token, "token", "`token=…`, `\"access_token\": \"…\"`"),
    (
        Rule::ApiKey,
        "api-key",
        "`api_key=…`, `AccountKey=…`, `X-API-KEY: …`, `ENCRYPTION_KEY=…`; a service's name alone, `deepgram=…`",
    ),
    (Rule::CreditCard, "credit-card", "an issuer's prefix, its length, and Luhn's checksum"),
    (Rule::Iban, "iban", "a country, its length, and the checksum modulo 97"),
    (Rule::SensitiveKey, "sensitive-key", "the whole value under a key such as `http.request.header.authorization`"),
];

impl Rule {
    /// Its name, in tokens, counts and configuration.
    pub const fn name(self) -> &'static str {
        RULES[self as usize].1
    }
}

/// What is redacted: the built-in rules, minus and plus what the configuration says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "RawRules")]
pub struct Rules {
    off: Vec<Rule>,
    pub(super) keys: Vec<String>,
    pub(super) allow: Vec<Regex>,
    pub(super) patterns: Vec<Pattern>,
}

/// A pattern that the configuration adds.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// Lives as long as the program: configurations are read once, and bounded.
    pub name: &'static str,
    pub regex: Regex,
}

/// The form of [`Rules`] in a configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawRules {
    off: Vec<String>,
    keys: Vec<String>,
    allow: Vec<String>,
    patterns: Vec<RawPattern>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPattern {
    name: String,
    regex: String,
}

/// Why a configuration of rules is not one.
#[derive(Debug, thiserror::Error)]
pub enum InvalidRules {
    /// A rule that does not exist is switched off.
    #[error("there is no redaction rule `{name}`; there are: {known}")]
    UnknownRule {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A regular expression does not compile.
    #[error("the redaction pattern `{name}` is not a regular expression")]
    Pattern {
        /// The pattern's name, or its text.
        name: String,
        /// What the compiler says.
        source: regex::Error,
    },
    /// Too many are added.
    #[error("{count} redaction {what} are more than the {ADDED_MAX} allowed: join some with `|`")]
    TooMany {
        /// Patterns, keys or allowed texts.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// A name would not survive in a token.
    #[error(
        "the redaction pattern's name `{name}` may hold lowercase letters, digits and `-` only, at most 64 of them"
    )]
    Name { name: String },
}

impl Rules {
    /// The built-in rules without those in `off`, and with `keys` as further attribute keys whose values always go.
    ///
    /// # Errors
    /// A name in `off` that no rule has; more keys than [`ADDED_MAX`].
    pub fn new(off: &[String], keys: &[String]) -> Result<Self, InvalidRules> {
        RawRules { off: off.to_vec(), keys: keys.to_vec(), ..RawRules::default() }.try_into()
    }

    /// Adds a pattern whose matches go: the group called `secret` where it has one, else the whole match.
    ///
    /// # Errors
    /// A regular expression that does not compile; a name that does not fit into a token; too many patterns.
    pub fn with_pattern(mut self, name: &str, regex: &str) -> Result<Self, InvalidRules> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(fits) {
            return Err(InvalidRules::Name { name: name.to_owned() });
        }
        bounded("patterns", self.patterns.len() + 1)?;
        let known = RULES.iter().map(|(_, known, _)| *known).chain(self.patterns.iter().map(|pattern| pattern.name));
        let name = known.into_iter().find(|known| *known == name).unwrap_or_else(|| String::leak(name.to_owned()));
        self.patterns.push(Pattern { name, regex: compile(name, regex)? });
        Ok(self)
    }

    /// Leaves alone what `regex` matches as a whole, whatever rule found it.
    ///
    /// # Errors
    /// A regular expression that does not compile; too many of them.
    pub fn with_allowed(mut self, regex: &str) -> Result<Self, InvalidRules> {
        bounded("allowed texts", self.allow.len() + 1)?;
        self.allow.push(compile(regex, &format!("^(?:{regex})$"))?);
        Ok(self)
    }

    pub(super) fn is_on(&self, rule: Rule) -> bool {
        !self.off.contains(&rule)
    }

    pub(super) fn allows(&self, secret: &[u8]) -> bool {
        self.allow.iter().any(|allowed| allowed.is_match(secret))
    }
}

impl TryFrom<RawRules> for Rules {
    type Error = InvalidRules;

    fn try_from(raw: RawRules) -> Result<Self, InvalidRules> {
        bounded("keys", raw.keys.len())?;
        let mut off = Vec::new();
        for name in raw.off {
            let Some((rule, ..)) = RULES.iter().find(|(_, known, _)| *known == name) else {
                let known = RULES.map(|(_, known, _)| known).join(", ");
                return Err(InvalidRules::UnknownRule { name, known });
            };
            off.push(*rule);
        }
        let keys = raw.keys.iter().map(|key| key.to_lowercase()).collect();
        let mut rules = Self { off, keys, ..Self::default() };
        for pattern in raw.patterns {
            rules = rules.with_pattern(&pattern.name, &pattern.regex)?;
        }
        for allowed in raw.allow {
            rules = rules.with_allowed(&allowed)?;
        }
        Ok(rules)
    }
}

fn bounded(what: &'static str, count: usize) -> Result<(), InvalidRules> {
    if count > ADDED_MAX { Err(InvalidRules::TooMany { what, count }) } else { Ok(()) }
}

fn compile(name: &str, regex: &str) -> Result<Regex, InvalidRules> {
    let built = RegexBuilder::new(regex).size_limit(PATTERN_SIZE_MAX).build();
    built.map_err(|source| InvalidRules::Pattern { name: name.to_owned(), source })
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_rules() {
        for (index, (rule, ..)) in RULES.iter().enumerate() {
            assert_eq!(*rule as usize, index);
        }
    }

    #[test]
    fn the_documentation_says_what_each_rule_recognises() {
        let page = include_str!("../../../docs/redaction.md");
        for (_, name, about) in RULES {
            assert!(page.contains(&format!("\n| `{name}` | {about} |\n")), "docs/redaction.md: {name}");
        }
    }

    #[test]
    fn a_configuration_is_read_and_its_mistakes_are_named() {
        let good = r#"{"off": ["iban"], "allow": ["sk_test_.*"], "keys": ["X-Internal"],
                       "patterns": [{"name": "badge", "regex": "B-[0-9]{6}"}]}"#;
        let rules: Rules = serde_json::from_str(good).unwrap();
        assert!(!rules.is_on(Rule::Iban) && rules.is_on(Rule::Jwt) && rules.allows(b"sk_test_1"));
        for (bad, says) in [
            (r#"{"off": ["ibann"]}"#, "no redaction rule `ibann`"),
            (r#"{"patterns": [{"name": "x", "regex": "("}]}"#, "not a regular expression"),
            (r#"{"patterns": [{"name": "A b", "regex": "a"}]}"#, "lowercase letters"),
            (r#"{"offf": []}"#, "unknown field"),
        ] {
            let error = serde_json::from_str::<Rules>(bad).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
