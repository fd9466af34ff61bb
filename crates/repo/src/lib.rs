//! The repository around a directory: its name as a project, the state of its code, other revisions of it.
//!
//! Which project a directory belongs to is read from the disk ([`project`]); all else is asked of the git command, which
//! is started here and nowhere else ([`Git`]). Nothing that a repository's configuration names is executed on the way
//! ([ADR 9](../../../docs/adr/0009-nothing-a-repository-names-is-executed.md)).

mod changed;
mod code;
mod command;
mod files;
mod isolated;
pub mod project;
mod worktree;

pub use changed::{ChangedFile, changed_files};
pub use code::{Code, DIFF_BYTES_MAX};
pub use command::Git;
pub use files::{Files, Folder};
pub use project::Project;
pub use worktree::{CheckOutError, Worktree};
