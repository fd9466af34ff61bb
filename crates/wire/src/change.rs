//! `change`: which lines changed since the last commit no recorded run of this state of the code has executed.

pub use kino_model::lines::LineRange;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::explain::is_zero;

/// Files of an answer when nothing is said.
pub const DEFAULT_LIMIT: usize = 100;
/// The most files of an answer.
pub const MAX_LIMIT: usize = 1_000;

/// Asks about what is uncommitted in a worktree now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeQuestion {
    /// A folder of the worktree, as an absolute path.
    pub worktree: String,
    /// At most this many files; 0 for [`DEFAULT_LIMIT`].
    #[serde(default)]
    pub limit: usize,
}

/// `kino.change.v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// `kino.change.v1`.
    pub schema: String,
    /// The worktree's root.
    pub worktree: String,
    /// The last commit.
    pub commit: String,
    /// The state of the code: the commit, plus `+` and a hash of what is uncommitted.
    pub code_state: String,
    /// Runs of this state that recorded lines (`kino run --lines`).
    pub runs: u64,
    /// Runs of this state that did not: what they executed is not known.
    pub runs_without_lines: u64,
    /// Runs of other states of the same commit that recorded lines: a file has changed since, or a run left one behind
    /// that git does not ignore.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub runs_of_other_states: u64,
    /// Changed lines of all files below that can execute.
    pub changed: u64,
    /// Those among them that a run executed.
    pub executed: u64,
    /// The files with such lines: those with most unexercised lines first, then by path.
    pub files: Vec<ChangedFile>,
    /// What is not below.
    pub left_out: ChangeLeftOut,
}

/// A file with changed lines that can execute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangedFile {
    /// Its path, relative to the worktree.
    pub path: String,
    /// Changed lines that can execute.
    pub changed: u64,
    /// Those among them that a run executed.
    pub executed: u64,
    /// Changed lines that can execute and that no run executed, ascending.
    pub unexercised: Vec<LineRange>,
    /// Whether a run said which lines can execute; else all are taken that are neither blank nor a comment.
    pub judged_by_run: bool,
    /// Whether something made of the file was executed, by a way that leads not back to its lines: they may have been.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unmapped: bool,
}

/// Changes that an answer lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeLeftOut {
    /// Files with unexercised lines beyond the limit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files: u64,
    /// Changed files in languages whose lines are not recorded.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files_not_recorded: u64,
    /// Bytes of the diff beyond what is read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub diff_bytes: u64,
    /// Changed files that runs were not asked about, as there were too many.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files_not_asked: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}

crate::question!(ChangeQuestion, "change", Read, Memory, Change);
crate::schema!(Change, "kino.change.v1");
