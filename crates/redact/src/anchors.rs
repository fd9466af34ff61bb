//! The prefilter: short texts of which one is in every secret that is named or that has a structure, found in three
//! passes of SIMD.
//!
//! Teddy compares as many bytes at once as the shortest of them has, up to four. Upper and lower case are separate
//! anchors, since folding would cost a pass of its own. Tokens that a service's prefix gives away are not found here: they
//! stand in long words, see [`super::prefixed`].

use aho_corasick::packed::{self, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, BuildError};

use super::tokens::TokenForm;
use super::vendors::ANYWHERE;

/// The most texts of one pass. Teddy allows 64, but then finds a possible match at every second byte.
const SET_MAX: usize = 48;

/// What an anchor's position is examined for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sign {
    /// A token that begins here.
    Token(&'static TokenForm),
    /// The first line of a PEM private key in base64.
    WrappedKey,
    /// The beginning of a JSON web token in base64.
    WrappedJwt,
    /// A command with the options that a password, perhaps with a user before it, follows.
    Command(&'static [&'static str]),
    /// `community` before the one that opens a network device, without its first letters.
    Community,
    /// The end of a call that opens a connection.
    Connection,
    /// The port of PostgreSQL in a line of `.pgpass`.
    PgPass,
    /// The line before the private part of a key of PuTTY.
    Putty,
    /// A phrase of words that keys are made of.
    Mnemonic,
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
    /// `Bearer` without its first letter, before a credential or as the end of a name.
    Bearer,
    /// `Basic` without its first letter.
    Basic,
    Authorization,
    /// `Cookie:` without its first letter.
    Cookie,
    /// A signature's name.
    Signature,
}

/// Parts of names and structures, the longer of two that begin alike first.
const SIGNS: [(&str, Sign); 54] = [
    (".eyJ", Sign::Jwt),
    ("PRIVATE KEY", Sign::PrivateKey),
    ("rivate-Lines", Sign::Putty),
    ("LS0tLS1CRUdJTi", Sign::WrappedKey),
    ("ZXlKaGJH", Sign::WrappedJwt),
    ("earer", Sign::Bearer),
    ("EARER", Sign::Name),
    ("asic ", Sign::Basic),
    ("authoriz", Sign::Authorization),
    ("Authoriz", Sign::Authorization),
    ("AUTHORIZ", Sign::Authorization),
    ("ookie", Sign::Cookie),
    ("OOKIE", Sign::Cookie),
    ("ignature", Sign::Signature),
    ("IGNATURE", Sign::Name),
    ("sig=", Sign::Signature),
    ("curl ", Sign::Command(&["-u ", "--user ", "--user="])),
    ("mysql", Sign::Command(&[" -p"])),
    ("redis-cli", Sign::Command(&["-a ", "--pass "])),
    ("psexec", Sign::Command(&[" -p "])),
    ("PsExec", Sign::Command(&[" -p "])),
    ("PSEXEC", Sign::Command(&[" -p "])),
    ("psExec", Sign::Command(&[" -p "])),
    ("sshpass", Sign::Command(&[" -p"])),
    ("docker login", Sign::Command(&[" -p "])),
    ("mmunity ", Sign::Community),
    ("onnect(", Sign::Connection),
    ("onnection(", Sign::Connection),
    ("ysqli(", Sign::Connection),
    ("PDO(", Sign::Connection),
    (":5432:", Sign::PgPass),
    ("DENTIFIED BY", Sign::IdentifiedBy),
    ("dentified by", Sign::IdentifiedBy),
    ("auth", Sign::Auth),
    ("Auth", Sign::Auth),
    ("AUTH", Sign::Auth),
    ("pass", Sign::Name),
    ("Pass", Sign::Name),
    ("PASS", Sign::Name),
    ("ecret", Sign::Name),
    ("ECRET", Sign::Name),
    ("oken", Sign::Name),
    ("OKEN", Sign::Name),
    ("redential", Sign::Name),
    ("REDENTIAL", Sign::Name),
    ("_pat", Sign::Name),
    ("_PAT", Sign::Name),
    ("salt", Sign::Name),
    ("Salt", Sign::Name),
    ("SALT", Sign::Name),
    ("ebhook", Sign::Name),
    ("EBHOOK", Sign::Name),
    ("nemonic", Sign::Mnemonic),
    ("_phrase", Sign::Mnemonic),
];

