//! Comparisons formed from recorded runs of unchanged programs, as they would have happened.
//!
//! ```text
//!  calibration/recorded/*.csv ─► Recording ─► comparisons ─► Row: tries, how many are wrong, how many decide
//! ```
//!
//! One comparison is wrong if any of its operations or totals is called faster or slower. Recordings with extra work say
//! how often a real slowdown is found.

use std::collections::BTreeMap;
use std::path::Path;

use kino_analyze::compare::{LEVEL, LOOKS_SHARE, Samples, TimeVerdict, Verdict, judge_samples};
use kino_analyze::noise::{Located, Noise};

/// Runs before those that are compared, which history is made of.
const HISTORY_RUNS: usize = 20;
/// Turns of a verification when nothing else is said, and the slowdown that it tolerates.
const TURNS: usize = 10;
const TOLERATED: f64 = 0.1;

/// One run: what it is called and where it lay.
type Run = (i64, BTreeMap<String, f64>);

/// One file.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) condition: String,
    pub(crate) occasion: String,
    pub(crate) extra: f64,
    /// How many times as long each run was made.
    times: u32,
    /// By program, in the order of time.
    programs: BTreeMap<String, Vec<Run>>,
}

/// What the recordings call the wall time of a run.
pub(crate) const WALL: &str = "*wall";
/// What they call the part of the cores that other programs used during a run: logarithms of parts of 1e9.
const OTHERS: &str = "*others";

impl Recording {
    /// One figure of each program's runs: the logarithms of nanoseconds, in the order of time.
    pub(crate) fn located(&self, figure: &str) -> impl Iterator<Item = Vec<f64>> {
        self.programs.values().map(move |runs| runs.iter().filter_map(|(_, run)| run.get(figure).copied()).collect())
    }
}

/// What became of comparisons of one kind.
pub(crate) struct Row {
    /// The recordings that it is formed from.
    pub(crate) recording: String,
    /// How.
    pub(crate) comparison: String,
    /// How many.
    pub(crate) tries: usize,
    /// Called faster or slower.
    pub(crate) wrong: usize,
    /// With a verdict on every operation and total.
    pub(crate) decided: usize,
}

/// What verifications with looks came to.
pub(crate) struct Stops {
    /// The recordings that it is formed from.
    pub(crate) recording: String,
    /// How, and by how much runs vary.
    pub(crate) comparison: String,
    /// How many fail, pass, and stay undecided.
    pub(crate) counts: [usize; 3],
    /// The median of the turns after which those ended that were decided.
    pub(crate) turns: usize,
}

/// All comparisons of unchanged code.
pub(crate) fn unchanged(recordings: &[Recording]) -> Vec<Row> {
    let mut rows = Vec::new();
    let unchanged = || recordings.iter().filter(|it| it.extra == 0.0);
    for recording in unchanged() {
        let mut push = |comparison: String, outcomes| rows.push(row(&recording.name, comparison, &outcomes));
        for turns in [1, 2, 3, 4, 5, 10] {
            push(format!("in turn, {turns} a side"), each(recording, |runs| in_turn(runs, turns, false)));
        }
        for turns in [1, 2, 3, 4, 5] {
            let outcomes = each(recording, |runs| in_turn(runs, turns, true));
            push(format!("in turn, {turns} a side, with history"), outcomes);
        }
        for count in [1, 5, 10] {
            let outcomes = each(recording, |runs| one_after_the_other(runs, count, false));
            push(format!("one side after the other, {count} a side"), outcomes);
            let outcomes = each(recording, |runs| one_after_the_other(runs, count, true));
            push(format!("one side after the other, {count} a side, with history"), outcomes);
        }
    }
    for first in unchanged() {
        for second in unchanged().filter(|it| it.occasion > first.occasion && it.times == first.times) {
            for count in [1, 5, 10] {
                let name = format!("{}, {}", first.name, second.name);
                rows.push(row(&name, format!("on two occasions, {count} a side"), &across(first, second, count)));
            }
        }
    }
    rows
}

/// Verifications of unchanged code, and of changed code where there are recordings of it.
pub(crate) fn verifications(recordings: &[Recording]) -> Vec<Stops> {
    let mut stops = Vec::new();
    for recording in recordings.iter().filter(|it| it.extra == 0.0) {
        let of_program = |runs: &Vec<Run>| -> Vec<(Stop, usize)> {
            runs.chunks_exact(2 * TURNS).map(|runs| stop(&sides(runs), TOLERATED)).collect()
        };
        let found: Vec<(Stop, usize)> = recording.programs.values().flat_map(of_program).collect();
        stops.push(stops_of(&recording.name, format!("unchanged, up to {TURNS} turns, 10 % tolerated"), &found));
    }
    for changed in recordings.iter().filter(|it| it.extra > 0.0) {
        let is_its =
            |it: &&Recording| it.extra == 0.0 && it.occasion == changed.occasion && it.condition == changed.condition;
        if let Some(unchanged) = recordings.iter().find(is_its) {
            power(unchanged, changed, &mut stops);
        }
    }
    stops
}

