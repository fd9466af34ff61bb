//! What can be wrong with a service: kinds of faults, where each applies, and parameters drawn from ranges.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::services::{GATEWAY, Service};
use crate::random::Random;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// Other processes use the core that the service alone is on.
    Cpu,
    /// The network before the service is slow.
    Delay,
    /// A handler raises in a share of its calls.
    Exception,
    /// A handler answers with nothing, before it asks anybody.
    EarlyReturn,
    /// What its store or the bank answers takes several times as long.
    SlowDependency,
    /// Its client asks several times.
    RetryStorm,
    /// Something else in it holds the lock that handlers need.
    Lock,
    /// Each request allocates and touches much memory.
    Memory,
    /// A pool of one connection, or a timeout that is too short.
    Config,
}

/// Every kind, in the order of the report.
pub(super) const FAULTS: [Fault; 9] = [
    Fault::Cpu,
    Fault::Delay,
    Fault::Exception,
    Fault::EarlyReturn,
    Fault::SlowDependency,
    Fault::RetryStorm,
    Fault::Lock,
    Fault::Memory,
    Fault::Config,
];

impl Fault {
    /// Its name in files and tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Delay => "delay",
            Self::Exception => "exception",
            Self::EarlyReturn => "early_return",
            Self::SlowDependency => "slow_dependency",
            Self::RetryStorm => "retry_storm",
            Self::Lock => "lock",
            Self::Memory => "memory",
            Self::Config => "config",
        }
    }

    /// Returns whether a service can have it so that a trace can show it.
    pub(super) fn applies_to(self, service: &Service) -> bool {
        match self {
            // What is slow before the gateway is outside every span.
            Self::Delay => service.name != GATEWAY,
            Self::SlowDependency => service.has_store,
            Self::RetryStorm | Self::Config => !service.peers.is_empty(),
            Self::Cpu | Self::Exception | Self::EarlyReturn | Self::Lock | Self::Memory => true,
        }
    }

    /// Draws the operation where it is one handler, and the parameters.
    pub(super) fn draw(self, service: &Service, random: &mut Random) -> (Option<&'static str>, Value) {
        let is_of_handler = matches!(self, Self::Exception | Self::EarlyReturn);
        let operation =
            is_of_handler.then(|| service.operations[random.below(service.operations.len() as u64) as usize]);
        let mut whole = |range: RangeInclusive<u64>| range.start() + random.below(range.end() - range.start() + 1);
        let parameters = match self {
            Self::Cpu => json!({ "burners": whole(1..=3) }),
            Self::Delay => json!({ "delay_ms": whole(30..=200) }),
            Self::Exception => json!({ "share": percent(whole(20..=100)), "type": whole(0..=3) }),
            Self::EarlyReturn => json!({ "share": percent(whole(30..=100)) }),
            Self::SlowDependency => json!({ "factor": whole(3..=20) }),
            Self::RetryStorm => {
                json!({ "retries": whole(3..=6), "share": percent(whole(30..=100)), "pause_ms": whole(1..=20) })
            }
            Self::Lock => json!({ "hold_ms": whole(20..=120), "pause_ms": whole(20..=150) }),
            Self::Memory => json!({ "megabytes": whole(20..=80), "objects": whole(20_000..=120_000) }),
            Self::Config if whole(0..=1) == 0 => json!({ "reconnect_ms": whole(10..=40) }),
            Self::Config => json!({ "timeout_ms": whole(4..=15) }),
        };
        (operation, parameters)
    }
}

fn percent(hundredths: u64) -> f64 {
    hundredths as f64 / 100.0
}
