//! Divides the descriptors of this process among its listeners: how many connections each may have open.
//!
//! ```text
//!  descriptors ─┬─ half: the store's files, and everything else
//!               └─ half: connections ─┬─ 3/8 OTLP over gRPC
//!                                     ├─ 3/8 OTLP over HTTP
//!                                     └─ 2/8 REST and MCP, which senders cannot use up
//! ```

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors with which every listener has its largest number of connections; more are of no use.
const USEFUL_MAX: u64 = 8_192;
/// The most connections of an OTLP listener, for their memory: an idle one takes about 20 kB.
const OTLP_MAX: u64 = 1_024;
/// The most connections of the listener for REST and MCP.
const REST_MAX: u64 = 512;
/// The fewest connections of any listener.
const LISTENER_MIN: u64 = 8;

/// The most connections of each listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// REST, MCP, health, metrics.
    pub(crate) rest: usize,
    /// OTLP over gRPC.
    pub(crate) otlp_grpc: usize,
    /// OTLP over HTTP.
    pub(crate) otlp_http: usize,
}

impl Shares {
    /// Raises the limit of this process as far as is allowed and of use, and divides it. Processes that this one starts
    /// inherit the raised limit.
    pub(crate) fn available() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        // `None` is no limit at all.
        let Some(before) = current else { return Self::of(USEFUL_MAX) };
        let wanted = USEFUL_MAX.min(maximum.unwrap_or(USEFUL_MAX));
        if before >= wanted {
            return Self::of(before);
        }
        match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
            Ok(()) => Self::of(wanted),
            Err(error) => {
                tracing::warn!(%error, before, "the limit of open files cannot be raised");
                Self::of(before)
            }
        }
    }

    fn of(descriptors: u64) -> Self {
        let connections = descriptors / 2;
        let share = |eighths: u64, most: u64| (connections * eighths / 8).clamp(LISTENER_MIN, most) as usize;
        Self { rest: share(2, REST_MAX), otlp_grpc: share(3, OTLP_MAX), otlp_http: share(3, OTLP_MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_has_half_of_the_descriptors_and_rest_its_share() {
        for descriptors in [128, 256, 1_024, 4_096, USEFUL_MAX, 1 << 20] {
            let shares = Shares::of(descriptors);
            let all = (shares.rest + shares.otlp_grpc + shares.otlp_http) as u64;
            assert!(all <= descriptors / 2, "{descriptors}: {shares:?}");
            assert!(shares.rest as u64 >= LISTENER_MIN, "{descriptors}: {shares:?}");
        }
        assert_eq!(Shares::of(1_024), Shares { rest: 128, otlp_grpc: 192, otlp_http: 192 });
        assert_eq!(Shares::of(u64::MAX / 8).rest as u64, REST_MAX);
    }
}
