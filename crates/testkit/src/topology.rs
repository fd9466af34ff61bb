//! Systems of services drawn from a seed, and one fault at a time in them.
//!
//! ```text
//!  seed ── Topology::draw ──► services, operations, calls
//!       ── Topology::fault ──► one fault of one service
//!       ── Topology::window ──► the traces of some seconds, with the fault or without
//! ```
//!
//! Every parameter is drawn: how many services there are, who calls whom, how often, one after another or at the same
//! time, how long it takes, how often it fails by itself, what it logs. A window's requests arrive at random, and the
//! whole system may be somewhat faster or slower than in another window.

mod request;

use kino_model::Trace;

use crate::Random;

/// The most spans of one request; further calls are not made.
const SPANS_MAX: usize = 400;

/// A system of services.
#[derive(Clone, Debug)]
pub struct Topology {
    services: Vec<String>,
    operations: Vec<Operation>,
    /// Operations at which requests arrive, with their share of the traffic.
    entries: Vec<(usize, f64)>,
    /// Requests of one window.
    requests: u64,
}

/// What a service does when it is called.
#[derive(Clone, Debug)]
struct Operation {
    service: usize,
    name: String,
    own_nanos: f64,
    /// The spread of its own time: a log-normal distribution's sigma.
    spread: f64,
    calls: Vec<Call>,
    is_parallel: bool,
    /// How often it fails by itself.
    failing: f64,
    /// Whether it goes on when a call of it fails.
    is_tolerant: bool,
    /// Log lines, and how often each is written.
    lines: Vec<(String, f64)>,
}

/// A call that an operation makes.
#[derive(Clone, Debug)]
struct Call {
    to: Callee,
    chance: f64,
    times: u64,
}

#[derive(Clone, Debug)]
enum Callee {
    /// An operation of another service, and the time between client and server.
    Operation { operation: usize, gap_nanos: f64 },
    /// A database without spans of its own.
    Database { statement: String, nanos: f64 },
}

/// What is wrong with a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FaultKind {
    /// Everything that the service does itself takes this many times as long.
    Slow(f64),
    /// Calls of the service arrive this much later, in nanoseconds.
    Delay(f64),
    /// It fails in this share of its calls, before it calls anything.
    Exception(f64),
    /// It answers in this share of its calls before it has called anything, without an error.
    EarlyReturn(f64),
    /// Its databases take this many times as long.
    SlowDatabase(f64),
    /// It makes each of its calls this many times.
    Repeats(u64),
    /// It seldom gets a core: what it does itself takes this many times as long, and each time it waits for a message it
    /// goes on later by some part of this, in nanoseconds.
    Starved(f64, f64),
    /// All that it sends and receives is this much later, in nanoseconds.
    Network(f64),
    /// Everything that the service does itself takes ever longer, up to this many times as long at the window's end.
    Leak(f64),
    /// It fails in this share of its calls, and its callers go on without its answer.
    Caught(f64),
    /// It answers in this share of its calls before it has done anything, without an error.
    Quick(f64),
    /// The same with an answer of which its callers make nothing: they go no further.
    Empty(f64),
    /// It answers in this share of its calls after the first one that it makes, without an error.
    Midway(f64),
}

impl FaultKind {
    /// Its name in snake case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow(_) => "slow",
            Self::Delay(_) => "delay",
            Self::Exception(_) => "exception",
            Self::EarlyReturn(_) => "early_return",
            Self::SlowDatabase(_) => "slow_database",
            Self::Repeats(_) => "repeats",
            Self::Starved(..) => "starved",
            Self::Network(_) => "network",
            Self::Leak(_) => "leak",
            Self::Caught(_) => "caught",
            Self::Quick(_) => "quick",
            Self::Empty(_) => "empty",
            Self::Midway(_) => "midway",
        }
    }
}

/// One fault of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    service: usize,
    pub service_name: String,
}

