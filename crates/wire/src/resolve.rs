//! `resolve`: what a whole id, the beginning of one, or a name means.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ask::{Scope, Target, TargetKind};

/// The fewest digits that count as the beginning of an id.
pub const PREFIX_DIGITS_MIN: usize = 4;

/// Asks which trace, operation, run, verification, finding or blob a text means.
///
/// An operation of exactly that name comes first; then whole ids and beginnings of ids, at least
/// [`PREFIX_DIGITS_MIN`] hex digits in either case; then operations whose name contains the text. `trace:`, `run:`,
/// `verification:`, `finding:` and `blob:` before an id say its kind. Where several things fit, the problem lists them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResolveQuestion {
    /// The text.
    pub what: String,
    /// The kinds that it may be of; empty for all.
    pub kinds: Vec<TargetKind>,
    /// Operations of exactly this service.
    pub service: Option<String>,
    /// Whose operations and findings. Other ids are never scoped.
    pub scope: Scope,
}

/// `kino.resolve.v1`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Resolved {
    /// `kino.resolve.v1`.
    pub schema: String,
    /// The one thing that the text means.
    pub target: Target,
}

crate::question!(ResolveQuestion, "resolve", Read, Rows, Resolved);
crate::schema!(Resolved, "kino.resolve.v1");
