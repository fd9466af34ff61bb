//! Text between people and the product: figures, durations, times and expectations, suggestions, harmless and encoded
//! text, and its layout.
//!
//! Every front end writes a duration, reads a time, suggests a name and cleans a recorded text the same way, because all
//! of them do it here. Nothing here does IO or reads a clock; only [`time::zone`] asks the system for its time zone.

pub mod expectation;
pub mod figures;
pub mod layout;
pub mod percent;
pub mod suggest;
pub mod time;
pub mod timeline;
mod tone;
pub mod tree;
pub mod untrusted;

pub use tone::Tone;
