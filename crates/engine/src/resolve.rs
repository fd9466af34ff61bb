//! What a whole id, the beginning of one, or a name means: the one place where texts from people become ids.
//!
//! ```text
//!  text ─► an operation of exactly that name ─► ids that begin so ─► operations whose name contains it
//!                                                 one: that one · several: a problem that lists them · none: not found
//! ```
//!
//! It is never guessed: where an id begins with the text and a name contains it, both are listed.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::{BlobHash, Fingerprint, RunId, TraceId, VerificationId};
use kino_store::snapshot::Operation;
use kino_text::suggest;
use kino_wire::Problem;
use kino_wire::ask::{Target, TargetKind};
use kino_wire::explain::ExplainOperationQuestion;
use kino_wire::resolve::{PREFIX_DIGITS_MIN, ResolveQuestion, Resolved};

use crate::error::OrProblem;
use crate::{Engine, scope};

/// Matches that a problem lists, of all kinds together.
const LISTED_MAX: usize = 10;
/// Matches of one kind that are looked for: one more than are listed, to know whether there are more.
pub(crate) const MATCHES_MAX: usize = LISTED_MAX + 1;
/// The fewest characters that are searched for within names of operations.
const NAME_CHARS_MIN: usize = 2;
/// Longer texts are not searched for.
const NAME_BYTES_MAX: usize = 1_000;
/// Characters of a text that a message repeats.
const REPEATED_MAX: usize = 100;
/// Services that are named beside an operation.
const SERVICES_MAX: usize = 3;

/// The beginning of an id, or a whole one: lowercase hex digits, as many as make it worth a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prefix(String);

impl Prefix {
    /// Reads the beginning of an id of `bytes` bytes, in either case; `None` where `text` cannot be one.
    pub(crate) fn of(text: &str, bytes: usize) -> Option<Self> {
        let is_prefix =
            (PREFIX_DIGITS_MIN..=2 * bytes).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_prefix.then(|| Self(text.to_ascii_lowercase()))
    }

    /// Returns whether an id, in lowercase hex, begins so.
    pub(crate) fn begins(&self, id: &str) -> bool {
        id.starts_with(&self.0)
    }

    pub(crate) fn digits(&self) -> &str {
        &self.0
    }

    /// The lowest and the highest id that begin so.
    fn bounds<Id: std::str::FromStr>(&self, bytes: usize) -> Option<(Id, Id)> {
        let filled = |digit: &str| {
            let missing = (2 * bytes).saturating_sub(self.0.len());
            format!("{}{}", self.0, digit.repeat(missing)).parse().ok()
        };
        Some((filled("0")?, filled("f")?))
    }
}

/// Says that a text is the beginning of several ids, or fits several names, and lists them.
pub(crate) fn several(text: &str, mut targets: Vec<Target>) -> Problem {
    let more = targets.len() > LISTED_MAX;
    targets.truncate(LISTED_MAX);
    let are_ids = targets.iter().all(|target| target.kind != TargetKind::Operation);
    let (fit, next) =
        if are_ids { ("begins several ids", "give more digits") } else { ("fits several things", "give more of it") };
    let rest = if more { ", more than these" } else { "" };
    let message = format!("{:?} {fit}{rest}: {next}", repeated(text));
    Problem { candidates: targets, ..Problem::not_found(message, Vec::new()) }
}

