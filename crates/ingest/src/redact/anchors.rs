//! The prefilter: short texts of which one stands in every secret that the rules know, found in a few passes of SIMD.
//!
//! Teddy takes at most 64 texts a pass and compares as many bytes at once as the shortest of them has, up to four. So
//! the anchors go in sets: those of names and structures, those of vendors' tokens, and those of three bytes. Upper and
//! lower case are separate anchors, since folding would cost a pass of its own.

use aho_corasick::packed::{self, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, BuildError};

use super::tokens::Shape;
use super::vendors::{SHORT, VENDORS};

/// The most texts that one pass of Teddy takes.
const SET_MAX: usize = 64;

/// What an anchor's position is examined for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sign {
    /// A token that begins here.
    Token(&'static Shape),
    /// A key of OpenAI, of Anthropic, or of a service that follows their form.
    SkKey,
    /// A word that stands between the prefix of a token and its random part.
    Segment,
    /// The data centre of a Mailchimp key.
    Mailchimp,
    /// The version of an Azure client secret.
    AzureSecret,
    /// The first line of a PEM private key in base64.
    WrappedKey,
    /// The beginning of a JSON web token in base64.
    WrappedJwt,
    /// `curl`, whose argument `-u` is a user and a password.
    Curl,
    /// `IDENTIFIED BY` of SQL, without its first letter.
    IdentifiedBy,
    /// A name that ends in `auth`.
    Auth,
    /// The dot between a JSON web token's first two parts.
    Jwt,
    /// Within a PEM private key's first line.
    PrivateKey,
    /// Within the name that something is assigned to.
    Name,
    /// `Bearer` without its first letter.
    Bearer,
    /// `Basic` without its first letter.
    Basic,
    /// `Authorization` without its first letter.
    Authorization,
    /// `Cookie:` without its first letter.
    Cookie,
    /// A signature's name with its equals sign.
    Signature,
}

/// In names and structures.
const NAMED: [(&str, Sign); 55] = [
    (".eyJ", Sign::Jwt),
    ("PRIVATE KEY", Sign::PrivateKey),
    ("LS0tLS1CRUdJTi", Sign::WrappedKey),
    ("ZXlKaGJH", Sign::WrappedJwt),
    ("earer ", Sign::Bearer),
    ("asic ", Sign::Basic),
    ("uthoriz", Sign::Authorization),
    ("UTHORIZ", Sign::Authorization),
    ("ookie", Sign::Cookie),
    ("OOKIE", Sign::Cookie),
    ("ignature=", Sign::Signature),
    ("sig=", Sign::Signature),
    ("curl ", Sign::Curl),
    ("DENTIFIED BY", Sign::IdentifiedBy),
    ("dentified by", Sign::IdentifiedBy),
    ("auth\"", Sign::Auth),
    ("auth=", Sign::Auth),
    ("AUTH=", Sign::Auth),
    ("auth\\\"", Sign::Auth),
    ("pass", Sign::Name),
    ("Pass", Sign::Name),
    ("PASS", Sign::Name),
    ("pwd=", Sign::Name),
    ("Pwd=", Sign::Name),
    ("_PWD=", Sign::Name),
    ("pwd\"", Sign::Name),
    ("Pwd\"", Sign::Name),
    ("pwd:", Sign::Name),
    ("ecret", Sign::Name),
    ("ECRET", Sign::Name),
    ("oken", Sign::Name),
    ("OKEN", Sign::Name),
    ("_key", Sign::Name),
    ("_KEY", Sign::Name),
    ("-key", Sign::Name),
    ("-KEY", Sign::Name),
    ("-Key", Sign::Name),
    ("_Key", Sign::Name),
    ("iKey", Sign::Name),
    ("tKey", Sign::Name),
    ("nKey", Sign::Name),
    ("gKey", Sign::Name),
    ("rKey", Sign::Name),
    ("eKey", Sign::Name),
    ("sKey", Sign::Name),
    ("pKey", Sign::Name),
    ("dKey", Sign::Name),
    ("hKey", Sign::Name),
    ("IKey", Sign::Name),
    ("pikey", Sign::Name),
    ("PIKEY", Sign::Name),
    ("sskey", Sign::Name),
    ("SSKEY", Sign::Name),
    ("tekey", Sign::Name),
    ("redential", Sign::Name),
];

/// Of three bytes, and what would be one too many for the set above.
const SHORT_SIGNS: [(&str, Sign); 36] = [
    ("sk-", Sign::SkKey),
    ("-us", Sign::Mailchimp),
    ("6Q~", Sign::AzureSecret),
    ("7Q~", Sign::AzureSecret),
    ("8Q~", Sign::AzureSecret),
    ("9Q~", Sign::AzureSecret),
    ("_live_", Sign::Segment),
    ("_prod_", Sign::Segment),
    ("_production_", Sign::Segment),
    ("_test_", Sign::Segment),
    ("_sandbox_", Sign::Segment),
    ("_pat_", Sign::Segment),
    ("-pat-", Sign::Segment),
    ("_api_", Sign::Segment),
    ("-api-", Sign::Segment),
    ("_secret_", Sign::Segment),
    ("_sec_", Sign::Segment),
    ("_token_", Sign::Segment),
    ("-token-", Sign::Segment),
    ("_key_", Sign::Segment),
    ("-key-", Sign::Segment),
    ("_sk_", Sign::Segment),
    ("_sat_", Sign::Segment),
    ("_oat_", Sign::Segment),
    ("_auth_", Sign::Segment),
    ("-auth-", Sign::Segment),
    ("_svc_", Sign::Segment),
    ("_admin_", Sign::Segment),
    ("_v1_", Sign::Segment),
    ("-v1-", Sign::Segment),
    ("_v2_", Sign::Segment),
    ("_v3_", Sign::Segment),
    ("_server_", Sign::Segment),
    ("_org_", Sign::Segment),
    ("_user_", Sign::Segment),
    ("_personal_", Sign::Segment),
];

