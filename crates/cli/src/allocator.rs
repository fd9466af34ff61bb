//! How the engine's process uses and returns memory.
//!
//! The C library's allocator keeps an arena for each thread and what was freed in the middle of one: after a burst of
//! spans a process would stay at its largest for ever. A few arenas, large buffers mapped on their own, and a look every
//! few seconds whether there is something to give back, and one more once it rests, hold it to what is in use. It does
//! nothing elsewhere.
//!
//! What each is worth, over twice 2 M spans on two busy cores. The kernel's time is mostly the clearing of newly
//! mapped pages; the last column is the resident memory 13 s after the load.
//!
//! | | kernel's time a span | page faults a span | memory at most | and after |
//! |---|---|---|---|---|
//! | all of it | 1,030, 1,000 ns | 0.23, 0.22 | 1,360, 1,170 MB | 70, 250 MB |
//! | without the bound on arenas | 1,210, 1,210 ns | 0.29, 0.27 | 1,450, 1,510 MB | 170, 90 MB |
//! | without the bound on what is mapped | 1,550, 1,640 ns | 0.44, 0.51 | 850, 1,410 MB | 500, 100 MB |
//! | without the bound on the heap's top | 1,630, 1,010 ns | 0.26, 0.19 | 1,480, 1,100 MB | 160, 100 MB |
//! | without giving back | 840, 760 ns | 0.13, 0.16 | 960, 1,110 MB | 970, 1,140 MB |
//! | none of it | 860, 1,030 ns | 0.16, 0.23 | 1,110, 1,610 MB | 1,790, 1,460 MB |

/// Prepares the process; once, before its threads.
pub(crate) fn keep_small() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::keep_small();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::time::Duration;

    /// Arenas: enough that the threads which take rows in, sort and merge them seldom wait for each other.
    const ARENAS: i32 = 4;
    /// Buffers of at least this many bytes are mapped on their own and go back when they are freed. A flush's columns
    /// are smaller: mapping each of them separately costs more, in pages that the kernel clears, than sorting it.
    const MAPPED_BYTES: i32 = 16 << 20;
    /// What the heap's top may keep until the next check.
    const TOP_BYTES: i32 = 32 << 20;
    /// How often memory is looked at: reading two small files.
    const PERIOD: Duration = Duration::from_secs(5);
    /// Growth since the last time that is worth going through the arenas for.
    const WORTH_PAGES: u64 = 2_048;
    /// Processor time between two checks, in hundredths of a second, up to which the process counts as resting.
    const RESTING_TICKS: u64 = 10;
    /// Checks of a resting process until the memory that it has freed meanwhile is given back too: a little more than a
    /// minute, after which nothing is cached for a next question. Memory freed inside an arena does not show before.
    const RESTING_LOOKS: u32 = 13;

    pub(super) fn keep_small() {
        set(libc::M_ARENA_MAX, ARENAS);
        set(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
        set(libc::M_TRIM_THRESHOLD, TOP_BYTES);
        let thread = std::thread::Builder::new().name("kino-memory".to_owned()).spawn(give_back);
        if let Err(error) = thread {
            tracing::warn!(%error, "freed memory will not be given back");
        }
    }

    fn give_back() {
        let mut settled = resident_pages();
        let (mut worked, mut resting) = (processor_ticks(), 0);
        loop {
            std::thread::sleep(PERIOD);
            let ticks = processor_ticks();
            resting = if ticks.saturating_sub(worked) > RESTING_TICKS { 0 } else { resting + 1 };
            worked = ticks;
            if resting == RESTING_LOOKS || resident_pages().abs_diff(settled) >= WORTH_PAGES {
                trim();
                settled = resident_pages();
            }
        }
    }

    /// Processor time taken so far, user and system; zero where the kernel does not report it.
    fn processor_ticks() -> u64 {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name before it may hold anything.
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        after_name.split_ascii_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    }

    /// Resident pages; zero where the kernel does not report it.
    fn resident_pages() -> u64 {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default()
    }

    #[expect(unsafe_code, reason = "the allocator's settings have no safe interface")]
    fn set(setting: i32, value: i32) {
        // SAFETY: `mallopt` may be called at any time; it takes two integers and keeps no pointer.
        if unsafe { libc::mallopt(setting, value) } == 0 {
            tracing::debug!(setting, value, "the allocator refused a setting");
        }
    }

    #[expect(unsafe_code, reason = "giving memory back has no safe interface")]
    fn trim() {
        // SAFETY: `malloc_trim` may be called at any time from any thread; it only gives unused pages back.
        unsafe { libc::malloc_trim(0) };
    }
}
