//! The child: started with the right streams, sent every signal that we get, and waited for.
//!
//! ```text
//!  our stdout a terminal:  child ⇄ pseudo-terminal ⇄ us ⇄ terminal (raw)       a session of its own
//!  otherwise:              stdin as it is, stdout and stderr through pipes     our process group
//! ```

mod capture;
pub(crate) mod descendants;
mod machine;
pub(crate) mod screen;
mod terminal;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use kino_model::Clock;
use nix::sys::resource::{UsageWho, getrusage};
use rustix::process::{Pid, Signal};
use tokio::process::Command as Process;
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::mpsc;

use self::capture::To;
use self::machine::Moment;
use self::screen::Screen;
use self::terminal::Raw;
use crate::RunnerError;

pub use self::capture::{Captured, OUTPUT_BYTES_MAX};
pub use self::terminal::become_command;

/// Signals that may wait to be passed on; more at once than a person can send.
const SIGNALS_MAX: usize = 64;
/// What is passed on.
const PASSED_ON: [Signal; 6] = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::USR1, Signal::USR2];

/// What becomes of the child's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streams {
    /// Passed through and captured.
    HandedOn,
    /// As [`Streams::HandedOn`], where both of our outputs are one file: the command writes them into one pipe, so that their
    /// order stays, and both are captured as standard output.
    Joined,
    /// Inherited from this process, and not captured.
    Ours,
    /// Only captured; standard input is empty.
    Captured,
}

/// How the child ended and what it wrote.
#[derive(Debug)]
pub struct ChildExit {
    /// How it ended, or why it did not start.
    pub status: Result<ExitStatus, RunnerError>,
    /// What it wrote to standard output; on a terminal, everything.
    pub stdout: Captured,
    /// What it wrote to standard error, where that is not the same terminal.
    pub stderr: Captured,
    /// Processor time of the command and its children, user and system, in nanoseconds.
    pub cpu_nanos: Option<i64>,
    /// The share of the machine's cores that other programs used meanwhile, from 0 to 1; `None` where the system does
    /// not say, or the command ended too soon.
    pub others_cpu: Option<f64>,
    /// The most memory that one process of the command had at a time, in bytes; `None` where the system does not say, or
    /// another child of this process had more before.
    pub peak_memory_bytes: Option<u64>,
}

/// Everything that lives as long as the child.
struct ChildHandles {
    /// Our end of its terminal.
    master: Option<OwnedFd>,
    stdout: Option<JoinHandle<Captured>>,
    stderr: Option<JoinHandle<Captured>>,
    /// Set once the child has ended.
    ended: Arc<AtomicBool>,
    /// Brings the user's terminal back.
    raw: Option<Raw>,
}

/// A command that is to be executed.
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// The program and its arguments; at least one word.
    pub words: &'a [OsString],
    /// Where it is executed.
    pub directory: &'a Path,
    /// What becomes of its streams.
    pub streams: Streams,
}

/// Executes a command to its end, with `variables` added to its environment. `terminal_helper` is
/// [`crate::Host::terminal_helper`]; `screen` is the user's terminal, where our streams are one. Once the command has
/// started, `started` gets its process.
///
/// # Panics
/// Where the command has no word.
pub fn run(
    command: Command<'_>,
    variables: &[(&str, OsString)],
    terminal_helper: &Path,
    clock: &dyn Clock,
    screen: &Screen,
    started: &dyn Fn(Pid),
) -> ChildExit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(RunnerError::system("starting a runtime", error)),
    };
    runtime.block_on(async {
        // Before the child exists, so that no signal in between is lost.
        let mut signals = listen();
        let (machine_before, cpu_before, peak_before) =
            (Moment::now(clock), children_cpu_nanos(), children_peak_bytes());
        let own_terminal = command.streams == Streams::HandedOn && io::stdout().is_terminal();
        let spawned = if own_terminal {
            on_terminal(command, variables, terminal_helper, screen)
        } else {
            on_pipes(command, variables, screen)
        };
        let (mut child, streams) = match spawned {
            Ok(started) => started,
            Err(error) => return failed(error),
        };
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        if let Some(pid) = pid {
            started(pid);
        }
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                Some(signal) = signals.recv() => pass_on(signal, pid, &streams),
            }
        };
        let ended = streams.finish(status.map_err(|error| RunnerError::system("waiting for the command", error)));
        let cpu_nanos = children_cpu_nanos().zip(cpu_before).map(|(after, before)| after - before);
        let own = Duration::from_nanos(cpu_nanos.unwrap_or_default().unsigned_abs());
        let machine = Moment::now(clock).zip(machine_before).filter(|_| cpu_nanos.is_some());
        let others_cpu = machine.and_then(|(after, before)| after.others_since(before, own));
        let peak_memory_bytes = children_peak_bytes().filter(|peak| peak_before.is_none_or(|before| *peak > before));
        ChildExit { cpu_nanos, others_cpu, peak_memory_bytes, ..ended }
    })
}

