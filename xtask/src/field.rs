//! Findings on real software: what the detectors say of packages that this project did not write, and whether it is right.
//!
//! ```text
//!  field/packages/NAME.json ── record: install, run under auto-instrumentation ──► target/field/cases/NAME.jsonl
//!  target/field/cases ── report: import into a fresh home, `kino insights` ──► findings
//!  field/judged.csv ── what a reader of the package's code says of each finding ──► precision, base rate
//! ```
//!
//! Owns how packages are installed and run, and the count of right findings; never finds anything itself. A third of
//! the first packages is sealed: detectors are mended on the others, and judged by these once. Everything of the later
//! draws is sealed: each was recorded when the one before had been opened.

mod judged;
mod recipes;
mod record;
mod report;
mod tables;

use std::path::PathBuf;

use self::recipes::Draw;
use crate::exec;
use crate::random::Random;

/// What to do about the field study.
#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub(crate) enum Action {
    /// Installs, runs and records each chosen package that is not recorded yet
    Record,
    /// Asks `kino insights` about each recorded package, and joins what was judged
    Report,
    /// Draws the sealed third among the names in field/sealed.json, or the order of those of a later draw
    Draw,
}

/// Arguments of `cargo xtask field`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to do
    action: Action,
    /// The binary to record or to ask; without it `kino` among the release builds
    #[arg(long, value_name = "PATH")]
    kino: Option<PathBuf>,
    /// The folder for recordings; without it `field/` in the folder of build products
    #[arg(long, value_name = "PATH")]
    cache: Option<PathBuf>,
    /// Only this package; may be repeated
    #[arg(long = "package", value_name = "NAME")]
    packages: Vec<String>,
    /// draw: what the draw follows from
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// report: only the sealed packages of this draw, which are left out otherwise, so that no detector is mended on them;
    /// draw: which
    #[arg(long, value_name = "DRAW")]
    draw: Option<Draw>,
    /// report: prints each finding with its numbers, location and evidence
    #[arg(long)]
    detail: bool,
    /// report: writes the tables to this file, too
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

impl Args {
    fn cache(&self) -> anyhow::Result<PathBuf> {
        match &self.cache {
            Some(path) => Ok(path.clone()),
            None => Ok(exec::target_dir(&exec::workspace_root()?)?.join("field")),
        }
    }

    fn kino(&self) -> anyhow::Result<PathBuf> {
        exec::kino(self.kino.as_deref())
    }

    fn is_chosen(&self, name: &str) -> bool {
        self.packages.is_empty() || self.packages.iter().any(|chosen| chosen == name)
    }
}

/// Records, reports or draws; false when a package could not be recorded, or nothing is there to report on.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    match args.action {
        Action::Record => record::run(args),
        Action::Report => report::run(args),
        Action::Draw => draw(args),
    }
}

/// Prints the packages that are sealed under this seed: the first third of all in a random order; or that whole order.
fn draw(args: &Args) -> anyhow::Result<bool> {
    let draw = args.draw.unwrap_or(Draw::First);
    let names = recipes::drawn_from(&exec::workspace_root()?, draw)?;
    let drawn = if draw == Draw::First { third(names, args.seed) } else { in_order(names, args.seed) };
    println!("{}", serde_json::json!({ "seed": args.seed, "packages": drawn }));
    Ok(true)
}

/// The names in a random order.
fn in_order(mut names: Vec<String>, seed: u64) -> Vec<String> {
    let mut random = Random(seed);
    for last in (1..names.len()).rev() {
        names.swap(last, random.below(last as u64 + 1) as usize);
    }
    names
}

fn third(names: Vec<String>, seed: u64) -> Vec<String> {
    let mut names = in_order(names, seed);
    names.truncate(names.len().div_ceil(3));
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_third_is_drawn_and_follows_from_the_seed() {
        let names = || (0..25).map(|number| format!("p{number:02}")).collect::<Vec<_>>();
        let drawn = third(names(), 1);
        assert_eq!(drawn.len(), 9);
        assert_eq!(drawn, third(names(), 1));
        assert_ne!(drawn, third(names(), 2));
    }

    #[test]
    fn a_later_draw_is_what_its_seed_gives() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for draw in [Draw::Second, Draw::Fourth, Draw::Fifth, Draw::Seventh, Draw::Eighth, Draw::Ninth] {
            let seed = recipes::seed(root, draw).unwrap();
            let names = recipes::drawn_from(root, draw).unwrap();
            assert_eq!(in_order(names, seed), recipes::order(root, draw).unwrap(), "{draw:?}");
        }
    }

    #[test]
    fn the_sixth_order_is_what_the_fifth_had_left_and_then_what_its_seed_gives() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let seed = recipes::seed(root, Draw::Sixth).unwrap();
        let names = recipes::drawn_from(root, Draw::Sixth).unwrap();
        let mut order = recipes::order(root, Draw::Sixth).unwrap();
        let new = order.split_off(order.len() - names.len());
        assert_eq!(in_order(names, seed), new);
        let mut left = recipes::order(root, Draw::Fifth).unwrap();
        left.retain(|name| order.contains(name));
        assert_eq!(left, order);
    }

    #[test]
    fn a_name_is_drawn_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let names = |draw| recipes::drawn_from(root, draw).unwrap();
        let earlier = [names(Draw::First), names(Draw::Second)].concat();
        let again: Vec<_> = names(Draw::Fourth).into_iter().filter(|name| earlier.contains(name)).collect();
        assert!(again.is_empty(), "{again:?}");
        let earlier = [earlier, names(Draw::Fourth), names(Draw::Fifth)].concat();
        let again: Vec<_> = names(Draw::Sixth).into_iter().filter(|name| earlier.contains(name)).collect();
        assert!(again.is_empty(), "{again:?}");
        let earlier = [earlier, names(Draw::Sixth)].concat();
        let again: Vec<_> = names(Draw::Seventh).into_iter().filter(|name| earlier.contains(name)).collect();
        assert!(again.is_empty(), "{again:?}");
        let earlier = [earlier, names(Draw::Seventh)].concat();
        let again: Vec<_> = names(Draw::Eighth).into_iter().filter(|name| earlier.contains(name)).collect();
        assert!(again.is_empty(), "{again:?}");
        let earlier = [earlier, names(Draw::Eighth)].concat();
        let again: Vec<_> = names(Draw::Ninth).into_iter().filter(|name| earlier.contains(name)).collect();
        assert!(again.is_empty(), "{again:?}");
    }
}
