//! What the operating system says of times and of the machine, and Ctrl-C as a flag.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn note_interrupt(_signal: libc::c_int) {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// From now on Ctrl-C and SIGTERM set a flag instead of ending this process.
#[expect(unsafe_code, reason = "the standard library has no way to handle a signal")]
pub(crate) fn catch_interrupts() {
    let handler = note_interrupt as extern "C" fn(libc::c_int);
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: the handler only stores to an atomic, which a signal handler may.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
}

/// Returns whether one of the two arrived.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// User and system time of all children that were waited for, and of what these waited for.
///
/// # Errors
///
/// Where the system does not say.
#[expect(unsafe_code, reason = "the standard library does not ask for a child's CPU time")]
pub(crate) fn children_cpu() -> anyhow::Result<Duration> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a structure of the type that the call fills in.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) } != 0 {
        bail!("the system does not say what children used: {}", std::io::Error::last_os_error());
    }
    // SAFETY: zeroes are a valid `rusage`, and the call filled it in.
    let usage = unsafe { usage.assume_init() };
    let time =
        |value: libc::timeval| Duration::from_secs(value.tv_sec as u64) + Duration::from_micros(value.tv_usec as u64);
    Ok(time(usage.ru_utime) + time(usage.ru_stime))
}

/// The time that all cores together were not idle since the machine started, in hundredths of a second; zero where
/// the system does not say.
pub(crate) fn busy_ticks() -> u64 {
    /// Positions of `idle` and `iowait` among the numbers of the first line of /proc/stat.
    const IDLE: [usize; 2] = [3, 4];
    /// Beyond these, guests are counted a second time.
    const COUNTED: usize = 8;
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let numbers = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks = numbers.take(COUNTED).enumerate().filter(|(position, _)| !IDLE.contains(position));
    ticks.filter_map(|(_, number)| number.parse::<u64>().ok()).sum()
}

/// User and system time of one process so far, in hundredths of a second; zero where it has ended.
pub(crate) fn process_ticks(process: u32) -> u64 {
    /// Positions of `utime` and `stime` after the name, which may have spaces and ends with a parenthesis.
    const USED: std::ops::RangeInclusive<usize> = 11..=12;
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let numbers: Vec<&str> = after_name.split_whitespace().collect();
    numbers.get(USED).into_iter().flatten().filter_map(|number| number.parse::<u64>().ok()).sum()
}

/// Cores that this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Cores, processor and kernel, without what names this one machine.
///
/// # Errors
///
/// Where there is no /proc.
pub(crate) fn machine() -> anyhow::Result<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("recording needs Linux's /proc")?;
    let kernel = kernel.trim().split('-').next().unwrap_or_default().to_owned();
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown", |(_, name)| name).replace(';', ",");
    Ok(format!("cores={}; cpu={model}; kernel=Linux {kernel}", cores()))
}