fn failed(error: RunnerError) -> ChildExit {
    ChildExit {
        status: Err(error),
        stdout: Captured::default(),
        stderr: Captured::default(),
        cpu_nanos: None,
        others_cpu: None,
        peak_memory_bytes: None,
    }
}

/// Processor time of all children that were waited for, with theirs.
fn children_cpu_nanos() -> Option<i64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    let nanos = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000_000 + time.tv_usec() * 1_000;
    Some(nanos(usage.user_time()) + nanos(usage.system_time()))
}

/// The largest resident set of any child that was waited for, or of theirs, in bytes.
fn children_peak_bytes() -> Option<u64> {
    /// Linux counts in KiB, macOS in bytes.
    const UNIT: u64 = if cfg!(target_os = "macos") { 1 } else { 1024 };
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
    u64::try_from(usage.max_rss()).ok().filter(|peak| *peak > 0).map(|peak| peak * UNIT)
}

type Started = (tokio::process::Child, ChildHandles);

/// Standard input is handed over as it is; the outputs go through pipes, or as they are too.
fn on_pipes(command: Command<'_>, variables: &[(&str, OsString)], screen: &Screen) -> Result<Started, RunnerError> {
    let Command { words, directory, streams } = command;
    let mut child = Process::new(&words[0]);
    child.args(&words[1..]).envs(variables.iter().map(|(name, value)| (name, value)));
    child.current_dir(directory);
    if streams == Streams::Captured {
        // Opened here, so that a system without it is not taken for one without the command.
        child.stdin(File::open("/dev/null").map_err(|error| {
            RunnerError::system("opening /dev/null, which every system has: is /dev mounted?", error)
        })?);
    }
    let mut joined = None;
    if streams == Streams::Joined {
        let not_opened = |error| RunnerError::system("opening a pipe for the command", error);
        let (reader, writer) = io::pipe().map_err(not_opened)?;
        child.stdout(writer.try_clone().map_err(not_opened)?).stderr(writer);
        joined = Some(OwnedFd::from(reader));
    } else if streams != Streams::Ours {
        child.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    let spawned = child.spawn();
    // Our copies of the child's end must be closed, or its end is never seen.
    drop(child);
    let mut child = spawned.map_err(|error| RunnerError::not_started(&words[0], error))?;
    let ended = Arc::new(AtomicBool::new(false));
    let stdout = joined.or_else(|| child.stdout.take().and_then(|stream| stream.into_owned_fd().ok()));
    let stderr = child.stderr.take().and_then(|stream| stream.into_owned_fd().ok());
    let [to_stdout, to_stderr] = if streams == Streams::Captured { [To::Nowhere; 2] } else { [To::Stdout, To::Stderr] };
    let streams = ChildHandles {
        master: None,
        stdout: stdout.map(|from| capture::tee(from, to_stdout, None, ended.clone())),
        stderr: stderr.map(|from| {
            let screen = io::stderr().is_terminal().then(|| screen.clone());
            capture::tee(from, to_stderr, screen, ended.clone())
        }),
        ended,
        raw: None,
    };
    Ok((child, streams))
}

/// A pseudo-terminal for every stream that is a terminal; the others as they are, or through a pipe.
fn on_terminal(
    command: Command<'_>,
    variables: &[(&str, OsString)],
    terminal_helper: &Path,
    screen: &Screen,
) -> Result<Started, RunnerError> {
    let not_opened = |error| RunnerError::system("opening a terminal for the command", error);
    let pair = terminal::open().map_err(not_opened)?;
    let copy = |descriptor: &OwnedFd| descriptor.try_clone().map_err(not_opened);
    let (stdin_is_terminal, stderr_is_terminal) = (io::stdin().is_terminal(), io::stderr().is_terminal());
    // In the background, reading from the terminal or changing it would stop us.
    let interactive = stdin_is_terminal && terminal::in_foreground(io::stdin());
    let mut child = Process::new(terminal_helper);
    child.args(["__terminal", "--"]).args(command.words).envs(variables.iter().map(|(name, value)| (name, value)));
    child.current_dir(command.directory);
    child.stdout(copy(&pair.slave)?);
    if stdin_is_terminal {
        child.stdin(copy(&pair.slave)?);
    }
    child.stderr(if stderr_is_terminal { Stdio::from(copy(&pair.slave)?) } else { Stdio::piped() });
    let spawned = child.spawn();
    // Our copies of the child's end must be closed, or its end is never seen.
    drop(child);
    drop(pair.slave);
    let mut child = spawned.map_err(|error| RunnerError::system("starting the command", error))?;
    let ended = Arc::new(AtomicBool::new(false));
    let typed = if interactive { terminal::typed_ahead() } else { Vec::new() };
    let raw = if interactive { Raw::enter().ok() } else { None };
    if raw.is_some() {
        // A child that is gone already reads nothing any more.
        rustix::io::write(&pair.master, &typed).ok();
        capture::feed(copy(&pair.master)?, ended.clone());
    }
    let stderr = child.stderr.take().and_then(|stream| stream.into_owned_fd().ok());
    let streams = ChildHandles {
        stdout: Some(capture::tee(copy(&pair.master)?, To::Stdout, Some(screen.clone()), ended.clone())),
        stderr: stderr.map(|from| capture::tee(from, To::Stderr, None, ended.clone())),
        master: Some(pair.master),
        ended,
        raw,
    };
    Ok((child, streams))
}

impl ChildHandles {
    /// Waits for the last bytes and gives the terminal back.
    fn finish(self, status: Result<ExitStatus, RunnerError>) -> ChildExit {
        self.ended.store(true, Ordering::Release);
        let collect = |stream: Option<JoinHandle<Captured>>| {
            stream.map(|stream| stream.join().expect("handing a stream on does not panic")).unwrap_or_default()
        };
        let ended = ChildExit {
            status,
            stdout: collect(self.stdout),
            stderr: collect(self.stderr),
            cpu_nanos: None,
            others_cpu: None,
            peak_memory_bytes: None,
        };
        drop(self.raw);
        ended
    }
}

/// A flag that the first signal to end raises, from now on. Code that reads it ends in order, not at once.
pub fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let (ready, listening) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let mut signals = listen();
            ready.send(()).ok();
            while let Some(signal) = signals.recv().await {
                if matches!(signal, Signal::INT | Signal::TERM | Signal::HUP | Signal::QUIT) {
                    raised.store(true, Ordering::Release);
                }
            }
        });
    });
    // Where the thread could not listen, a signal ends us as it would have anyway.
    listening.recv().ok();
    flag
}

