//! Commands of programs that nothing can be put into: seen in `/proc` now and then, while the run lasts.
//!
//! ```text
//!  the run's command ─ children, and theirs ─► a sample, every 20 ms ─► a command that has ended ─► half a second later:
//!                                                                       its span, unless the bootstrap reports there
//! ```
//!
//! A command is a process that has executed a program and whose parent is one that the bootstrap cannot be in: no Python,
//! no Node, and no tool around the program, such as cargo or make. Where the bootstrap made spans in a process, in one
//! above it, or in one below it, that says more, and no span is made here. What begins and ends between two samples is
//! not seen; exit codes never are.

mod proc;
mod role;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use kino_inject::writer::{self, Finished};
use kino_model::{SpanId, TraceId, names};
use serde_json::json;

use self::proc::{Proc, Stat, TICK_NANOS};
use self::role::Role;

/// The least time between two samples.
const EVERY: Duration = Duration::from_millis(20);
/// The least time between two looks at a command that is Python or Node, below which there is nothing to see.
const EVERY_IDLE: Duration = Duration::from_millis(100);
/// The most time between two samples.
const EVERY_MAX: Duration = Duration::from_secs(1);
/// How much longer than a sample takes the pause after it is: a hundredth of a core goes into samples.
const PAUSE_FACTOR: u64 = 100;
/// How long a command that has ended waits for spans of its own, in nanoseconds: its bootstrap may be about to send them.
const WAIT_NANOS: u64 = 500_000_000;
/// The bounds of one run.
const BOUNDS: Bounds = Bounds { processes: 4_096, spans: 2_000 };
/// Children of one process that are looked at.
const CHILDREN_MAX: usize = 65_536;
/// Samples in which a process is described again, as its name may stay the same when it executes another program.
const DESCRIPTIONS: u8 = 3;
/// The scope of the spans.
const SCOPE: &str = "kino.commands";

/// What the commands are below.
#[derive(Clone, Debug)]
pub(crate) struct Above {
    /// The process of the run's command.
    pub(crate) pid: i32,
    /// The run's trace.
    pub(crate) trace: TraceId,
    /// The run's span.
    pub(crate) span: SpanId,
    /// When the run began, in Unix nanoseconds.
    pub(crate) start: i64,
    /// Who the commands are of.
    pub(crate) resource: Vec<(String, String)>,
}

/// How much is known of a run.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// Processes that are known at a time.
    processes: usize,
    /// Spans of the run.
    spans: u64,
}

/// What came of looking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampled {
    /// Commands that have a span.
    pub commands: u64,
    /// Commands beyond the bounds, which have none.
    pub dropped: u64,
    /// The time between two samples, on average, in nanoseconds.
    pub every_nanos: u64,
}

/// Two clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockPair {
    /// Nanoseconds of a clock that does not go back.
    pub(crate) monotonic: u64,
    /// Unix nanoseconds.
    pub(crate) unix: i64,
}

/// The processes of a run, as far as they were seen.
pub(crate) struct Commands {
    proc: Proc,
    above: Above,
    bounds: Bounds,
    /// By number, in the order in which they were seen.
    processes: BTreeMap<u64, ProcessEntry>,
    /// Those that live, by their ids.
    living: BTreeMap<i32, u64>,
    next: u64,
    /// Whether the system lists the children of a process; `None` before that was tried.
    lists_children: Option<bool>,
    /// The last sample, in Unix nanoseconds.
    last: i64,
    /// When the first sample was taken, and when the last, by the clock that does not go back; and their number.
    taken: (u64, u64, u64),
    /// How long the last one took, in nanoseconds.
    cost: u64,
    spans: u64,
    dropped: u64,
    /// The most processes in one sample that there was no room for.
    overlooked: u64,
}

struct ProcessEntry {
    pid: i32,
    /// The process that started it; `None` of the run's command.
    parent: Option<u64>,
    stat: Stat,
    /// Samples in which it was described.
    descriptions: u8,
    role: Role,
    executable: String,
    arguments: Vec<String>,
    /// Whether its parent was a tool when it started it: then it is the program, or a part of the tool.
    is_of_tool: bool,
    /// Whether the bootstrap was in its parent, or above.
    is_below_bootstrap: bool,
    /// Whether it has made spans, or one below it.
    reports: bool,
    has_reports_below: bool,
    /// The span that its environment names.
    span_above: Option<SpanId>,
    span: SpanId,
    /// Unix nanoseconds.
    start: i64,
    seen: i64,
    peak_bytes: Option<u64>,
    /// When it was found to have ended, by the clock that does not go back.
    ended: Option<u64>,
    /// Whether it was decided what becomes of it.
    is_decided: bool,
}

