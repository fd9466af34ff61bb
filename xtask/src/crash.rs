//! Kills a real engine under real load, again and again, and counts what is left.
//!
//! ```text
//!  workers ── OTLP over HTTP, resending what was not acknowledged ──► kino serve ◄── SIGKILL, or a named kill point
//!                                                                        │
//!  the book of what was acknowledged ◄── compared span by span ── export ┘   after every restart, and all at the end
//! ```
//!
//! Everything that is sent follows from the seed and a batch's number, so the book holds numbers alone.

mod engine;
mod load;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};

use self::engine::Engine;
use self::load::{Book, SPANS_PER_TRACE, TRACES_PER_BATCH};
use crate::exec;
use crate::random::Random;

/// The engine's kill points, as `KINO_KILL_POINT` names them.
const KILL_POINTS: [&str; 6] =
    ["after-upload", "before-commit", "before-inventory", "before-wal-drop", "in-compaction", "in-retention"];
/// How long an engine has to reach its kill point before it is killed from outside.
const REACH_LIMIT: Duration = Duration::from_secs(20);
/// The longest that an engine lives before it is killed at random.
const LIFE_MILLIS_MAX: u64 = 2_500;
/// Requests under way at a time.
const WORKERS: usize = 4;
/// Older batches looked at after every restart, besides those of the last life.
const SAMPLE: usize = 20;
/// Batches asked for at once.
const VERIFY_BATCHES: usize = 25;
/// Wrong spans after which batches are no longer named one by one.
const SHOWN_MAX: u64 = 2_000;
/// Building the engine, where none is given.
const BUILD_LIMIT: Duration = Duration::from_mins(40);

/// Arguments of `cargo xtask crash`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often the engine is killed
    #[arg(long, default_value_t = 20)]
    kills: u64,
    /// The engine's binary; built when not given
    #[arg(long)]
    bin: Option<PathBuf>,
    /// After each kill, delete the catalog and restore it with `kino doctor --rebuild`
    #[arg(long)]
    lose_catalog: bool,
    /// Repeats a run's load and moments
    #[arg(long)]
    seed: Option<u64>,
}

/// What was found to be wrong.
#[derive(Debug, Default)]
struct Wrong {
    lost: u64,
    doubled: u64,
}

/// Runs the kills; false when a span was lost or doubled.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let bin = match &args.bin {
        Some(bin) => bin.clone(),
        None => build()?,
    };
    let seed = args.seed.unwrap_or_else(|| u64::from(std::process::id()) << 20 | u64::from(args.kills as u32));
    println!("seed {seed}");
    let home = std::env::temp_dir().join(format!("kino-crash-{}", std::process::id()));
    std::fs::create_dir_all(&home).context("failed to make a home")?;
    // Small bounds, so that flushes and merges happen within an engine's short life.
    std::fs::write(home.join("config.toml"), "[limits]\nhot_bytes_max = 16777216\n")?;
    let mut random = Random(seed);
    let mut book = Book::new(seed);
    let mut ends: BTreeMap<String, u64> = BTreeMap::new();
    let mut wrong = Wrong::default();
    for kill in 0..args.kills {
        let point = (kill % 2 == 1).then(|| KILL_POINTS[(kill / 2) as usize % KILL_POINTS.len()]);
        let mut engine = Engine::start(&bin, &home, None)?;
        check_life(&engine, &book, &mut random, &mut wrong)?;
        if point.is_some() {
            // An armed engine may end itself in the middle of an answer, so it is another one that answered.
            engine.kill()?;
            engine = Engine::start(&bin, &home, point)?;
        }
        book.begin_life();
        let end = live(&mut engine, &mut book, point, &mut random)?;
        if args.lose_catalog {
            engine::lose_catalog(&bin, &home)?;
        }
        println!("kill {:>4}: {end}; {} batches acknowledged so far", kill + 1, book.acknowledged().len());
        *ends.entry(end).or_default() += 1;
        if wrong.lost + wrong.doubled > 0 {
            break;
        }
    }
    let mut engine = Engine::start(&bin, &home, None)?;
    let all: Vec<u64> = book.acknowledged().to_vec();
    check(&engine, &book, &all, &mut wrong)?;
    engine.kill()?;
    let spans = all.len() * TRACES_PER_BATCH * SPANS_PER_TRACE;
    println!("\n{} kills:", args.kills);
    for (end, count) in &ends {
        println!("  {count:>5}  {end}");
    }
    println!(
        "{spans} spans acknowledged, {} resent batches; {} lost, {} doubled",
        book.resent(),
        wrong.lost,
        wrong.doubled
    );
    let fine = wrong.lost + wrong.doubled == 0;
    if fine {
        std::fs::remove_dir_all(&home).context("failed to remove the home")?;
    } else {
        println!("the home stays in {}", home.display());
    }
    Ok(fine)
}

