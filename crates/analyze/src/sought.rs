//! Where in a repository a span was probably made, where the span does not say: its route or its statement is searched
//! in the source.
//!
//! ```text
//!  span ─► Sought: a route, or a statement ─► Search ◄── each source file's text
//!                                               └─► Found: how sure, how many places, the first of them
//! ```
//!
//! Precision comes before coverage: what is not distinctive is not searched for, and what an object-relational mapper
//! composes is not in any text, so nothing is said of it. Reads no file: texts are handed in. Steps of confidence are in
//! [`SearchConfidence`], and how often each is right is measured
//! (`docs/findings/searched-places.md`).

mod path;
mod route;
mod source;
mod statement;

use std::collections::BTreeSet;

use kino_model::Span;
pub use kino_model::finding::{SearchConfidence, SoughtKind};
use kino_model::span::SpanKind;

use self::route::{Route, RouteHits};
use self::statement::{Statement, StatementHits};

/// The most places of one answer that are listed; all are counted.
pub const PLACES_MAX: usize = 3;
/// More places than this are no answer: what was sought is not distinctive.
pub const CANDIDATES_MAX: usize = 12;
/// Places of one sought text that are remembered.
const HITS_MAX: usize = 200;
/// The longest line: files with longer ones are generated.
const LINE_BYTES_MAX: usize = 4_000;
/// Bytes of a file in which its lines are measured.
const MEASURED_BYTES: usize = 64 << 10;

/// What a span says that its program's source may say, too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sought {
    /// What it is.
    pub kind: SoughtKind,
    /// The route with its method, or the statement as recorded.
    pub text: String,
}

impl Sought {
    /// Returns what to search for: of a server's span its route, of a database call its statement. `None` where it has
    /// neither, or one that is not distinctive.
    pub fn of(span: &Span) -> Option<Self> {
        if let Some(text) = span.text("db.query.text") {
            return Self { kind: SoughtKind::Statement, text: text.to_owned() }.checked();
        }
        if span.kind != SpanKind::Server {
            return None;
        }
        let method = span.text("http.request.method").filter(|method| path::is_method(method));
        let text = match (span.text("http.route"), method) {
            (Some(route), Some(method)) => format!("{method} {route}"),
            (Some(route), None) => route.to_owned(),
            (None, _) => {
                let (method, route) = span.name.split_once(' ')?;
                (path::is_method(method) && route.starts_with('/')).then(|| span.name.to_string())?
            }
        };
        Self { kind: SoughtKind::Route, text }.checked()
    }

    fn checked(self) -> Option<Self> {
        let is_distinctive = match self.kind {
            SoughtKind::Route => Route::read(&self.text).is_some(),
            SoughtKind::Statement => Statement::read(&self.text).is_some(),
        };
        is_distinctive.then_some(self)
    }
}

/// What a search found of one sought text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchResult {
    /// How sure.
    pub confidence: SearchConfidence,
    /// How many places fit equally well; at most [`CANDIDATES_MAX`].
    pub candidates: u64,
    /// The first of them by path and line, at most [`PLACES_MAX`].
    pub places: Vec<SourceLine>,
}

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceLine {
    /// The path as it was handed in.
    pub path: String,
    /// From 1.
    pub line: u32,
}

/// A place that fits, and how well.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hit {
    place: SourceLine,
    /// Higher fits better.
    rank: u8,
    is_test: bool,
}

/// One search for several texts over the files of one repository.
#[derive(Debug)]
pub struct CodeSearch {
    parts: Vec<SearchPart>,
    /// Paths that occur where routes are declared or mounted: what prefixes are made of.
    mounts: BTreeSet<Vec<String>>,
}

#[derive(Debug)]
enum SearchPart {
    Route(Route, RouteHits),
    Statement(Statement, StatementHits),
    /// Not distinctive after all.
    Nothing,
}

impl CodeSearch {
    /// A search for these.
    pub fn new(sought: &[Sought]) -> Self {
        let part = |sought: &Sought| match sought.kind {
            SoughtKind::Route => {
                Route::read(&sought.text).map_or(SearchPart::Nothing, |it| SearchPart::Route(it, RouteHits::default()))
            }
            SoughtKind::Statement => Statement::read(&sought.text)
                .map_or(SearchPart::Nothing, |it| SearchPart::Statement(it, StatementHits::default())),
        };
        Self { parts: sought.iter().map(part).collect(), mounts: BTreeSet::new() }
    }