impl Commands {
    /// Begins with the run's command.
    pub(crate) fn new(above: Above) -> Self {
        Self::within(Path::new("/proc"), above, BOUNDS)
    }

    fn within(root: &Path, above: Above, bounds: Bounds) -> Self {
        let last = above.start;
        Self {
            proc: Proc::new(root),
            above,
            bounds,
            processes: BTreeMap::new(),
            living: BTreeMap::new(),
            next: 0,
            lists_children: None,
            last,
            taken: (0, 0, 0),
            cost: 0,
            spans: 0,
            dropped: 0,
            overlooked: 0,
        }
    }

    /// Takes a sample where one is due, and says how long the next one is not; `clock` is read before and after.
    pub(crate) fn sample_if_due(&mut self, clock: &dyn Fn() -> ClockPair) -> Duration {
        let now = clock();
        let pause = self.pause();
        let waited = Duration::from_nanos(now.monotonic.saturating_sub(self.taken.1));
        if self.taken.2 > 0 && waited < pause {
            return pause.saturating_sub(waited);
        }
        self.sample(now);
        let cost = clock().monotonic.saturating_sub(now.monotonic);
        // One that was interrupted says nothing of what samples cost.
        self.cost = if self.taken.2 == 1 { cost } else { cost.min(self.cost.saturating_mul(2)) };
        self.pause()
    }

    fn pause(&self) -> Duration {
        let is_idle = self.processes.get(&0).is_some_and(|command| command.role.has_bootstrap());
        let least = if is_idle { EVERY_IDLE } else { EVERY };
        Duration::from_nanos(self.cost.saturating_mul(PAUSE_FACTOR)).clamp(least, EVERY_MAX)
    }

    /// Looks at what lives.
    pub(crate) fn sample(&mut self, now: ClockPair) {
        let (first, _, samples) = self.taken;
        self.taken = (if samples == 0 { now.monotonic } else { first }, now.monotonic, samples + 1);
        let uptime = self.proc.uptime();
        if samples == 0 {
            self.add(self.above.pid, None, uptime, now);
        }
        self.look_again(now);
        let listed = if self.lists_children == Some(false) { self.by_parent() } else { BTreeMap::new() };
        let (mut unseen, mut overlooked) = (self.living.values().copied().collect::<Vec<_>>(), 0);
        while let Some(number) = unseen.pop() {
            for child in self.children(number, &listed) {
                if self.living.contains_key(&child) {
                    continue;
                }
                if self.processes.len() >= self.bounds.processes {
                    overlooked += 1;
                } else {
                    unseen.extend(self.add(child, Some(number), uptime, now));
                }
            }
        }
        self.overlooked = self.overlooked.max(overlooked);
        self.last = now.unix;
    }

    /// Looks at each process that lived the last time.
    fn look_again(&mut self, now: ClockPair) {
        for (pid, number) in self.living.clone() {
            let Some(process) = self.processes.get_mut(&number) else { continue };
            let stat = self.proc.stat(pid).filter(|stat| stat.start == process.stat.start);
            let has_ended = stat.as_ref().is_none_or(|stat| stat.has_ended);
            if let Some(stat) = stat {
                let is_another = stat.name != process.stat.name || stat.has_executed != process.stat.has_executed;
                process.stat = stat;
                if !has_ended {
                    process.seen = now.unix;
                    if is_another || process.descriptions < DESCRIPTIONS {
                        process.describe(&self.proc, self.above.trace);
                    }
                    process.peak_bytes = self.proc.peak_bytes(pid).max(process.peak_bytes);
                }
            }
            if has_ended {
                process.ended = Some(now.monotonic);
                self.living.remove(&pid);
            }
        }
    }

