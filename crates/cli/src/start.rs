//! Starts the engine when none runs.
//!
//! Any number of commands may start one at the same moment: the store's lock decides which lives, and the others'
//! processes leave with [`code::TRY_AGAIN`]; all the commands then use the one that won.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use kino_model::Clock;
use kino_wire::admin::EngineFile;

use crate::client::{self, Client, EngineLookup, VERSION};
use crate::config::{LOG_FILE, Settings};
use crate::failure::{Failure, code};
use crate::{home, output};

/// How often a starting engine is looked for.
const POLL: Duration = Duration::from_millis(5);
/// How long to leave the lock to another process before trying again: it may have been an engine that was ending.
const SPAWN_EVERY: Duration = Duration::from_millis(300);
/// How long an engine may take to start: replaying a full write-ahead log takes seconds.
const START_MAX: Duration = Duration::from_mins(1);
/// How long an engine may be silent while it has the lock.
const SILENT_MAX: Duration = Duration::from_secs(5);
/// After this long, say why it takes so long.
const PATIENCE: Duration = Duration::from_secs(2);
/// A log longer than this is rotated when an engine starts; the old one stays beside it.
const LOG_BYTES_MAX: u64 = 8 << 20;
/// How much of the log's end is shown when an engine does not start.
const LOG_TAIL_BYTES: u64 = 2_000;

/// The engine of these settings' home, started if none runs.
///
/// # Errors
/// Where none can be had, with what to do.
pub(crate) fn engine(settings: &Settings, clock: &dyn Clock) -> Result<Client, Failure> {
    engine_after(client::find(settings), settings, clock, &output::note)
}

/// As [`engine`], after a look whose result is `found`; `say` takes sentences for the user.
///
/// # Errors
/// As [`engine`].
pub(crate) fn engine_after(
    found: EngineLookup,
    settings: &Settings,
    clock: &dyn Clock,
    say: &dyn Fn(&str),
) -> Result<Client, Failure> {
    match found {
        EngineLookup::Engine(client) => Ok(client),
        EngineLookup::OtherVersion(other) => Err(other_version(&other.address)),
        EngineLookup::Starting(_) | EngineLookup::Silent(_) | EngineLookup::Stale(_) | EngineLookup::None => {
            start(settings, clock, say)
        }
    }
}

/// As [`client::find`], once an engine that is starting has started, or has taken too long.
pub(crate) fn settled(settings: &Settings) -> EngineLookup {
    let mut found = client::find(settings);
    for _ in 0..START_MAX.as_millis() / POLL.as_millis() {
        if !matches!(found, EngineLookup::Starting(_)) {
            break;
        }
        thread::sleep(POLL);
        found = client::find(settings);
    }
    found
}

/// The engine, only if it runs already, or is about to.
///
/// # Errors
/// Where it does not run, or is of another version.
pub(crate) fn running(settings: &Settings) -> Result<Client, Failure> {
    match settled(settings) {
        EngineLookup::Engine(client) => Ok(client),
        EngineLookup::OtherVersion(other) => Err(other_version(&other.address)),
        EngineLookup::Silent(address) => Err(Failure::no_engine(client::silent(&address))),
        EngineLookup::Starting(address) => Err(still_starting(&address)),
        EngineLookup::Stale(_) | EngineLookup::None => {
            let home = settings.home.display();
            Err(Failure::no_engine(format!("no engine runs on {home}; any question starts one, or `kino serve`")))
        }
    }
}

/// What to say of an engine that takes very long to start.
pub(crate) fn still_starting(address: &EngineFile) -> Failure {
    let message = format!("the engine (process {}) is still reading its log back; ask again later", address.pid);
    Failure::new(code::TRY_AGAIN, message)
}

fn other_version(address: &EngineFile) -> Failure {
    Failure::no_engine(format!(
        "the running engine is of version {} or of another build, this command is of {VERSION}: `kino stop` ends it, \
         and the next command starts one of its own version",
        address.version
    ))
}