    /// Whether a file of this path, relative to the repository, is source that is worth reading.
    pub fn is_source(path: &str) -> bool {
        source::language(path).is_some()
    }

    /// Looks through one file.
    pub fn read(&mut self, path: &str, text: &str) {
        let Some(language) = source::language(path) else { return };
        let measured = text.get(..MEASURED_BYTES).unwrap_or(text);
        if measured.lines().any(|line| line.len() > LINE_BYTES_MAX) {
            return;
        }
        let is_test = source::is_test(path);
        let wants_routes = language.has_routes()
            && self.parts.iter().any(|part| matches!(part, SearchPart::Route(route, _) if route.may_be_in(text)));
        let declared = if wants_routes { route::declared(text, language) } else { Vec::new() };
        if !is_test {
            self.mounts.extend(declared.iter().filter(|it| it.can_mount()).map(|it| it.segments.clone()));
        }
        for part in &mut self.parts {
            match part {
                SearchPart::Route(route, hits) => hits.add(route, &declared, path, is_test),
                SearchPart::Statement(statement, hits) => hits.add(statement, text, language, path, is_test),
                SearchPart::Nothing => {}
            }
        }
    }

    /// What was found of each, in the order in which they were given. `is_whole` says whether every source file was read:
    /// else no place is the only one, so none is `exact`, and a `likely` one is none.
    pub fn finish(self, is_whole: bool) -> Vec<Option<SearchResult>> {
        let Self { parts, mounts } = self;
        let found = |part| match part {
            SearchPart::Route(route, hits) => without_tests(hits.finish(&route, &mounts)),
            SearchPart::Statement(_, hits) => hits.finish(),
            SearchPart::Nothing => Vec::new(),
        };
        let judged = |part| {
            let is_statement = matches!(part, SearchPart::Statement(..));
            let hits = found(part);
            // A statement that only tests have is as often what they expect of a library as what they ask.
            let best = hits.iter().map(|hit| hit.rank).max()?;
            let is_of_tests = hits.iter().filter(|hit| hit.rank == best).all(|hit| hit.is_test);
            if is_statement && is_of_tests { None } else { judge(hits, is_whole) }
        };
        parts.into_iter().map(judged).collect()
    }
}

/// Routes of tests' own servers count where nothing else declares them.
fn without_tests(mut hits: Vec<Hit>) -> Vec<Hit> {
    let is_elsewhere = hits.iter().any(|hit| !hit.is_test);
    hits.retain(|hit| !is_elsewhere || !hit.is_test);
    hits
}

/// The rank of what is the whole text.
const WHOLE: u8 = 10;

/// Of places that fit, those that fit best. Between equals tests count less: their text is not what a server ran, but
/// they may be what was recorded, and then a place is not the only one.
fn judge(mut hits: Vec<Hit>, is_whole: bool) -> Option<SearchResult> {
    let best = hits.iter().map(|hit| hit.rank).max()?;
    hits.retain(|hit| hit.rank == best);
    let is_mixed = hits.iter().any(|hit| hit.is_test);
    let is_elsewhere = hits.iter().any(|hit| !hit.is_test);
    hits.retain(|hit| !is_elsewhere || !hit.is_test);
    let mut places: Vec<SourceLine> = hits.into_iter().map(|hit| hit.place).collect();
    places.sort_unstable();
    places.dedup();
    if places.len() > CANDIDATES_MAX {
        return None;
    }
    let confidence = match (places.len(), best >= WHOLE && !is_mixed, is_whole) {
        (1, true, true) => SearchConfidence::Exact,
        (1, is_best, is_all) if is_best || is_all => SearchConfidence::Likely,
        (1, ..) => return None,
        _ => SearchConfidence::Several,
    };
    let candidates = places.len() as u64;
    places.truncate(PLACES_MAX);
    Some(SearchResult { confidence, candidates, places })
}

/// The line of a place in a text, from 1.
fn line_at(text: &str, at: usize) -> u32 {
    let lines = text[..at].split('\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
