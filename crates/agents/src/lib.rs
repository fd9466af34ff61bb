//! What Kinescope knows of AI assistants: which there are, where their files are, what is written into them, and how a
//! text is edited so that everything else in it keeps its bytes.
//!
//! ```text
//! Agent + places (home, variables) ─► offers ─► edits ─► text in, text out ─► diff
//! ```
//!
//! Knowledge alone: nothing here reads a file, the environment or a clock, and nothing decides for the user.

mod agent;
pub mod diff;
mod edit;
pub mod hook;
pub mod jsonc;
pub mod marked;
mod offer;
mod places;
pub mod review;
pub mod shell;
pub mod toml_text;
mod words;
pub mod wrap;

pub use agent::{Agent, UnknownAgent};
pub use edit::{Edit, Edited, SERVER};
pub use offer::{Extras, Offer, Program, Purpose, events, offers, stop_event};
pub use places::{Places, Scope, Surroundings, places};