/// Reads a recording.
///
/// # Panics
/// Where it is none.
pub(crate) fn read(path: &Path) -> Recording {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let mut lines = text.lines();
    let header = lines.next().expect("a first line");
    let value = |name: &str| {
        header.trim_start_matches("# ").split("; ").find_map(|field| field.strip_prefix(&format!("{name}=")))
    };
    let field = |name: &str| value(name).unwrap_or_else(|| panic!("{} has no {name}", path.display())).to_owned();
    let first: i64 = field("first_run_unix_ms").parse().expect("a time");
    let mut programs: BTreeMap<String, BTreeMap<i64, BTreeMap<String, f64>>> = BTreeMap::new();
    for line in lines.skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [start, program, operation, _, micros] = fields[..] else { panic!("{line:?} has no five fields") };
        let start: i64 = start.parse().expect("a time");
        let nanos = micros.parse::<f64>().expect("a number").max(0.001) * 1_000.0;
        let start = (first + start) * 1_000_000;
        programs
            .entry(program.to_owned())
            .or_default()
            .entry(start)
            .or_default()
            .insert(operation.to_owned(), nanos.ln());
    }
    Recording {
        name: path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
        condition: field("condition"),
        occasion: field("occasion"),
        extra: field("extra_percent").parse::<f64>().expect("a number") / 100.0,
        times: value("times").map_or(1, |times| times.parse().expect("a number")),
        programs: programs.into_iter().map(|(name, runs)| (name, runs.into_iter().collect())).collect(),
    }
}

/// How many of the comparisons of each program are wrong, and how many come to a verdict.
type Outcomes = Vec<Vec<TimeVerdict>>;

fn each(recording: &Recording, outcomes: impl Fn(&[Run]) -> Outcomes) -> Outcomes {
    recording.programs.values().flat_map(|runs| outcomes(runs)).collect()
}

fn row(recording: &str, comparison: String, outcomes: &Outcomes) -> Row {
    let differs = |verdict: &TimeVerdict| matches!(verdict.verdict, Verdict::Faster | Verdict::Slower);
    let is_open = |verdict: &TimeVerdict| verdict.interval.is_none();
    Row {
        recording: recording.to_owned(),
        comparison,
        tries: outcomes.len(),
        wrong: outcomes.iter().filter(|verdicts| verdicts.iter().any(differs)).count(),
        decided: outcomes.iter().filter(|verdicts| !verdicts.iter().any(is_open)).count(),
    }
}

/// Everything that both sides have, as samples.
fn samples(before: &[Run], after: &[Run], history: &[Run], in_turn: bool) -> Vec<Samples> {
    let Some((_, first)) = before.first() else { return Vec::new() };
    let of = |runs: &[Run], name: &str| -> Vec<Located> {
        let others = |run: &BTreeMap<String, f64>| run.get(OTHERS).map(|log| log.exp() / 1e9);
        let located = |(start, run): &Run| Some(Located::new(*start, *run.get(name)?).beside(others(run)));
        runs.iter().filter_map(located).collect()
    };
    let sample = |name: &String| Samples {
        before: of(before, name),
        after: of(after, name),
        are_runs: true,
        in_turn,
        noise: Noise::of(&of(history, name)),
    };
    first.keys().filter(|name| *name != OTHERS).map(sample).collect()
}

/// Sides of runs that followed each other, the first of each turn by the parity of its bits: as good as random.
fn sides(runs: &[Run]) -> [Vec<Run>; 2] {
    let mut sides = [Vec::new(), Vec::new()];
    for (turn, pair) in runs.chunks_exact(2).enumerate() {
        let swapped = (turn / 2 + runs[0].0 as usize / 1_000_000_000) % 2 == 1;
        let swapped = usize::from(swapped == turn.is_multiple_of(2));
        sides[swapped].push(pair[0].clone());
        sides[1 - swapped].push(pair[1].clone());
    }
    sides
}

fn in_turn(runs: &[Run], turns: usize, with_history: bool) -> Outcomes {
    let mut outcomes = Vec::new();
    let mut at = if with_history { HISTORY_RUNS } else { 0 };
    while at + 2 * turns <= runs.len() {
        let history = if with_history { &runs[at - HISTORY_RUNS..at] } else { &[] };
        let [before, after] = sides(&runs[at..at + 2 * turns]);
        outcomes.push(judge_samples(&samples(&before, &after, history, true), LEVEL));
        at += 2 * turns;
    }
    outcomes
}