impl Topology {
    /// Draws a system.
    pub fn draw(random: &mut Random) -> Self {
        let count = log_uniform(random, 4.0, 40.0) as usize;
        let depth = 2 + random.below(4) as usize;
        let layers: Vec<usize> =
            (0..count).map(|service| if service == 0 { 0 } else { 1 + random.below(depth as u64) as usize }).collect();
        let mut topology = Self {
            services: (0..count).map(|service| format!("service-{service}")).collect(),
            operations: Vec::new(),
            entries: Vec::new(),
            requests: log_uniform(random, 60.0, 800.0) as u64,
        };
        for service in 0..count {
            for number in 0..=random.below(3) {
                topology.operations.push(operation(random, service, number));
            }
        }
        topology.connect(random, &layers);
        let entries = topology.operations.iter().enumerate().filter(|(_, operation)| operation.service == 0);
        topology.entries = entries.map(|(at, _)| (at, log_uniform(random, 0.05, 1.0))).collect();
        topology
    }

    /// Gives each operation below the first layer a caller above it, and perhaps a second.
    fn connect(&mut self, random: &mut Random, layers: &[usize]) {
        for callee in 0..self.operations.len() {
            let layer = layers[self.operations[callee].service];
            let above: Vec<usize> =
                (0..self.operations.len()).filter(|caller| layers[self.operations[*caller].service] < layer).collect();
            if above.is_empty() {
                continue;
            }
            for _ in 0..=random.below(2) {
                let caller = *random.pick(&above);
                let to = Callee::Operation { operation: callee, gap_nanos: log_uniform(random, 5e4, 3e6) };
                let call = Call { to, chance: log_uniform(random, 0.2, 1.5).min(1.0), times: times(random) };
                self.operations[caller].calls.push(call);
            }
        }
    }

    /// Draws a fault of a service that requests reach; `None` where the kind of fault that was drawn cannot be there.
    pub fn fault(&self, random: &mut Random, reached: &[String]) -> Option<Fault> {
        let service_name = random.pick(reached).clone();
        let service = self.services.iter().position(|name| *name == service_name)?;
        let of_service = || self.operations.iter().filter(|operation| operation.service == service);
        let calls = |is_wanted: fn(&Callee) -> bool| {
            of_service().any(|operation| operation.calls.iter().any(|call| is_wanted(&call.to)))
        };
        let part = random.below(2) as f64 * 0.5;
        let kind = match random.below(6) {
            0 => FaultKind::Slow(log_uniform(random, 1.5, 10.0)),
            1 if service != 0 => FaultKind::Delay(log_uniform(random, 3e6, 3e8)),
            2 => FaultKind::Exception(0.1 + part + 0.4 * random.unit()),
            3 if calls(|_| true) => FaultKind::EarlyReturn(0.1 + part + 0.4 * random.unit()),
            4 if calls(|to| matches!(to, Callee::Database { .. })) => {
                FaultKind::SlowDatabase(log_uniform(random, 2.0, 50.0))
            }
            5 if calls(|_| true) => FaultKind::Repeats(2 + random.below(5)),
            _ => return None,
        };
        Some(Fault { kind, service, service_name })
    }

    /// Draws what happens to a machine, a network or a program under load, of a service that requests reach; `None` where
    /// what was drawn cannot be there.
    pub fn incident(&self, random: &mut Random, reached: &[String]) -> Option<Fault> {
        let service_name = random.pick(reached).clone();
        let service = self.services.iter().position(|name| *name == service_name)?;
        let share = log_uniform(random, 0.1, 1.2).min(1.0);
        let calls = self.operations.iter().any(|operation| operation.service == service && operation.calls.len() > 1);
        let kind = match random.below(7) {
            0 => FaultKind::Starved(log_uniform(random, 1.3, 8.0), log_uniform(random, 1e6, 1e8)),
            1 => FaultKind::Network(log_uniform(random, 3e6, 3e8)),
            2 => FaultKind::Leak(log_uniform(random, 2.0, 12.0)),
            3 if service != 0 => FaultKind::Caught(share),
            4 => FaultKind::Quick(share),
            5 if service != 0 => FaultKind::Empty(share),
            6 if calls => FaultKind::Midway(share),
            _ => return None,
        };
        Some(Fault { kind, service, service_name })
    }

