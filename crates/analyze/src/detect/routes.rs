//! Which pages a server answers whose framework names no route: requests are named by their method alone then, and
//! executions of any page are of one name. They are distinguished by the path that was recorded, with its ids taken out.
//!
//! A part of a path is an id where it looks like one ([`url_template`]), or where paths that are otherwise the same have
//! more than [`WORDS_MAX`] different ones in its place: names of people, titles, files.

use std::collections::{BTreeMap, BTreeSet};

use kino_model::{Span, SpanKind};

use crate::execution::Execution;
use crate::statement::url_template;

/// Different words in one place of otherwise equal paths that may be pages rather than names of things.
const WORDS_MAX: usize = 8;
/// Parts of a path that count; deeper ones are one.
const PARTS_MAX: usize = 8;
/// Characters of a path that it is known by.
const CHARS_MAX: usize = 80;
/// A part of a path that differs from one request to the next.
const DIFFERS: &str = "{name}";

/// Whether an operation is named by its HTTP method alone.
pub(super) fn is_method(name: &str) -> bool {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HTTP"].contains(&name)
}

/// Returns the paths of executions that are requests without a route, `None` of all others. The path of a request hangs on
/// those of the other `executions`, and not on their order.
pub(super) fn paths(executions: &[Execution<'_, '_>]) -> Vec<Option<String>> {
    let mut split: Vec<Option<(RouteKey<'_>, Vec<String>)>> = executions.iter().map(split).collect();
    for position in 0..=PARTS_MAX {
        // What is before this part is as it will be, so that each place is judged once.
        let mut words: BTreeMap<(RouteKey<'_>, Vec<String>), BTreeSet<String>> = BTreeMap::new();
        for (key, parts) in split.iter().flatten().filter(|(_, parts)| position < parts.len()) {
            words.entry((*key, around(parts, position))).or_default().insert(parts[position].clone());
        }
        words.retain(|_, words| words.len() > WORDS_MAX);
        if words.is_empty() {
            continue;
        }
        for (key, parts) in split.iter_mut().flatten().filter(|(_, parts)| position < parts.len()) {
            if words.contains_key(&(*key, around(parts, position))) {
                DIFFERS.clone_into(&mut parts[position]);
            }
        }
    }
    let path = |(_, parts): (RouteKey<'_>, Vec<String>)| parts.join("/").chars().take(CHARS_MAX).collect();
    split.into_iter().map(|split| split.map(path)).collect()
}

/// Service, method and how many parts the path has.
type RouteKey<'a> = (&'a str, &'a str, usize);

/// The parts of a path but one.
fn around(parts: &[String], position: usize) -> Vec<String> {
    [&parts[..position], &parts[position + 1..]].concat()
}

fn split<'a>(execution: &Execution<'_, 'a>) -> Option<(RouteKey<'a>, Vec<String>)> {
    let span: &'a Span = execution.tree.span(execution.entry);
    if span.kind != SpanKind::Server || !is_method(&span.name) || span.attribute("http.route").is_some() {
        return None;
    }
    let address = ["url.path", "http.target", "url.full"].iter().find_map(|key| span.text(key))?;
    let template = url_template(address);
    let path = template.split('?').next().unwrap_or_default();
    let mut parts: Vec<String> = path.splitn(PARTS_MAX + 1, '/').map(str::to_owned).collect();
    if let Some(last) = parts.get_mut(PARTS_MAX) {
        "…".clone_into(last);
    }
    Some(((span.service(), span.name.as_str(), parts.len()), parts))
}
