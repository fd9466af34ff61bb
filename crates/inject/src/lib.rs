//! What lets an unprepared program report what it does: the bootstrap for Python and Node, and the way that its
//! spans take.
//!
//! ```text
//!  bootstrap   files in this binary ─► a folder of the home ─► PYTHONPATH, NODE_OPTIONS of the command
//!  channel     a file in memory:  processes of the run append finished spans ─► the recorder of the run reads them
//!  records     what processes append ─► OTLP in JSON, and what was lost
//!  lines       which lines of changed files were executed, where that is asked for
//!  writer      what a process of this binary appends itself
//! ```
//!
//! The programs themselves are in `python/` and `node/`. This crate starts no process and asks no engine.

pub mod bootstrap;
pub mod channel;
pub mod lines;
pub mod records;
pub mod served;
pub mod writer;