    /// The same system with this many requests in a window.
    #[must_use]
    pub fn with_requests(&self, requests: u64) -> Self {
        Self { requests, ..self.clone() }
    }

    /// The same system at another time: other requests are more frequent, and each operation is somewhat faster or slower.
    #[must_use]
    pub fn at_another_time(&self, random: &mut Random) -> Self {
        let mut later = self.clone();
        for (_, share) in &mut later.entries {
            *share *= random.log_normal(1.0, 0.15);
        }
        for operation in &mut later.operations {
            operation.own_nanos *= random.log_normal(1.0, 0.03);
        }
        later
    }

    /// The names of all services.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    /// The traces of one window that begins at `start` (Unix nanoseconds).
    pub fn window(&self, random: &mut Random, start: i64, fault: Option<&Fault>) -> Vec<Trace> {
        let pace = random.log_normal(1.0, 0.05);
        let all: f64 = self.entries.iter().map(|(_, share)| share).sum();
        let mut arrival = start as f64;
        (0..self.requests)
            .map(|number| {
                arrival += -(1.0 - random.unit()).ln() * 1e8;
                let mut wanted = random.unit() * all;
                let entry = self.entries.iter().find(|(_, share)| {
                    wanted -= share;
                    wanted <= 0.0
                });
                let (entry, _) = entry.unwrap_or(&self.entries[0]);
                let moment =
                    request::Moment { start: arrival as i64, part: number as f64 / self.requests as f64, pace };
                request::trace(self, random, *entry, &moment, fault)
            })
            .collect()
    }
}

fn operation(random: &mut Random, service: usize, number: u64) -> Operation {
    let mut calls = Vec::new();
    for at in 0..random.below(3) {
        let statement = format!("SELECT table_{service}_{number}_{at}");
        let to = Callee::Database { statement, nanos: log_uniform(random, 2e5, 2e7) };
        calls.push(Call { to, chance: log_uniform(random, 0.2, 1.5).min(1.0), times: times(random) });
    }
    let words = ["accepted", "loaded", "finished"];
    Operation {
        service,
        name: format!("POST /service-{service}/{number}"),
        own_nanos: log_uniform(random, 2e5, 5e7),
        spread: 0.1 + 0.5 * random.unit(),
        calls,
        is_parallel: random.chance(0.3),
        failing: if random.chance(0.3) { 0.01 * random.unit() } else { 0.0 },
        is_tolerant: random.chance(0.4),
        lines: (0..random.below(4) as usize)
            .map(|at| (format!("{} {service} {number}", words[at % 3]), if random.chance(0.7) { 1.0 } else { 0.3 }))
            .collect(),
    }
}

fn times(random: &mut Random) -> u64 {
    if random.chance(0.8) { 1 } else { 2 + random.below(4) }
}

fn log_uniform(random: &mut Random, low: f64, high: f64) -> f64 {
    low * (high / low).powf(random.unit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_repeats_from_its_seed_and_its_spans_lie_within_their_parents() {
        let draw = || {
            let mut random = Random::new(7);
            let topology = Topology::draw(&mut random);
            topology.window(&mut random, 1_000_000_000, None)
        };
        let traces = draw();
        assert_eq!(traces, draw());
        for trace in &traces {
            for span in &trace.spans {
                let Some(parent) = span.parent_span_id else { continue };
                let parent = trace.spans.iter().find(|other| other.span_id == parent).unwrap();
                assert!(parent.start <= span.start && span.end <= parent.end, "{span:?} in {parent:?}");
            }
        }
    }
}