/// The beginning of a text, for a message.
pub(crate) fn repeated(text: &str) -> String {
    match text.char_indices().nth(REPEATED_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

/// Says that a text has too few digits for the beginning of an id; `None` where it is something else.
pub(crate) fn too_short(text: &str) -> Option<String> {
    let is_short = (1..PREFIX_DIGITS_MIN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_short.then(|| format!("the beginning of an id takes at least {PREFIX_DIGITS_MIN} digits"))
}

/// What `kind:` before an id says, and the id.
fn of_kind(text: &str) -> (Option<TargetKind>, &str) {
    let parsed = text.split_once(':').and_then(|(kind, id)| {
        let kind = TargetKind::ALL.into_iter().find(|known| known.name() == kind && *known != TargetKind::Operation)?;
        Some((kind, id))
    });
    parsed.map_or((None, text), |(kind, id)| (Some(kind), id))
}

impl Engine {
    /// Answers `resolve`.
    pub(crate) async fn resolve(&self, question: ResolveQuestion) -> Result<Resolved, Problem> {
        let kinds: BTreeSet<TargetKind> = match question.kinds.as_slice() {
            [] => TargetKind::ALL.into_iter().collect(),
            kinds => kinds.iter().copied().collect(),
        };
        let text = question.what.trim();
        let project = scope::project(&question.scope);
        let target = self.target(text, &kinds, question.service.as_deref(), project.as_deref()).await?;
        Ok(Resolved { schema: Resolved::SCHEMA.to_owned(), target })
    }

    /// The one thing of these kinds that a text means.
    pub(crate) async fn target(
        &self,
        text: &str,
        kinds: &BTreeSet<TargetKind>,
        service: Option<&str>,
        project: Option<&str>,
    ) -> Result<Target, Problem> {
        let whole = |kind, id: String| Target { kind, id, name: String::new(), time_unix_nanos: None };
        let mut operations = BTreeMap::new();
        if kinds.contains(&TargetKind::Operation) {
            operations = self.operations_by_name(service, project).await?;
            if operations.contains_key(text) {
                return Ok(whole(TargetKind::Operation, text.to_owned()));
            }
        }
        let (said, id) = of_kind(text);
        let mut found = Vec::new();
        let mut takes_ids = false;
        for kind in kinds.iter().filter(|kind| said.is_none_or(|said| said == **kind)) {
            found.extend(self.beginning(*kind, id, project).await?);
            takes_ids |= *kind != TargetKind::Operation;
        }
        if said.is_none() {
            found.extend(containing(text, &operations));
        }
        match found.len() {
            0 => {
                let takes_names = kinds.contains(&TargetKind::Operation);
                Err(none(text, id, takes_ids, takes_names, &operations))
            }
            1 => Ok(found.remove(0)),
            _ => {
                self.name_traces(&mut found).await?;
                Err(several(text, found))
            }
        }
    }

    /// The operations with executions, of one service or of all, by name.
    async fn operations_by_name(
        &self,
        service: Option<&str>,
        project: Option<&str>,
    ) -> Result<BTreeMap<String, Vec<Operation>>, Problem> {
        let known = self.snapshot().operations(project).await.or_problem()?.operations;
        let is_wanted = |operation: &Operation| {
            operation.rollup.count > 0 && service.is_none_or(|service| operation.service == service)
        };
        let mut operations: BTreeMap<String, Vec<Operation>> = BTreeMap::new();
        for operation in known.into_iter().filter(is_wanted) {
            operations.entry(operation.name.clone()).or_default().push(operation);
        }
        Ok(operations)
    }

    /// The things of a kind whose id begins so, at most [`MATCHES_MAX`]. Traces are not named yet.
    async fn beginning(&self, kind: TargetKind, id: &str, project: Option<&str>) -> Result<Vec<Target>, Problem> {
        let bytes = match kind {
            TargetKind::Operation => return Ok(Vec::new()),
            TargetKind::Trace => TraceId::LEN,
            TargetKind::Run => RunId::LEN,
            TargetKind::Verification => VerificationId::LEN,
            TargetKind::Finding => Fingerprint::LEN,
            TargetKind::Blob => BlobHash::LEN,
        };
        let Some(prefix) = Prefix::of(id, bytes) else { return Ok(Vec::new()) };
        let plain = |id: String| Target { kind, id, name: String::new(), time_unix_nanos: None };
        Ok(match kind {
            TargetKind::Operation => Vec::new(),
            TargetKind::Trace => {
                let Some((first, last)) = prefix.bounds::<TraceId>(bytes) else { return Ok(Vec::new()) };
                let ids = self.snapshot().traces_between(first, last, MATCHES_MAX).await.or_problem()?;
                ids.into_iter().map(|id| plain(id.to_string())).collect()
            }
            TargetKind::Run => self.inner.runs.beginning(&prefix).await?,
            TargetKind::Verification => self.inner.verifications.beginning(&prefix).await?,
            TargetKind::Finding => self.inner.findings.beginning(&prefix, project),
            TargetKind::Blob => {
                let Some((first, last)) = prefix.bounds::<BlobHash>(bytes) else { return Ok(Vec::new()) };
                let hashes = self.inner.store.blobs_between(first, last, MATCHES_MAX);
                hashes.into_iter().map(|hash| plain(hash.to_string())).collect()
            }
        })
    }

    /// Adds to traces when they began, and what their roots are called.
    pub(crate) async fn name_traces(&self, targets: &mut [Target]) -> Result<(), Problem> {
        let ids: Vec<TraceId> = targets.iter().filter_map(Target::trace).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let rows = self.snapshot().trace_rows(&ids).await.or_problem()?;
        for row in rows {
            let id = row.trace_id.to_string();
            for target in targets.iter_mut().filter(|target| target.kind == TargetKind::Trace && target.id == id) {
                target.name = match row.root_name.as_str() {
                    "" => String::new(),
                    name => format!("{name} ({})", row.root_service),
                };
                target.time_unix_nanos = Some(row.start.0);
            }
        }
        Ok(())
    }

    /// The trace that an id, or the beginning of one, means.
    pub(crate) async fn trace_id_of(&self, text: &str) -> Result<TraceId, Problem> {
        if let Ok(whole) = text.parse() {
            return Ok(whole);
        }
        let target = self.target(text, &BTreeSet::from([TargetKind::Trace]), None, None).await?;
        target.trace().ok_or_else(|| Problem::not_found(format!("there is no trace {:?}", repeated(text)), Vec::new()))
    }

    /// The name of the one operation that contains what was asked, for a question about an operation that is not called
    /// so.
    ///
    /// # Errors
    /// Where none does: with the nearest names. Where several do: with a list of them.
    pub(crate) async fn operation_containing(&self, question: &ExplainOperationQuestion) -> Result<String, Problem> {
        let project = scope::project(&question.scope);
        let (asked, project) = (question.operation.as_str(), project.as_deref());
        let operations = self.operations_by_name(question.service.as_deref(), project).await?;
        // Executions of an operation of exactly this name were just looked for, in vain.
        let mut found = if operations.contains_key(asked) { Vec::new() } else { containing(asked, &operations) };
        match found.len() {
            0 => Err(self.no_operation(question, project).await),
            1 => Ok(found.remove(0).id),
            _ => Err(several(asked, found)),
        }
    }
}

/// The operations whose name contains a text, whatever the case; of those that differ in case alone only they. The most
/// total time first, at most [`MATCHES_MAX`].
fn containing(text: &str, operations: &BTreeMap<String, Vec<Operation>>) -> Vec<Target> {
    if text.len() > NAME_BYTES_MAX || text.chars().count() < NAME_CHARS_MIN {
        return Vec::new();
    }
    let text = text.to_lowercase();
    let lower = |name: &String| name.to_lowercase();
    let mut fitting: Vec<_> = operations.iter().filter(|(name, _)| lower(name) == text).collect();
    if fitting.is_empty() {
        fitting = operations.iter().filter(|(name, _)| lower(name).contains(&text)).collect();
    }
    let total = |known: &[Operation]| known.iter().map(|known| i128::from(known.rollup.total_nanos)).sum::<i128>();
    fitting.sort_by_key(|(_, known)| std::cmp::Reverse(total(known)));
    let target = |(name, known): (&String, &Vec<Operation>)| Target {
        kind: TargetKind::Operation,
        id: name.clone(),
        name: services(known),
        time_unix_nanos: None,
    };
    fitting.into_iter().take(MATCHES_MAX).map(target).collect()
}

/// The services of an operation, as one text.
fn services(known: &[Operation]) -> String {
    let mut names: Vec<&str> = known.iter().map(|known| known.service.as_str()).take(SERVICES_MAX).collect();
    if known.len() > SERVICES_MAX {
        names.push("…");
    }
    names.join(", ")
}

/// Says that nothing has this id or name; with the nearest names of operations, and never an id that is unlike it.
fn none(
    text: &str,
    id: &str,
    takes_ids: bool,
    takes_names: bool,
    operations: &BTreeMap<String, Vec<Operation>>,
) -> Problem {
    let near = suggest::nearest(text, operations.keys().map(String::as_str));
    let shown = repeated(text);
    let is_hex = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let message = match too_short(id) {
        Some(hint) if takes_ids => format!("{shown:?} is too short: {hint}"),
        _ if takes_ids && is_hex && takes_names => format!("no id begins with {shown:?}, and no name contains it"),
        _ if takes_ids && is_hex => format!("no id begins with {shown:?}"),
        _ if takes_ids => {
            format!("nothing is called {shown:?}, and it is not an id: an id has hexadecimal digits alone")
        }
        _ => format!("nothing is called {shown:?}"),
    };
    Problem::not_found(message, near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_at_least_four_hex_digits_of_either_case() {
        let of = |text: &str| Prefix::of(text, TraceId::LEN).map(|prefix| prefix.0);
        assert_eq!(of("A1bD").as_deref(), Some("a1bd"));
        assert_eq!(of(&"f".repeat(32)), Some("f".repeat(32)));
        for wrong in ["", "a1b", "a1bg", "a1b ", "éé", &"f".repeat(33)] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_bounds_of_a_prefix_are_the_ids_that_begin_so() {
        let prefix = Prefix::of("a1bd3", TraceId::LEN).unwrap();
        let (first, last) = prefix.bounds::<TraceId>(TraceId::LEN).unwrap();
        assert_eq!(first.to_string(), format!("a1bd3{}", "0".repeat(27)));
        assert_eq!(last.to_string(), format!("a1bd3{}", "f".repeat(27)));
    }

    #[test]
    fn a_kind_before_an_id_is_read_and_a_name_with_a_colon_is_not_taken_for_one() {
        assert_eq!(of_kind("run:ab12"), (Some(TargetKind::Run), "ab12"));
        assert_eq!(of_kind("std::vec"), (None, "std::vec"));
        assert_eq!(of_kind("operation:x"), (None, "operation:x"));
    }
}