fn one_after_the_other(runs: &[Run], count: usize, with_history: bool) -> Outcomes {
    let mut outcomes = Vec::new();
    let mut at = if with_history { HISTORY_RUNS } else { 0 };
    while at + 2 * count <= runs.len() {
        let history = if with_history { &runs[at - HISTORY_RUNS..at] } else { &[] };
        let (before, after) = (&runs[at..at + count], &runs[at + count..at + 2 * count]);
        outcomes.push(judge_samples(&samples(before, after, history, false), LEVEL));
        at += 2 * count;
    }
    outcomes
}

fn across(first: &Recording, second: &Recording, count: usize) -> Outcomes {
    let mut outcomes = Vec::new();
    for (name, before) in &first.programs {
        let Some(after) = second.programs.get(name) else { continue };
        for (before, after) in before.chunks_exact(count).zip(after.chunks_exact(count)) {
            outcomes.push(judge_samples(&samples(before, after, &[], false), LEVEL));
        }
    }
    outcomes
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Pass,
    Fail,
    Undecided,
}

fn stops_of(recording: &str, comparison: String, found: &[(Stop, usize)]) -> Stops {
    let count = |stop: Stop| found.iter().filter(|it| it.0 == stop).count();
    let mut turns: Vec<usize> = found.iter().filter(|it| it.0 != Stop::Undecided).map(|it| it.1).collect();
    turns.sort_unstable();
    let counts = [Stop::Fail, Stop::Pass, Stop::Undecided].map(count);
    let turns = turns.get(turns.len() / 2).copied().unwrap_or_default();
    Stops { recording: recording.to_owned(), comparison, counts, turns }
}

/// What `run --against` would have said, with its looks, and after how many turns.
fn stop([before, after]: &[Vec<Run>; 2], tolerate: f64) -> (Stop, usize) {
    let planned = before.len();
    let looks = looks(planned);
    // Leaves out what is only reported: it leaves nothing open.
    let names: Vec<String> =
        before.first().map(|(_, run)| run.keys().filter(|name| *name != OTHERS).cloned().collect()).unwrap_or_default();
    let spent = LEVEL * LOOKS_SHARE / looks.len().max(1) as f64;
    for turns in looks.iter().copied().chain([planned]) {
        let level = if turns == planned { LEVEL - spent * looks.len() as f64 } else { spent };
        let judged = judge_samples(&samples(&before[..turns], &after[..turns], &[], true), level);
        let exceeds = |it: &TimeVerdict| it.interval.is_none_or(|[_, high]| high > 1.0 + tolerate);
        if judged.iter().any(|it| it.verdict == Verdict::Slower && exceeds(it)) {
            return (Stop::Fail, turns);
        }
        let decides = |name: &str| !matches!(name, "*roots" | "*cpu");
        if !judged.iter().zip(&names).any(|(it, name)| decides(name) && exceeds(it)) {
            return (Stop::Pass, turns);
        }
    }
    (Stop::Undecided, planned)
}

/// The turns after which `run --against` looks.
fn looks(planned: usize) -> Vec<usize> {
    std::iter::successors(Some(4), |turn| Some(turn + 1 + turn / 10)).take_while(|turn| *turn < planned).collect()
}

/// How often extra work is found, program by program, and how much its runs vary.
fn power(unchanged: &Recording, changed: &Recording, stops: &mut Vec<Stops>) {
    for (planned, tolerate) in [(TURNS, TOLERATED), (40, 0.01)] {
        for (name, before) in &unchanged.programs {
            let Some(after) = changed.programs.get(name) else { continue };
            let turns = before.chunks_exact(planned).zip(after.chunks_exact(planned));
            let found: Vec<_> =
                turns.map(|(before, after)| stop(&[before.to_vec(), after.to_vec()], tolerate)).collect();
            let what = format!(
                "`{name}`, whose runs vary by {:.1} %: {:.0} % more work, up to {planned} turns, {:.0} % tolerated",
                run_noise(before) * 100.0,
                changed.extra * 100.0,
                tolerate * 100.0
            );
            if !found.is_empty() {
                stops.push(stops_of(&changed.name, what, &found));
            }
        }
    }
}

/// The median, over its operations, of how much neighbouring runs vary.
fn run_noise(runs: &[Run]) -> f64 {
    let Some((_, first)) = runs.first() else { return f64::NAN };
    let mut noises: Vec<f64> = first
        .keys()
        .filter(|name| !name.starts_with('*') || first.len() <= 3)
        .filter_map(|name| {
            let located = runs.iter().filter_map(|(start, run)| Some(Located::new(*start, *run.get(name)?)));
            Noise::of(&located.collect::<Vec<_>>()).near.variance().map(f64::sqrt)
        })
        .collect();
    noises.sort_by(f64::total_cmp);
    noises.get(noises.len() / 2).copied().unwrap_or(f64::NAN)
}