/// Ends of names that are too short for a search: they are searched for with what follows a name.
const SHORT_ENDS: [&str; 8] = ["key", "Key", "KEY", "pwd", "Pwd", "PWD", "_pw", "_PW"];
/// What follows a name, or separates it from its number.
const FOLLOWING: [char; 9] = ['=', ':', '"', '\'', ' ', '\\', '>', '_', '1'];

/// Parts of attribute keys whose value may be secret; [`super::names::sensitive_key`] decides.
const KEYS: [&str; 34] = [
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
    "_pw",
    "_PW",
    "ecret",
    "ECRET",
    "oken",
    "OKEN",
    "key",
    "Key",
    "KEY",
    "redential",
    "REDENTIAL",
    "auth",
    "Auth",
    "AUTH",
    "_pat",
    "_PAT",
    "salt",
    "SALT",
    "ignature",
    "IGNATURE",
    "ebhook",
    "EBHOOK",
    "earer",
    "EARER",
];

/// Finds the signs of secrets, in as few passes as take all of them.
#[derive(Debug)]
pub(super) struct Anchors(Vec<AnchorSet>);

/// Finds the anchors of one pass.
#[derive(Debug)]
pub(super) struct AnchorSet {
    engine: Matcher,
    signs: Vec<Sign>,
}

/// Finds what an attribute key may be sensitive for, within encoded attributes.
#[derive(Debug)]
pub(super) struct KeyAnchors(Matcher);

#[derive(Debug)]
enum Matcher {
    Teddy(Box<Searcher>),
    /// Where the processor has no SIMD that Teddy knows.
    Automaton(Box<AhoCorasick>),
}

impl Matcher {
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
        Matcher::new(KEYS.into_iter().chain(added)).map(Self)
    }

    /// The position of the next of them.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        self.0.find(text, from).map(|(start, ..)| start)
    }
}

impl Anchors {
    pub(super) fn new() -> Result<Self, BuildError> {
        let anywhere = ANYWHERE.iter().map(|(text, shape)| ((*text).to_owned(), Sign::Token(shape)));
        let signs = SIGNS.iter().map(|(text, sign)| ((*text).to_owned(), *sign));
        let with_next = |end: &&'static str| FOLLOWING.map(|next| (format!("{end}{next}"), Sign::Name));
        let mut anchors: Vec<_> = anywhere.chain(signs).chain(SHORT_ENDS.iter().flat_map(with_next)).collect();
        // Alike ones together, so that few bytes begin an anchor of the same pass; the longer of two first.
        anchors.sort_by(|(one, _), (other, _)| other.cmp(one));
        let sets = anchors.chunks(anchors.len().div_ceil(anchors.len().div_ceil(SET_MAX)));
        sets.map(AnchorSet::new).collect::<Result<_, _>>().map(Self)
    }

    /// The sets, each of which is one pass over a text.
    pub(super) fn sets(&self) -> &[AnchorSet] {
        &self.0
    }
}

impl AnchorSet {
    fn new(anchors: &[(String, Sign)]) -> Result<Self, BuildError> {
        let engine = Matcher::new(anchors.iter().map(|(text, _)| text.as_str()))?;
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
    fn every_anchor_is_found_in_one_of_three_passes() {
        let anchors = Anchors::new().unwrap();
        let texts = || ANYWHERE.iter().map(|(text, _)| *text).chain(SIGNS.iter().map(|(text, _)| *text));
        for text in texts().chain(["api-key=", "DB_PW:", "Pwd=", "KEY\\"]) {
            let padded = format!("{:64}{text}{:64}", "", "");
            let found = anchors.sets().iter().filter_map(|set| set.next(padded.as_bytes(), 0));
            assert!(found.map(|(_, end, _)| end).any(|end| end == 64 + text.len()), "{text}");
        }
        // Teddy compares as many bytes as the shortest text has, and fewer than four let half of all bytes pass.
        assert!(texts().all(|text| text.len() >= 4));
        assert!(anchors.sets().len() == 3 && anchors.sets().iter().all(|set| set.signs.len() <= SET_MAX));
    }
}