/// Listens for what is passed on, and for changes of the terminal's size. Signals that this process inherited
/// as ignored (`nohup`) stay ignored, by the child too.
fn listen() -> mpsc::Receiver<Signal> {
    let (send, receive) = mpsc::channel(SIGNALS_MAX);
    let ignored = ignored_signals();
    for wanted in PASSED_ON.into_iter().chain([Signal::WINCH]) {
        let number = wanted.as_raw();
        if ignored >> (number - 1) & 1 == 1 {
            continue;
        }
        if let Ok(stream) = signal(SignalKind::from_raw(number)) {
            tokio::spawn(relay(stream, wanted, send.clone()));
        }
    }
    receive
}

async fn relay(mut stream: Stream, signal: Signal, send: mpsc::Sender<Signal>) {
    while stream.recv().await.is_some() {
        if send.send(signal).await.is_err() {
            return;
        }
    }
}

/// Returns a bit for each ignored signal; none where the system does not report them.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn pass_on(signal: Signal, pid: Option<Pid>, streams: &ChildHandles) {
    if signal == Signal::WINCH {
        if let Some(master) = &streams.master {
            terminal::resize(master);
        }
        return;
    }
    // Keys on the terminal reach everybody in its foreground process group, the child too unless it has its own.
    let from_keys = matches!(signal, Signal::INT | Signal::QUIT);
    if from_keys && streams.master.is_none() && controlling_terminal_is_ours() {
        return;
    }
    if let Some(pid) = pid {
        // It may have ended by itself just now.
        rustix::process::kill_process(pid, signal).ok();
    }
}

fn controlling_terminal_is_ours() -> bool {
    std::fs::File::open("/dev/tty").is_ok_and(|terminal| terminal::in_foreground(terminal.as_fd()))
}
