//! Which operation of GraphQL an execution carries out: all of a server's queries arrive at one address, so that the
//! span at which executions start has one name for all of them. Executions are divided by it here, as by the path of
//! requests without a route ([`super::routes`]) and by the command of a run, which is named by its program alone.
//!
//! Reads what libraries of GraphQL record by OpenTelemetry's conventions; never parses a document.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::Span;

use super::routes;
use crate::execution::{Execution, command_of};

/// Spans of an execution, in call order, among which the one of its operation is looked for.
const SEARCHED_MAX: usize = 256;
/// Operations of one entry that are judged apart; executions of further ones are judged together.
const OPERATIONS_MAX: usize = 64;
/// Characters of a document that stand for the name of an operation without one.
const DOCUMENT_CHARS_MAX: usize = 80;

/// What executions have in common that are judged together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FieldKey<'a> {
    pub(super) service: &'a str,
    /// Of the span that they start at.
    pub(super) name: &'a str,
    /// Of GraphQL; `None` where none was recorded.
    operation: Option<String>,
    /// Of requests without a route; `None` of all others.
    path: Option<String>,
    /// What a run executes; `None` where executions are no runs.
    command: Option<String>,
}

impl FieldKey<'_> {
    /// What a reader knows them by.
    pub(super) fn title(&self) -> String {
        self.with(self.operation.as_deref().or(self.path.as_deref()))
    }

    /// What findings about them are known by.
    pub(super) fn identity(&self) -> String {
        self.with(self.operation.as_deref())
    }

    fn with(&self, what: Option<&str>) -> String {
        let name = self.command.as_deref().unwrap_or(self.name);
        [Some(name), what].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// Groups executions by entry and, within an entry, by operation of GraphQL, path or command.
pub(super) fn by_operation<'t, 'a>(executions: &[Execution<'t, 'a>]) -> BTreeMap<FieldKey<'a>, Vec<Execution<'t, 'a>>> {
    let mut known: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    let mut groups: BTreeMap<FieldKey<'a>, Vec<Execution<'t, 'a>>> = BTreeMap::new();
    for (execution, path) in executions.iter().zip(routes::paths(executions)) {
        let span = execution.tree.span(execution.entry);
        let (service, name) = (span.service(), span.name.as_str());
        let mut is_apart = |what: &String| {
            let known = known.entry((service, name)).or_default();
            known.contains(what) || (known.len() < OPERATIONS_MAX && known.insert(what.clone()))
        };
        let operation = operation(execution).filter(&mut is_apart);
        let path = path.filter(|path| operation.is_none() && is_apart(path));
        let command = command_of(span);
        groups.entry(FieldKey { service, name, operation, path, command }).or_default().push(*execution);
    }
    groups
}

/// Whether an execution serves GraphQL, so that executions of the same name may be of different operations.
pub(super) fn is_served(execution: &Execution<'_, '_>) -> bool {
    const ADDRESSES: [&str; 4] = ["http.route", "url.path", "http.target", "url.full"];
    let entry = execution.tree.span(execution.entry);
    let is_address = |address: &str| {
        let path = address.split(['?', '#']).next().unwrap_or_default();
        path.trim_end_matches('/').rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case("graphql"))
    };
    ADDRESSES.iter().filter_map(|key| entry.text(key)).any(is_address) || operation(execution).is_some()
}

/// What the first operation is called that an execution carries out: its type and its name, or the beginning of its
/// document where it has no name. `None` where none was recorded.
fn operation(execution: &Execution<'_, '_>) -> Option<String> {
    let mut spans = execution.spans().iter().take(SEARCHED_MAX).map(|&index| execution.tree.span(index as usize));
    spans.find_map(described)
}

fn described(span: &Span) -> Option<String> {
    let (of_type, name) = (span.text("graphql.operation.type"), span.text("graphql.operation.name"));
    if of_type.is_none() && name.is_none() {
        return None;
    }
    let document = || span.text("graphql.document").or_else(|| span.text("graphql.source"));
    let what = name.filter(|name| !name.is_empty()).or_else(document).unwrap_or_default();
    let words: Vec<&str> = of_type.into_iter().chain(what.split_whitespace()).collect();
    Some(words.join(" ").chars().take(DOCUMENT_CHARS_MAX).collect())
}
