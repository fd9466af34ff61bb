//! The shapes of every interface: what `--json` prints, REST answers and MCP's structured content carries.
//!
//! Each answer names its shape and version in `schema`. Times are integers in Unix nanoseconds, ids lowercase hex.
//! Fields are added freely; a field that changes its meaning or goes away raises the version. Owns no logic.

pub mod admin;
pub mod apart;
pub mod ask;
pub mod change;
pub mod check;
pub mod compare;
pub mod damage;
pub mod diagnose;
pub mod errors;
pub mod evidence;
pub mod explain;
pub mod export;
pub mod find;
pub mod finding;
pub mod forward;
pub mod hook;
pub mod insights;
pub mod live;
pub mod predict;
pub mod resolve;
pub mod run;
pub mod schema;
pub mod search;
pub mod sql;
pub mod suite;
pub mod verify;
pub mod window;

pub use ask::{Access, Backend, Cost, Problem, ProblemKind, Question, error_chain, passes};
pub use damage::Damage;
