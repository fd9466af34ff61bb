//! What tests and benchmarks share: a clock moved by hand, and realistic traces from a seed.
//!
//! Nothing here ships. Everything that is made is deterministic: the same seed gives the same spans, ids and bytes.

pub mod clock;
pub mod faults;
#[cfg(feature = "grpc")]
pub mod grpc;
pub mod otlp;
pub mod random;
pub mod shop;
pub mod stream;
pub mod topology;

pub use clock::{SystemClock, TestClock};
pub use random::Random;
pub use shop::Shop;
pub use stream::{RequestStream, Unrest};
pub use topology::Topology;