    /// Adds a process that was not known; returns its number.
    fn add(&mut self, pid: i32, parent: Option<u64>, uptime: Option<u64>, now: ClockPair) -> Option<u64> {
        let stat = self.proc.stat(pid).filter(|stat| !stat.has_ended)?;
        let age = uptime.and_then(|ticks| i64::try_from(ticks.saturating_sub(stat.start)).ok());
        let start = age.map_or(now.unix, |ticks| now.unix.saturating_sub(ticks.saturating_mul(TICK_NANOS)));
        let above = parent.and_then(|number| self.processes.get(&number));
        let mut process = ProcessEntry {
            pid,
            parent,
            stat,
            descriptions: 0,
            role: Role::Program,
            executable: String::new(),
            arguments: Vec::new(),
            is_of_tool: above.is_some_and(|above| above.role.is_around_programs()),
            is_below_bootstrap: above.is_some_and(|above| above.is_below_bootstrap || above.role.has_bootstrap()),
            reports: false,
            has_reports_below: false,
            span_above: None,
            span: SpanId(crate::random().ok()?),
            // The system counts in ticks; it was not there in the last sample.
            start: start.clamp(self.last.min(now.unix), now.unix),
            seen: now.unix,
            peak_bytes: self.proc.peak_bytes(pid),
            ended: None,
            is_decided: false,
        };
        process.describe(&self.proc, self.above.trace);
        let number = self.next;
        self.next += 1;
        self.living.insert(pid, number);
        self.processes.insert(number, process);
        Some(number)
    }

    fn children(&mut self, number: u64, listed: &BTreeMap<i32, Vec<i32>>) -> Vec<i32> {
        let Some(process) = self.processes.get(&number) else { return Vec::new() };
        if process.parent.is_none() && process.role.has_bootstrap() {
            // No command is below, whatever the bootstrap reports.
            return Vec::new();
        }
        if self.lists_children == Some(false) {
            return listed.get(&process.pid).cloned().unwrap_or_default();
        }
        let mut found = Vec::new();
        let is_listed = self.proc.children(process.pid, &mut found, CHILDREN_MAX);
        // A process that has just ended lists none either.
        if self.lists_children.is_none() && (is_listed || self.proc.stat(process.pid).is_some()) {
            self.lists_children = Some(is_listed);
        }
        found
    }

    fn by_parent(&self) -> BTreeMap<i32, Vec<i32>> {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (pid, parent) in self.proc.parents() {
            children.entry(parent).or_default().push(pid);
        }
        children
    }

    /// Returns a request with the commands that have ended and in which no bootstrap reports, and their number; `reporters`
    /// are the processes that have made spans.
    pub(crate) fn ended(&mut self, now: ClockPair, reporters: &BTreeSet<u32>) -> Option<(Vec<u8>, u64)> {
        let is_due = |process: &ProcessEntry| process.ended.is_some_and(|ended| now.monotonic - ended >= WAIT_NANOS);
        let due: Vec<u64> =
            self.undecided().filter(|(_, process)| is_due(process)).map(|(number, _)| *number).collect();
        if due.is_empty() { None } else { self.decide(&due, reporters) }
    }

    /// Returns the same of all that are left, once the run's command has ended, and what came of looking.
    pub(crate) fn finish(mut self, now: ClockPair, reporters: &BTreeSet<u32>) -> (Option<(Vec<u8>, u64)>, Sampled) {
        self.sample(now);
        let left: Vec<u64> = self.undecided().map(|(number, _)| *number).collect();
        let request = self.decide(&left, reporters);
        let (first, last, samples) = self.taken;
        let least = u64::try_from(EVERY.as_nanos()).unwrap_or(u64::MAX);
        let sampled = Sampled {
            commands: self.spans,
            dropped: self.dropped + self.overlooked,
            // The last one came early.
            every_nanos: (last.saturating_sub(first) / samples.saturating_sub(1).max(1)).max(least),
        };
        (request, sampled)
    }

    fn undecided(&self) -> impl Iterator<Item = (&u64, &ProcessEntry)> {
        self.processes.iter().filter(|(_, process)| !process.is_decided)
    }

    /// Decides what becomes of these processes, and forgets those that no other one needs.
    fn decide(&mut self, due: &[u64], reporters: &BTreeSet<u32>) -> Option<(Vec<u8>, u64)> {
        self.mark(reporters);
        let commands: Vec<u64> = due.iter().copied().filter(|number| self.is_command(*number)).collect();
        let room = usize::try_from(self.bounds.spans - self.spans).unwrap_or(usize::MAX).min(commands.len());
        let (taken, beyond) = commands.split_at(room);
        self.spans += taken.len() as u64;
        self.dropped += beyond.len() as u64;
        let request = (!taken.is_empty()).then(|| (self.request(taken), taken.len() as u64));
        for number in due {
            if let Some(process) = self.processes.get_mut(number) {
                process.is_decided = true;
            }
        }
        let needed: BTreeSet<u64> = self.processes.values().filter_map(|process| process.parent).collect();
        self.processes.retain(|number, process| !process.is_decided || *number == 0 || needed.contains(number));
        request
    }

