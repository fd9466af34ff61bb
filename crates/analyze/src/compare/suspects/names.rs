//! Which operation a span counts to: the one of its service and name, but
//!
//! | what the name is | its spans count to |
//! |---|---|
//! | one of many that differ in a number or an id | the most frequent of these names |
//! | one that a service calls several others by (`GET`) | one operation for each service that answers |
//!
//! A call without an answer counts to the service that answers at its address.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::HashMap;
use kino_model::{Span, SpanKind};

use super::edges;
use crate::execution::Execution;
use crate::fingerprint::shape;
use crate::operation::OperationIds;
use crate::tree::Tree;

/// Names of one service that differ in nothing but numbers and ids: more of them are the names of things, not of
/// operations.
const ALIKE_MAX: usize = 20;
/// Attributes of a client span that say whom it calls, the most certain first.
const ADDRESSES: [&str; 6] = ["server.address", "peer.service", "net.peer.name", "http.host", "url.full", "http.url"];

/// Which operation each span counts to.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    /// By operation as spans name it: the most frequent one of names that are alike.
    alike: HashMap<usize, usize>,
    /// By a client's operation and the service that answers.
    answered: HashMap<(usize, &'a str), usize>,
    /// By a client's operation and the address that it calls: the service that answers there; `None` where several do.
    at: HashMap<(usize, &'a str), Option<&'a str>>,
    /// By the operations of `answered`: the one as spans name it.
    named: HashMap<usize, usize>,
}

impl<'a> Names<'a> {
    /// Of all that both sides have.
    pub(super) fn new(sides: [&[Execution<'_, 'a>]; 2], operations: &mut OperationIds<'a>) -> Self {
        let mut names = Self::default();
        let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
        let mut callees: BTreeMap<usize, BTreeSet<&'a str>> = BTreeMap::new();
        for execution in sides.into_iter().flatten() {
            let tree = execution.tree;
            for &index in execution.spans() {
                let span = tree.span(index as usize);
                let number = operations.of(span);
                *counts.entry(number).or_default() += 1;
                let Some(server) = edges::server_of(tree, index as usize) else { continue };
                let service = tree.span(server).service();
                callees.entry(number).or_default().insert(service);
                if let Some(address) = address(span) {
                    let known = names.at.entry((number, address)).or_insert(Some(service));
                    *known = known.filter(|known| *known == service);
                }
            }
        }
        names.find_alike(&counts, operations);
        let mut by_name: BTreeMap<usize, BTreeSet<&'a str>> = BTreeMap::new();
        for (number, services) in callees {
            by_name.entry(names.alike(number)).or_default().extend(services);
        }
        for (number, services) in by_name.into_iter().filter(|(_, services)| services.len() > 1) {
            let (service, name) = operations.name(number);
            let name = name.to_owned();
            for callee in services {
                let apart = operations.numbered(service, format!("{name} → {callee}").into());
                names.answered.insert((number, callee), apart);
                names.named.insert(apart, number);
            }
        }
        names
    }

    fn find_alike(&mut self, counts: &BTreeMap<usize, u64>, operations: &OperationIds<'a>) {
        let mut groups: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
        for number in counts.keys() {
            let (service, name) = operations.name(*number);
            groups.entry((service, shape(name))).or_default().push(*number);
        }
        for group in groups.into_values().filter(|group| group.len() > ALIKE_MAX) {
            let Some(most) = group.iter().copied().max_by_key(|number| (counts[number], std::cmp::Reverse(*number)))
            else {
                continue;
            };
            self.alike.extend(group.into_iter().map(|number| (number, most)));
        }
    }

    fn alike(&self, number: usize) -> usize {
        self.alike.get(&number).copied().unwrap_or(number)
    }

    /// The operation that a span counts to.
    pub(super) fn of(&self, operations: &mut OperationIds<'a>, tree: &Tree<'a>, index: usize) -> usize {
        let span = tree.span(index);
        let own = operations.of(span);
        let number = self.alike(own);
        if self.answered.is_empty() {
            return number;
        }
        let service = match edges::server_of(tree, index) {
            Some(server) => Some(tree.span(server).service()),
            None if span.kind == SpanKind::Client => {
                address(span).and_then(|address| self.at.get(&(own, address)).copied().flatten())
            }
            None => None,
        };
        service.and_then(|service| self.answered.get(&(number, service)).copied()).unwrap_or(number)
    }

    /// The operation as spans name it.
    pub(super) fn named(&self, number: usize) -> usize {
        self.named.get(&number).copied().unwrap_or(number)
    }
}

/// Whom a client calls; of an address the part up to its path.
fn address(span: &Span) -> Option<&str> {
    let address = ADDRESSES.iter().find_map(|key| span.text(key))?;
    let host = address.split_once("://").map_or(address, |(_, rest)| rest);
    Some(host.split(['/', '?']).next().unwrap_or(host))
}
