//! `cargo xtask calibrate record`: blocks of runs of one program after the other, round after round.
//!
//! ```text
//!  round 1:  interpret ×10, archive ×10, …    neighbours in time are runs of the same program, as when a person
//!  round 2:  interpret ×10, archive ×10, …    measures, and each program is spread over the whole occasion
//! ```

use std::path::PathBuf;

use anyhow::{Context, bail};

use super::bursts::Bursts;
use super::measure::RunFolder;
use super::programs::{self, Program};
use super::recording::Recording;
use crate::exec;
use crate::system;

/// Runs of one program in a row.
const BLOCK: usize = 10;
/// Runs that may fail before a recording is given up.
const FAILURES_MAX: usize = 5;
/// The largest share of extra work: some programs prepare no more than this.
const EXTRA_MAX: f64 = 0.2;
/// The longest runs: some seconds.
const TIMES_MAX: i64 = 20;
/// What /proc/stat counts in.
const TICKS_PER_SECOND: f64 = 100.0;

/// Arguments of `cargo xtask calibrate record`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// A name for this recording; one that was interrupted goes on where it stopped
    #[arg(long, value_parser = name)]
    occasion: String,
    /// What the machine does meanwhile
    #[arg(long)]
    condition: Condition,
    /// How often each program runs
    #[arg(long, default_value_t = 200)]
    runs: usize,
    /// Only this program; may be repeated
    #[arg(long = "program")]
    programs: Vec<String>,
    /// A share of more work (0.03: 3 %). Several, as in 0,0.03, take turns, each with a file of its own
    #[arg(long, value_delimiter = ',', default_value = "0", value_parser = share)]
    extra: Vec<f64>,
    /// Makes each run as many times as long, so that it varies less; for programs whose work has no limit
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=TIMES_MAX))]
    times: u32,
    /// When bursts come follows from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The binary to record with
    #[arg(long)]
    kino: PathBuf,
    /// The folder for the files
    #[arg(long, default_value = "calibration/recorded")]
    out: PathBuf,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Condition {
    /// Nothing else is started; that nothing else runs is up to you
    Quiet,
    /// All cores are busy in bursts of 0.5 to 5 seconds, with pauses as long
    Bursts,
}

impl Condition {
    fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Bursts => "bursts",
        }
    }
}

/// One amount of extra work and its file.
struct Variant {
    extra: f64,
    recording: Recording,
}

/// Records; false when it was interrupted.
pub(super) fn run(args: &Args) -> anyhow::Result<bool> {
    let root = exec::workspace_root()?;
    system::catch_interrupts();
    let place = RunFolder::new(&args.kino)?;
    let programs = programs::prepare(&root, &place.work(), &args.programs)?;
    if args.times > 1
        && let Some(program) = programs.iter().find(|program| !program.has_endless_work)
    {
        bail!("{} cannot run longer: name others with --program, or leave --times out", program.name);
    }
    let mut variants = open(args, &place.version()?)?;
    // What an interpreter compiles and a disk reads for the first time is not what is measured.
    for program in &programs {
        if !system::interrupted() {
            place.run(program, 0.0).with_context(|| format!("{} does not run", program.name))?;
        }
    }
    let bursts = (args.condition == Condition::Bursts).then(|| Bursts::start(args.seed));
    let mut failures = 0;
    for round in 0..args.runs.div_ceil(BLOCK) {
        let until = ((round + 1) * BLOCK).min(args.runs);
        let meter = Meter::start();
        for program in &programs {
            record_block(&place, program, until, args.times, &mut variants, &mut failures)?;
        }
        if system::interrupted() {
            println!("interrupted; the same command goes on from here");
            break;
        }
        println!("{until:>4} of {} runs of each program; {}", args.runs, meter.read());
    }
    drop(bursts);
    for variant in &variants {
        println!("{}", variant.recording.path().display());
    }
    Ok(!system::interrupted())
}

/// Runs one program until each of its recordings has `until` runs; amounts of work take turns, and who begins changes.
fn record_block(
    place: &RunFolder,
    program: &Program,
    until: usize,
    times: u32,
    variants: &mut [Variant],
    failures: &mut usize,
) -> anyhow::Result<()> {
    let mut forward = true;
    loop {
        let mut order: Vec<&mut Variant> = variants
            .iter_mut()
            .filter(|variant| program.takes_extra || variant.extra == 0.0)
            .filter(|variant| variant.recording.runs(program.name) < until)
            .collect();
        if order.is_empty() {
            return Ok(());
        }
        if !forward {
            order.reverse();
        }
        forward = !forward;
        for variant in order {
            let outcome = place.run(program, f64::from(times) * (1.0 + variant.extra) - 1.0);
            // Ctrl-C reaches the program as well, so that what it took then is not its time.
            if system::interrupted() {
                return Ok(());
            }
            match outcome {
                Ok(run) => variant.recording.add(program.name, &run)?,
                Err(error) if *failures < FAILURES_MAX => {
                    *failures += 1;
                    println!("not recorded: {error:#}");
                }
                Err(error) => return Err(error.context("too many runs failed")),
            }
        }
    }
}

/// The recordings, one for each amount of extra work.
fn open(args: &Args, version: &str) -> anyhow::Result<Vec<Variant>> {
    std::fs::create_dir_all(&args.out).with_context(|| format!("failed to make {}", args.out.display()))?;
    let (occasion, condition) = (&args.occasion, args.condition.name());
    let mut variants = Vec::new();
    for &extra in &args.extra {
        let percent = (extra * 100.0).round() as u32;
        let suffix = if extra > 0.0 { format!("-extra{percent:02}") } else { String::new() };
        let path = args.out.join(format!("{occasion}-{condition}{suffix}.csv"));
        let mut about = format!("occasion={occasion}; condition={condition}; extra_percent={percent}");
        if args.times > 1 {
            about = format!("{about}; times={}", args.times);
        }
        about = format!("{about}; {}; kino={version}", system::machine()?);
        variants.push(Variant { extra, recording: Recording::open(path, about)? });
    }
    Ok(variants)
}

/// How long something took, and how busy the machine was meanwhile, with the programs and without.
struct Meter {
    began: std::time::Instant,
    ticks: u64,
    children: std::time::Duration,
}

impl Meter {
    fn start() -> Self {
        let children = system::children_cpu().unwrap_or_default();
        Self { began: exec::now(), ticks: system::busy_ticks(), children }
    }

    fn read(&self) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        let capacity = seconds * system::cores() as f64;
        let busy = (system::busy_ticks() - self.ticks) as f64 / TICKS_PER_SECOND;
        let own = system::children_cpu().unwrap_or_default().saturating_sub(self.children).as_secs_f64();
        let percent = |part: f64| 100.0 * part / capacity;
        format!("{seconds:.0} s, cores {:.0} % busy, {:.0} % with the programs", percent(busy), percent(own))
    }
}

fn name(text: &str) -> anyhow::Result<String> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if text.is_empty() || !text.chars().all(plain) {
        bail!("lowercase letters, digits and underscores");
    }
    Ok(text.to_owned())
}

fn share(text: &str) -> anyhow::Result<f64> {
    let share: f64 = text.parse()?;
    if !(0.0..=EXTRA_MAX).contains(&share) {
        bail!("a share from 0 to {EXTRA_MAX}");
    }
    Ok(share)
}
