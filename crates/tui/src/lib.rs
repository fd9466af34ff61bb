//! `kino watch`: traces, findings and runs as they come, and everything below them, in a terminal.
//!
//! ```text
//!  keys, answers, time ─► State::update ─► commands ─► the loop ─► backend
//!                             │
//!                             └─► draw ─► cells ─► terminal
//! ```
//!
//! [`State`] and [`draw`] are pure; [`watch`] is the thin loop around them, which asks beside the drawing so that an
//! engine that takes its time never holds a key up. It knows no engine, only the questions of `wire`; and recorded
//! text, which is hostile, passes through one place on its way to the screen.

mod document;
mod event;
mod filter;
mod list;
mod pages;
mod run;
mod screen;
mod state;
mod time;
mod trace;
mod update;
mod view;
mod views;

#[cfg(test)]
mod tests;

pub use event::{Answer, Ask, Command, Event, Key, Ticket};
pub use run::{ExitReason, WatchError, watch};
pub use state::{Options, State};
pub use view::draw;
