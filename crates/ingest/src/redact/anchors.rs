//! The prefilter: short texts of which one stands in every secret that the rules know, found in one pass of SIMD.
//!
//! Each anchor is at least four bytes, so that Teddy compares four bytes at once, and there are at most 64 of them,
//! which is the most it takes. Upper and lower case are separate anchors, since folding would cost a pass of its own.

use aho_corasick::packed::{self, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, BuildError};

use super::tokens::{self as t, Shape};

/// What an anchor's position is examined for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sign {
    /// A token that begins here.
    Token(&'static Shape),
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

const ANCHORS: [(&str, Sign); 62] = [
    ("AKIA", Sign::Token(&t::AWS)),
    ("ASIA", Sign::Token(&t::AWS)),
    ("ghp_", Sign::Token(&t::GITHUB)),
    ("gho_", Sign::Token(&t::GITHUB)),
    ("ghu_", Sign::Token(&t::GITHUB)),
    ("ghs_", Sign::Token(&t::GITHUB)),
    ("ghr_", Sign::Token(&t::GITHUB)),
    ("github_pat_", Sign::Token(&t::GITHUB_FINE)),
    ("glpat-", Sign::Token(&t::GITLAB)),
    ("xoxa-", Sign::Token(&t::SLACK)),
    ("xoxb-", Sign::Token(&t::SLACK)),
    ("xoxe-", Sign::Token(&t::SLACK)),
    ("xoxp-", Sign::Token(&t::SLACK)),
    ("xoxr-", Sign::Token(&t::SLACK)),
    ("xoxs-", Sign::Token(&t::SLACK)),
    ("xapp-", Sign::Token(&t::SLACK)),
    ("hooks.slack.com/services/", Sign::Token(&t::SLACK_HOOK)),
    ("sk_live_", Sign::Token(&t::STRIPE)),
    ("rk_live_", Sign::Token(&t::STRIPE)),
    ("sk_test_", Sign::Token(&t::STRIPE)),
    ("rk_test_", Sign::Token(&t::STRIPE)),
    ("whsec_", Sign::Token(&t::STRIPE_HOOK)),
    ("AIza", Sign::Token(&t::GOOGLE)),
    ("GOCSPX-", Sign::Token(&t::GOOGLE_CLIENT)),
    ("ya29.", Sign::Token(&t::GOOGLE_ACCESS)),
    ("npm_", Sign::Token(&t::NPM)),
    ("pypi-AgE", Sign::Token(&t::PYPI)),
    ("hvs.", Sign::Token(&t::VAULT)),
    ("dop_v1_", Sign::Token(&t::DIGITALOCEAN)),
    ("shpat_", Sign::Token(&t::SHOPIFY)),
    ("dckr_pat_", Sign::Token(&t::DOCKER)),
    ("gsk_", Sign::Token(&t::GROQ)),
    (".eyJ", Sign::Jwt),
    ("PRIVATE KEY-", Sign::PrivateKey),
    ("assw", Sign::Name),
    ("ASSW", Sign::Name),
    ("assphrase", Sign::Name),
    ("ASSPHRASE", Sign::Name),
    ("pwd=", Sign::Name),
    ("Pwd=", Sign::Name),
    ("_PWD=", Sign::Name),
    ("pwd\":", Sign::Name),
    ("ecret", Sign::Name),
    ("ECRET", Sign::Name),
    ("oken", Sign::Name),
    ("OKEN", Sign::Name),
    ("api_key", Sign::Name),
    ("apikey", Sign::Name),
    ("apiKey", Sign::Name),
    ("api-key", Sign::Name),
    ("API_KEY", Sign::Name),
    ("ApiKey", Sign::Name),
    ("Api-Key", Sign::Name),
    ("API-Key", Sign::Name),
    ("AccountKey", Sign::Name),
    ("AccessKey", Sign::Name),
    ("earer ", Sign::Bearer),
    ("asic ", Sign::Basic),
    ("uthoriz", Sign::Authorization),
    ("UTHORIZ", Sign::Authorization),
    ("ookie", Sign::Cookie),
    ("X-Amz-Signature=", Sign::Signature),
];

/// What stands in every attribute key whose value is secret; [`super::assignment::sensitive_key`] looks closer.
const KEYS: [&str; 22] = [
    "uthoriz",
    "UTHORIZ",
    "ookie",
    "OOKIE",
    "assw",
    "ASSW",
    "assphrase",
    "pwd",
    "PWD",
    "ecret",
    "ECRET",
    "oken",
    "OKEN",
    "_key",
    "-key",
    "ikey",
    "iKey",
    "_KEY",
    "-Key",
    "sKey",
    "redential",
    "REDENTIAL",
];

/// Finds anchors.
#[derive(Debug)]
pub(super) struct Anchors(Engine);

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
        Engine::new(ANCHORS.iter().map(|(text, _)| *text)).map(Self)
    }

    /// The first anchor in `text` at or after `from`: where it starts, where it ends, and what it is a sign of.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<(usize, usize, Sign)> {
        let (start, end, pattern) = self.0.find(text, from)?;
        Some((start, end, ANCHORS[pattern].1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_anchor_is_found_and_long_enough() {
        let anchors = Anchors::new().unwrap();
        for (text, _) in ANCHORS {
            assert!(text.len() >= 4, "{text}");
            let padded = format!("{:64}{text}{:64}", "", "");
            let (start, end, _) = anchors.next(padded.as_bytes(), 0).unwrap();
            assert!(start >= 64 && end <= 64 + text.len(), "{text}");
        }
    }
}