/// Why no engine can start here, as far as that is known beforehand.
pub(crate) fn obstacle(settings: &Settings) -> Option<String> {
    let listen = &settings.engine.listen;
    let needs_loopback = [&listen.addr, &listen.otlp_grpc, &listen.otlp_http].iter().any(|address| address.is_none());
    let bound = needs_loopback.then(|| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let error = bound.err()?;
    Some(format!("no engine can listen here: opening a port of 127.0.0.1 fails ({error})"))
}

fn start(settings: &Settings, clock: &dyn Clock, say: &dyn Fn(&str)) -> Result<Client, Failure> {
    if let Some(obstacle) = obstacle(settings) {
        return Err(Failure::no_engine(obstacle));
    }
    for said in home::prepare(&settings.home)? {
        say(&format!("kino: {said}"));
    }
    let begun = clock.monotonic_nanos();
    let log = Log::of(&settings.home);
    let elapsed = || Duration::from_nanos(clock.monotonic_nanos().saturating_sub(begun));
    let mut child = Some(spawn(settings, &log)?);
    let mut spawned = elapsed();
    let mut said = false;
    while elapsed() < START_MAX {
        let (mut silent, mut is_starting, mut hidden) = (None, false, None);
        match client::find(settings) {
            EngineLookup::Engine(client) => {
                say_where(&client.address, settings, say);
                return Ok(client);
            }
            EngineLookup::OtherVersion(other) => return Err(other_version(&other.address)),
            EngineLookup::Silent(address) => silent = Some(address),
            EngineLookup::Starting(_) => is_starting = true,
            EngineLookup::Stale(address) => hidden = client::lives(&address).then_some(address),
            EngineLookup::None => {}
        }
        match child.as_mut().map(Child::try_wait) {
            // Another process holds the lock: it is starting, or just leaving.
            Some(Ok(Some(status))) if status.code() == Some(i32::from(code::TRY_AGAIN)) => child = None,
            Some(Ok(Some(status))) => return Err(log.did_not_start(&format!("it ended with {status}"))),
            Some(Ok(None)) | None => {}
            Some(Err(error)) => return Err(Failure::because("waiting for the engine", &error)),
        }
        let is_silent = silent.is_some();
        // Without the lock, the one that is silent is no engine, and the process started here takes its place.
        if let Some(address) = silent.filter(|_| child.is_none() && elapsed() > SILENT_MAX) {
            return Err(Failure::no_engine(client::silent(&address)));
        }
        if let Some(address) = hidden.filter(|_| child.is_none() && elapsed() > SILENT_MAX) {
            return Err(Failure::no_engine(format!(
                "the engine of this home (process {}) cannot be reached from here: its socket does not answer",
                address.pid
            )));
        }
        if child.is_none() && !is_starting && elapsed().saturating_sub(spawned) > SPAWN_EVERY {
            child = Some(spawn(settings, &log)?);
            spawned = elapsed();
        }
        if !said && !is_silent && elapsed() > PATIENCE {
            said = true;
            say("kino: the engine is starting; it reads back what was not yet written out …");
        }
        thread::sleep(POLL);
    }
    Err(log.did_not_start(&format!("it is not ready after {} s", START_MAX.as_secs())))
}

/// Where an engine that was just started listens, if that is not where programs look by themselves.
fn say_where(address: &EngineFile, settings: &Settings, say: &dyn Fn(&str)) {
    let listen = &settings.engine.listen;
    let moved = [
        ("OTLP/gRPC", &address.otlp_grpc, &listen.otlp_grpc, "127.0.0.1:4317"),
        ("OTLP/HTTP", &address.otlp_http, &listen.otlp_http, "127.0.0.1:4318"),
        ("REST and MCP", &address.http, &listen.addr, "127.0.0.1:4319"),
    ];
    for (what, is, configured, wanted) in moved {
        if configured.is_none() && is != wanted {
            say(&format!("kino: {wanted} is busy; this engine's {what} is at {is}"));
        }
    }
}

fn spawn(settings: &Settings, log: &Log) -> Result<Child, Failure> {
    let (out, err) = match log.append() {
        Ok(log) => {
            let copy = log.try_clone().map_err(|error| Failure::because("opening the log", &error))?;
            (Stdio::from(log), Stdio::from(copy))
        }
        Err(_) => (Stdio::null(), Stdio::null()),
    };
    // Opened here, so that a system without it is not taken for one without the program.
    let nothing = File::open("/dev/null")
        .map_err(|error| Failure::because("opening /dev/null, which every system has: is /dev mounted?", &error))?;
    // The root folder: a detached engine must not keep the caller's folder from being unmounted.
    let spawned = Command::new(&settings.program)
        .args(["serve", "--detached"])
        .env("KINO_HOME", &settings.home)
        .current_dir("/")
        .stdin(nothing)
        .stdout(out)
        .stderr(err)
        .spawn();
    spawned.map_err(|error| Failure::because(format!("starting {} serve", settings.program.display()), &error))
}

/// The log of an engine that is being started, from where this start begins.
struct Log {
    path: PathBuf,
    begin: u64,
    /// Whether it is there for this start alone.
    is_temporary: bool,
}

impl Log {
    /// The home's log; on a read-only or full disk a file elsewhere, so that a start that fails can say why.
    fn of(home: &Path) -> Self {
        let path = home.join(LOG_FILE);
        if fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
            // Where that fails the log grows on.
            fs::rename(&path, path.with_extension("log.old")).ok();
        }
        let mut log = Self { path, begin: 0, is_temporary: false };
        let begun = log.append().and_then(|mut file| {
            writeln!(file, "kino {VERSION} starts")?;
            file.metadata()
        });
        if let Ok(begun) = begun {
            log.begin = begun.len();
        } else {
            let name = format!("kino-engine-{}-{}.log", rustix::process::geteuid().as_raw(), std::process::id());
            log = Self { path: std::env::temp_dir().join(name), begin: 0, is_temporary: true };
        }
        log
    }

    fn append(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.append(true).mode(0o600);
        // In a shared folder, a file that exists already may be another user's.
        if self.is_temporary && fs::symlink_metadata(&self.path).is_err() {
            options.create_new(true);
        } else {
            options.create(!self.is_temporary).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
        }
        let file = options.open(&self.path)?;
        let is_own = file.metadata()?.uid() == rustix::process::geteuid().as_raw();
        if is_own { Ok(file) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    fn did_not_start(&self, how: &str) -> Failure {
        let tail = self.tail().unwrap_or_default();
        let tail = tail.trim();
        let said = if tail.is_empty() { String::new() } else { format!(" Its last words:\n\n{tail}\n\n") };
        let whole =
            if self.is_temporary { String::new() } else { format!("; the whole log is {}", self.path.display()) };
        Failure::no_engine(format!("the engine did not start: {how}.{said} `kino doctor` looks for the cause{whole}"))
    }

    fn tail(&self) -> io::Result<String> {
        let mut log = File::open(&self.path)?;
        let length = log.metadata()?.len();
        // A log that was rotated is shorter than it was.
        let begin = if length < self.begin { 0 } else { self.begin };
        log.seek(SeekFrom::Start(begin.max(length.saturating_sub(LOG_TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        log.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if self.is_temporary {
            // The engine goes on writing to what has no name any more.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Leaves the terminal and closes every descriptor that was inherited besides the three standard ones, so that
/// a process that waits for the starter's pipes to close does not wait for the engine.
///
/// # Errors
/// Where the process cannot leave its session.
pub(crate) fn detach() -> io::Result<()> {
    let folder = if cfg!(target_os = "linux") { "/proc/self/fd" } else { "/dev/fd" };
    let inherited: Vec<i32> = fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|descriptor| *descriptor > 2)
        .collect();
    // The listing had a descriptor of its own, which is gone by now.
    let open = |descriptor: &i32| fs::symlink_metadata(format!("{folder}/{descriptor}")).is_ok();
    for descriptor in inherited.into_iter().filter(open) {
        close(descriptor);
    }
    match rustix::process::setsid() {
        // Already the leader of a process group: started by hand from a shell, which is fine.
        Ok(_) | Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[expect(unsafe_code, reason = "closing a descriptor that no Rust value owns cannot be said otherwise")]
fn close(descriptor: i32) {
    // SAFETY: `detach` runs before this process opens anything: whatever is above the standard three was inherited
    // and has no owner here.
    unsafe { rustix::io::close(descriptor) }
}