fn build() -> anyhow::Result<PathBuf> {
    let root = exec::workspace_root()?;
    let mut command = Command::new(exec::cargo());
    command.current_dir(&root).args(["build", "--bin", "kino"]);
    if !exec::run(command, BUILD_LIMIT)?.success {
        bail!("the engine does not build");
    }
    Ok(exec::target_dir(&root)?.join("debug").join("kino"))
}

/// Sends until the engine is dead; says how it died.
fn live(engine: &mut Engine, book: &mut Book, point: Option<&str>, random: &mut Random) -> anyhow::Result<String> {
    let over = AtomicBool::new(false);
    let life = Duration::from_millis(50 + random.below(LIFE_MILLIS_MAX));
    let flushes = point.is_some() || random.below(2) == 0;
    let addresses = engine.addresses().clone();
    let shared = std::sync::Mutex::new(book);
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| load::send_until(&over, &addresses, &shared));
        }
        if flushes {
            scope.spawn(|| load::flush_until(&over, &addresses));
        }
        let end = match point {
            Some(point) if engine.wait(REACH_LIMIT)? => Ok(format!("at {point}")),
            Some(point) => engine.kill().map(|()| format!("{point} was not reached")),
            None => {
                std::thread::sleep(life);
                engine.kill().map(|()| "at a random moment".to_owned())
            }
        };
        over.store(true, Ordering::Release);
        end
    })
}

/// Checks what the last life acknowledged, and some of what earlier lives did.
fn check_life(engine: &Engine, book: &Book, random: &mut Random, wrong: &mut Wrong) -> anyhow::Result<()> {
    let mut batches = book.of_last_life().to_vec();
    let all = book.acknowledged();
    for _ in 0..SAMPLE.min(all.len()) {
        batches.push(all[random.below(all.len() as u64) as usize]);
    }
    batches.sort_unstable();
    batches.dedup();
    check(engine, book, &batches, wrong)
}

fn check(engine: &Engine, book: &Book, batches: &[u64], wrong: &mut Wrong) -> anyhow::Result<()> {
    for batches in batches.chunks(VERIFY_BATCHES) {
        let traces: Vec<String> = batches.iter().flat_map(|batch| book.trace_ids(*batch)).collect();
        let found = engine.spans_of(&traces)?;
        for batch in batches {
            let times: Vec<u64> =
                book.span_keys(*batch).iter().map(|key| found.get(key).copied().unwrap_or_default()).collect();
            let lost = times.iter().filter(|times| **times == 0).count() as u64;
            let doubled = times.iter().filter(|times| **times > 1).count() as u64;
            if lost + doubled > 0 && wrong.lost + wrong.doubled < SHOWN_MAX {
                println!(
                    "batch {batch}: {lost} lost, {doubled} doubled; its first trace is {}",
                    book.trace_ids(*batch)[0]
                );
            }
            wrong.lost += lost;
            wrong.doubled += doubled;
        }
    }
    Ok(())
}
