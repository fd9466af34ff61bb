//! The wait: where most of the additional time of a slow execution passed, or most of a failed one's.

use kino_model::Span;
use kino_model::finding::WaitKind;

use super::operations::LikesByOperation;
use super::{Apart, location};
use crate::finding::{Evidence, Location, evidence};
use crate::statement::normalise;

/// The part of the additional time (of a failed execution without likes: of all of it) that an operation must hold.
const SHARE_MIN: f64 = 0.3;

/// What an execution waited for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    pub service: String,
    /// The span's name.
    pub name: String,
    /// What kind of wait.
    pub kind: WaitKind,
    /// Time in this operation and in none below on the critical path here.
    pub nanos: i64,
    /// The same in a good like, the median; `None` with too few of them.
    pub usual_nanos: Option<i64>,
    /// Which part of the additional time it is, 0 to 1; of the whole where nothing is known to be usual.
    pub share: f64,
    /// What was waited for, as recorded: a statement without its literals, a host, a lock.
    pub what: Option<String>,
    /// Where in the code.
    pub location: Option<Location>,
    /// The span with the most of it.
    pub evidence: Evidence,
}

/// The kind of wait that a span records.
fn kind_of(span: &Span, has_children: bool) -> WaitKind {
    let kinds: &[(&[&str], WaitKind)] = &[
        (&["kino.lock.name"], WaitKind::Lock),
        (&["db.query.text", "db.system.name", "db.operation.name"], WaitKind::Database),
        (&["gen_ai.request.model"], WaitKind::Model),
        (&["messaging.system"], WaitKind::Messaging),
        (&["rpc.system"], WaitKind::Rpc),
    ];
    let has = |keys: &[&str]| keys.iter().any(|key| span.attribute(key).is_some());
    let is_client = span.kind == kino_model::SpanKind::Client;
    match kinds.iter().find(|(keys, _)| has(keys)) {
        Some((_, kind)) => *kind,
        None if is_client && has(&["http.request.method"]) => WaitKind::Http,
        None if is_client => WaitKind::Client,
        None if has_children => WaitKind::BetweenCalls,
        None => WaitKind::Itself,
    }
}

/// The wait of an unusual execution.
pub(super) fn wait(known: &LikesByOperation<'_, '_, '_>, apart: &Apart) -> Option<Wait> {
    let (index, nanos, usual) = known.times().into_iter().next()?;
    let tree = known.subject.tree;
    let span = tree.span(index);
    let kind = kind_of(span, !tree.children(index).is_empty());
    let usual_whole = apart.likes.duration.map(|duration| duration.p50).filter(|_| usual.is_some());
    let whole = apart.duration_nanos - usual_whole.unwrap_or(0);
    let share = (nanos - usual.unwrap_or(0)) as f64 / whole.max(1) as f64;
    // A failed execution that was not slow has only waited if that is most of what it did, and nothing is usual.
    let is_wait = !matches!(kind, WaitKind::Itself | WaitKind::BetweenCalls);
    let is_reported = apart.is_slow || (usual.is_none() && is_wait);
    (is_reported && share >= SHARE_MIN).then(|| Wait {
        service: span.service().to_owned(),
        name: span.name.to_string(),
        kind,
        nanos,
        usual_nanos: usual,
        share: share.clamp(0.0, 1.0),
        what: what(span, kind),
        location: location(known.subject, index),
        evidence: evidence(tree.trace().trace_id, span),
    })
}

fn what(span: &Span, kind: WaitKind) -> Option<String> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| span.text(key)).map(str::to_owned);
    match kind {
        WaitKind::Lock => text(&["kino.lock.name"]),
        WaitKind::Database => span.text("db.query.text").map(normalise),
        WaitKind::Model => text(&["gen_ai.request.model"]),
        WaitKind::Messaging => text(&["messaging.destination.name"]),
        WaitKind::Rpc => text(&["rpc.service", "server.address"]),
        WaitKind::Http | WaitKind::Client => text(&["server.address", "peer.service"]),
        WaitKind::BetweenCalls | WaitKind::Itself => None,
    }
}
