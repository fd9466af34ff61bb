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
mod closed;
pub mod columns;
pub mod exact;
pub mod finding;
pub mod id;
pub mod lines;
pub mod names;
pub mod redacted;
pub mod span;
pub mod test_case;
pub mod time;

pub use attribute::{Attributes, Value};
pub use batch::Batch;
pub use clock::Clock;
pub use id::{BlobHash, Fingerprint, RunId, SpanId, TraceId, VerificationId};
/// Text of 24 bytes: up to 23 bytes are stored in place, longer ones are shared by its clones.
#[doc(no_inline)]
pub use smol_str::SmolStr as Text;
pub use span::{Event, Link, LogRecord, Resource, Scope, Span, SpanKind, Status, StatusCode, Trace};
/// A list of one word: its length is stored beside its members, and an empty list allocates nothing.
#[doc(no_inline)]
pub use thin_vec::{ThinVec, thin_vec};
pub use time::{DurationNanos, UnixNanos};