    /// Marks the processes that have made spans, and those above them.
    fn mark(&mut self, reporters: &BTreeSet<u32>) {
        let is_reporter = |process: &ProcessEntry| {
            let pid = u32::try_from(process.pid).ok();
            process.role != Role::AroundTest && pid.is_some_and(|pid| reporters.contains(&pid))
        };
        let reporting: Vec<u64> =
            self.processes.iter().filter(|(_, process)| is_reporter(process)).map(|(number, _)| *number).collect();
        for number in reporting {
            let mut above = self.processes.get_mut(&number).and_then(|process| {
                process.reports = true;
                process.parent
            });
            while let Some(process) = above.and_then(|number| self.processes.get_mut(&number)) {
                process.has_reports_below = true;
                above = process.parent;
            }
        }
    }

    /// Whether a process is a command of a program that nothing can be put into, and is not recorded otherwise.
    fn is_command(&self, number: u64) -> bool {
        let Some(process) = self.processes.get(&number) else { return false };
        let is_started = process.parent.is_some() && process.stat.has_executed && process.role.may_be_command();
        let is_programs = !process.is_of_tool && !process.is_below_bootstrap;
        is_started && is_programs && !process.has_reports_below && !self.lineage(number).any(|above| above.reports)
    }

    /// A process and those above it.
    fn lineage(&self, number: u64) -> impl Iterator<Item = &ProcessEntry> {
        std::iter::successors(self.processes.get(&number), |process| self.processes.get(&process.parent?))
    }

    /// The span of the nearest command above, of what gave the process its environment, or of the run.
    fn parent_span(&self, process: &ProcessEntry) -> SpanId {
        let mut above = process.parent;
        while let Some(number) = above {
            if self.is_command(number) {
                return self.processes[&number].span;
            }
            above = self.processes[&number].parent;
        }
        process.span_above.unwrap_or(self.above.span)
    }

    fn request(&self, commands: &[u64]) -> Vec<u8> {
        let trace = self.above.trace.to_string();
        let processes = || commands.iter().filter_map(|number| self.processes.get(number));
        let ids: Vec<_> =
            processes().map(|process| (process.span.to_string(), self.parent_span(process).to_string())).collect();
        let spans: Vec<_> = processes()
            .zip(&ids)
            .map(|(process, (span_id, parent))| Finished {
                trace_id: &trace,
                span_id,
                parent_span_id: Some(parent),
                name: &process.executable,
                start: process.start,
                end: process.seen.max(process.start),
                has_failed: false,
                attributes: process.attributes(),
            })
            .collect();
        writer::request(&self.above.resource, SCOPE, &spans)
    }
}

impl ProcessEntry {
    /// Reads what it executes.
    fn describe(&mut self, proc: &Proc, trace: TraceId) {
        self.descriptions = self.descriptions.saturating_add(1);
        self.arguments = proc.arguments(self.pid);
        self.executable = proc.executable(self.pid).unwrap_or_else(|| self.stat.name.clone());
        self.role = Role::of(&self.executable, &self.arguments, proc.is_own(self.pid));
        self.span_above = proc.span_above(self.pid, trace).or(self.span_above);
    }

    fn attributes(&self) -> Vec<(&'static str, serde_json::Value)> {
        let mut attributes = vec![
            ("process.executable.name", json!(self.executable)),
            ("process.command_args", json!(self.arguments)),
            ("process.pid", json!(self.pid)),
            (names::PROCESS_SAMPLED, json!(true)),
            (names::PROCESS_CPU_NANOS, json!(self.stat.cpu_nanos)),
        ];
        attributes.extend(self.peak_bytes.map(|bytes| (names::PROCESS_PEAK_MEMORY, json!(bytes))));
        if self.ended.is_none() {
            attributes.push((names::PROCESS_OUTLIVES, json!(true)));
        }
        attributes
    }
}

#[cfg(test)]
mod tests;
