//! The one model: a trace is a tree of spans, with point events on them and links between them.
//!
//! Owns ids, times, spans, events, links, resources, attribute names and the columnar batch that carries them from
//! the decoders to the store. It never does IO, never reads the clock, and knows no wire format.
//!
//! ```text
//!  rows (Span, Event, Link) ⇄ Batch { spans, events, links } ── columns named in `columns`, keys in `names`
//! ```

pub mod attribute;
pub mod batch;
pub mod clock;
pub mod columns;
pub mod exact;
pub mod id;
pub mod names;
pub mod redacted;
pub mod span;
pub mod time;
pub mod untrusted;

pub use attribute::{Attributes, Value};
pub use batch::Batch;
pub use clock::Clock;
pub use id::{SpanId, TraceId};
pub use span::{Event, Link, LogRecord, Resource, Scope, Span, SpanKind, Status, StatusCode, Trace};
pub use time::{DurationNanos, UnixNanos};
