//! What Kinescope knows of AI assistants: which there are, and what they call themselves.
//!
//! Knowledge alone: nothing here reads a file, the environment or a clock, and nothing decides for the user.

mod agent;

pub use agent::{Agent, UnknownAgent};