/// What stands in every attribute key whose value is secret; [`super::assignment::sensitive_key`] looks closer.
const KEYS: [&str; 37] = [
    "uthoriz",
    "UTHORIZ",
    "ookie",
    "OOKIE",
    "pass",
    "Pass",
    "PASS",
    "pwd",
    "Pwd",
    "PWD",
    "ecret",
    "ECRET",
    "oken",
    "OKEN",
    "_key",
    "-key",
    ".key",
    "ikey",
    "iKey",
    "_KEY",
    "-KEY",
    "-Key",
    "_Key",
    "sKey",
    "tKey",
    "nKey",
    "gKey",
    "rKey",
    "eKey",
    "pKey",
    "dKey",
    "hKey",
    "redential",
    "REDENTIAL",
    "sskey",
    "tekey",
    "ngkey",
];

/// Finds anchors, set by set.
#[derive(Debug)]
pub(super) struct Anchors(Vec<AnchorSet>);

/// Finds the anchors of one set.
#[derive(Debug)]
pub(super) struct AnchorSet {
    engine: Engine,
    signs: Vec<Sign>,
}

/// Finds what an attribute key may be sensitive for.
#[derive(Debug)]
pub(super) struct KeyAnchors(Engine);

#[derive(Debug)]
enum Engine {
    Teddy(Box<Searcher>),
    /// Where the processor has no SIMD that Teddy knows.
    Automaton(Box<AhoCorasick>),
}

impl Engine {
    fn new<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Result<Self, BuildError> {
        let teddy = packed::Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(texts.clone()).build();
        let fallback = AhoCorasick::builder().match_kind(aho_corasick::MatchKind::LeftmostFirst).clone();
        Ok(match teddy {
            Some(teddy) => Self::Teddy(Box::new(teddy)),
            None => Self::Automaton(Box::new(fallback.build(texts)?)),
        })
    }

    /// Start, end and pattern of the first match at or after `from`.
    fn find(&self, text: &[u8], from: usize) -> Option<(usize, usize, usize)> {
        let found = match self {
            Self::Teddy(searcher) => searcher.find_in(text, (from..text.len()).into()),
            Self::Automaton(automaton) => automaton.find(aho_corasick::Input::new(text).range(from..)),
        }?;
        Some((found.start(), found.end(), found.pattern().as_usize()))
    }
}

impl KeyAnchors {
    /// For the built-in keys and those that a configuration adds.
    pub(super) fn new(added: &[String]) -> Result<Self, BuildError> {
        let added = added.iter().map(String::as_str).filter(|key| !key.is_empty());
        Engine::new(KEYS.into_iter().chain(added)).map(Self)
    }

    /// Where the next sign of a sensitive key stands.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        self.0.find(text, from).map(|(start, ..)| start)
    }
}

impl Anchors {
    pub(super) fn new() -> Result<Self, BuildError> {
        let token = |(text, shape): &'static (&'static str, Shape)| (*text, Sign::Token(shape));
        let short: Vec<_> = SHORT.iter().map(token).chain(SHORT_SIGNS).collect();
        let vendors: Vec<_> = VENDORS.iter().map(token).collect();
        let sets = [NAMED.as_slice(), &short].into_iter().chain(vendors.chunks(SET_MAX));
        sets.map(AnchorSet::new).collect::<Result<_, _>>().map(Self)
    }

    /// The sets, each of which is one pass over a text.
    pub(super) fn sets(&self) -> &[AnchorSet] {
        &self.0
    }
}

impl AnchorSet {
    fn new(anchors: &[(&'static str, Sign)]) -> Result<Self, BuildError> {
        let engine = Engine::new(anchors.iter().map(|(text, _)| *text))?;
        Ok(Self { engine, signs: anchors.iter().map(|(_, sign)| *sign).collect() })
    }

    /// The first anchor in `text` at or after `from`: where it starts, where it ends, and what it is a sign of.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<(usize, usize, Sign)> {
        let (start, end, pattern) = self.engine.find(text, from)?;
        Some((start, end, self.signs[pattern]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_anchor_is_found_and_fits_its_set() {
        let anchors = Anchors::new().unwrap();
        let texts = NAMED.iter().chain(&SHORT_SIGNS).map(|(text, _)| *text);
        for text in texts.chain(VENDORS.iter().chain(&SHORT).map(|(text, _)| *text)) {
            let padded = format!("{:64}{text}{:64}", "", "");
            let found = anchors.sets().iter().filter_map(|set| set.next(padded.as_bytes(), 0));
            assert!(found.map(|(start, end, _)| (start, end)).any(|found| found == (64, 64 + text.len())), "{text}");
        }
        assert!(NAMED.len() <= SET_MAX && SHORT.len() + SHORT_SIGNS.len() <= SET_MAX);
        assert!(NAMED.iter().all(|(text, _)| text.len() >= 4) && VENDORS.iter().all(|(text, _)| text.len() >= 4));
    }
}
