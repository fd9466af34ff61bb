//! Measures detectors on planted faults and on look-alikes: `cargo xtask accuracy`.
//!
//! Arguments: `--seeds N`, `--detector CODE`, `--tuning` (the ranges that detectors may be tuned on, other seeds),
//! `--detail` (each form and look-alike by itself), `--write FILE` (the table as a page).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use kino_analyze::finding::{Code, Finding};
use kino_analyze::{DetectorConfig, EntrySpans, compare, detect, executions, trees};
use kino_model::Trace;
use kino_testkit::faults::{self, Case, Ranges, Truth};

/// How many seeds without `--seeds`.
const SEEDS: u64 = 40;
/// Seeds of the final measure begin here, those for tuning at 1.
const UNSEEN_FROM: u64 = 1_000_001;
/// Shop traces in a set for the base rate.
const PLAIN_TRACES: usize = 400;
/// The page is written by hand from here on.
const FOREIGN: &str = "## On software that others wrote";
/// Pairs that do not differ.
const EQUAL_PAIRS: u64 = 10_000;

struct Arguments {
    seeds: u64,
    detector: Option<String>,
    ranges: Ranges,
    detail: bool,
    write: Option<String>,
}

/// What was counted of one code.
#[derive(Default)]
struct Score {
    /// Found and planted: at the minimum, above.
    found: [u64; 2],
    planted: [u64; 2],
    /// Planted cases in which it also fires on something else.
    beside: u64,
    look_alikes: u64,
    false_alarms: u64,
    /// Cases of other codes, and in how many of them it fires.
    others: u64,
    elsewhere: u64,
    /// Entry operations of plain shop traces, and on how many of them it fires.
    plain: u64,
    plain_fired: u64,
    /// By form: fired as it should be, all.
    forms: BTreeMap<String, [u64; 2]>,
}

#[expect(clippy::print_stdout, reason = "a table for the person who asked for it")]
fn main() -> std::io::Result<()> {
    let arguments = arguments();
    let mut scores: BTreeMap<&'static str, Score> = BTreeMap::new();
    for code in Code::ALL {
        scores.entry(code.name()).or_default();
    }
    let first = if arguments.ranges == Ranges::Tuning { 1 } else { UNSEEN_FROM };
    for seed in first..first + arguments.seeds {
        for code in faults::codes() {
            if arguments.detector.as_deref().is_none_or(|wanted| wanted == code) {
                for case in faults::cases(code, seed, arguments.ranges) {
                    judge(&case, &mut scores);
                }
            }
        }
        base_rate(seed, &mut scores);
    }
    scores.retain(|code, _| arguments.detector.as_deref().is_none_or(|wanted| wanted == *code));
    let mut text = table(&scores);
    if arguments.detector.as_deref().is_none_or(|wanted| wanted == "regression") {
        text.push_str(&pairs());
    }
    print!("{text}");
    if arguments.detail {
        for (code, score) in &scores {
            for (form, [right, all]) in score.forms.iter().filter(|(_, [right, all])| right < all) {
                println!("{code}: {form}: {right} of {all} right");
            }
        }
    }
    match &arguments.write {
        Some(file) => {
            let previous = std::fs::read_to_string(file).unwrap_or_default();
            let foreign = previous.find(FOREIGN).map_or("", |at| &previous[at..]);
            std::fs::write(file, format!("{}\n{foreign}", page(&text, arguments.seeds)))
        }
        None => Ok(()),
    }
}

fn arguments() -> Arguments {
    let mut found = Arguments { seeds: SEEDS, detector: None, ranges: Ranges::Evaluation, detail: false, write: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} wants a value"));
        match word.as_str() {
            "--seeds" => found.seeds = value().parse().expect("--seeds wants a number"),
            "--detector" => {
                let code = value();
                let codes = faults::codes();
                assert!(codes.contains(&code.as_str()), "{code} is none of {}", codes.join(", "));
                found.detector = Some(code);
            }
            "--tuning" => found.ranges = Ranges::Tuning,
            "--detail" => found.detail = true,
            "--write" => found.write = Some(value()),
            other => panic!("{other} is none of --seeds N, --detector CODE, --tuning, --detail, --write FILE"),
        }
    }
    found
}

fn findings(before: &[Trace], traces: &[Trace]) -> Vec<Finding> {
    let config = DetectorConfig::default();
    let trees_now = trees(traces);
    let found = executions(&trees_now, EntrySpans::Outermost);
    if before.is_empty() {
        return detect::findings(&found, &config);
    }
    let trees_before = trees(before);
    let found_before = executions(&trees_before, EntrySpans::Outermost);
    compare::findings(&compare(&found_before, &found), &found, &config)
}

fn judge(case: &Case, scores: &mut BTreeMap<&'static str, Score>) {
    let found = findings(&case.before, &case.traces);
    let own: Vec<&Finding> =
        found.iter().filter(|it| it.evidence.iter().any(|it| faults::is_own(it.trace_id))).collect();
    let score = scores.entry(case.code).or_default();
    let fired = own.iter().filter(|it| it.code.name() == case.code);
    let right = match case.truth {
        Truth::Planted { at_minimum, subject } => {
            let (hits, misses): (Vec<&&Finding>, Vec<&&Finding>) = fired.partition(|it| it.subject.name == subject);
            let at = usize::from(!at_minimum);
            score.planted[at] += 1;
            score.found[at] += u64::from(!hits.is_empty());
            score.beside += u64::from(!misses.is_empty());
            !hits.is_empty() && misses.is_empty()
        }
        Truth::LookAlike => {
            score.look_alikes += 1;
            let silent = fired.count() == 0;
            score.false_alarms += u64::from(!silent);
            silent
        }
    };
    let what = match case.truth {
        Truth::Planted { at_minimum: true, .. } => "at the minimum",
        Truth::Planted { .. } => "above",
        Truth::LookAlike => "look-alike",
    };
    let form = score.forms.entry(format!("{what}: {}", case.name)).or_default();
    form[0] += u64::from(right);
    form[1] += 1;
    let others: BTreeSet<&str> = own.iter().map(|it| it.code.name()).collect();
    let is_pair = !case.before.is_empty();
    for (code, score) in scores.iter_mut().filter(|(code, _)| **code != case.code && is_comparison(code) == is_pair) {
        score.others += 1;
        score.elsewhere += u64::from(others.contains(code));
    }
}

fn is_comparison(code: &str) -> bool {
    matches!(code, "regression" | "improvement" | "structure_changed")
}

/// Adds the findings on entry operations of plain traces.
fn base_rate(seed: u64, scores: &mut BTreeMap<&'static str, Score>) {
    let traces = faults::plain(seed, 2 * PLAIN_TRACES);
    let (before, after) = traces.split_at(PLAIN_TRACES);
    let root_of: BTreeMap<_, &str> = traces
        .iter()
        .filter_map(|trace| trace.spans.iter().find(|span| span.parent_span_id.is_none()))
        .map(|span| (span.trace_id, span.name.as_str()))
        .collect();
    let roots: BTreeSet<&str> = root_of.values().copied().collect();
    let found = findings(&[], after).into_iter().chain(findings(before, after));
    let fired: BTreeSet<(&str, &str)> =
        found.map(|finding| (finding.code.name(), root_of[&finding.evidence[0].trace_id])).collect();
    for (code, score) in scores.iter_mut() {
        score.plain += roots.len() as u64;
        score.plain_fired += fired.iter().filter(|(fired, _)| fired == code).count() as u64;
    }
}

fn share(part: u64, whole: u64) -> String {
    if whole == 0 { "–".to_owned() } else { format!("{:.3}", part as f64 / whole as f64) }
}

fn table(scores: &BTreeMap<&'static str, Score>) -> String {
    let mut text = String::from(
        "| finding | precision | recall at the minimum | recall above | cases: minimum, above, look-alikes | base rate | elsewhere |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
    );
    for (code, score) in scores {
        let found = score.found[0] + score.found[1];
        let alarms = found + score.beside + score.false_alarms;
        writeln!(
            text,
            "| `{code}` | {} | {} | {} | {}, {}, {} | {} | {} |",
            share(found, alarms),
            share(score.found[0], score.planted[0]),
            share(score.found[1], score.planted[1]),
            score.planted[0],
            score.planted[1],
            score.look_alikes,
            share(score.plain_fired, score.plain),
            share(score.elsewhere, score.others)
        )
        .expect("writing to a text never fails");
    }
    text
}

fn pairs() -> String {
    let verdicts = |pair: fn(u64) -> [Vec<Trace>; 2], code: Option<Code>| {
        let fires = |number: u64| {
            let [before, after] = pair(UNSEEN_FROM + number);
            findings(&before, &after)
                .iter()
                .any(|it| code.map_or(matches!(it.code, Code::Regression | Code::Improvement), |code| it.code == code))
        };
        (0..EQUAL_PAIRS).filter(|&number| fires(number)).count()
    };
    let false_alarms = verdicts(faults::equal_pair, None);
    let slower = verdicts(faults::slower_pair, Some(Code::Regression));
    format!(
        "\nPairs of 20 executions a side at 5 % noise: of {EQUAL_PAIRS} that do not differ {false_alarms} are called slower or faster; \
         of {EQUAL_PAIRS} that are 10 % slower {slower} are called slower.\n"
    )
}

fn page(table: &str, seeds: u64) -> String {
    format!(
        "# How often findings are right\n\n\
         What is measured on made-up faults comes first; the second table is about software that others wrote.\n\n\
         ## On made-up faults\n\n\
         Measured with `cargo xtask accuracy --seeds {seeds}`, which writes this part: each detector on faults that a generator \
         plants ([`crates/testkit/src/faults`](../../crates/testkit/src/faults)) and on look-alikes that are none, among shop \
         traces and the calls that any service makes besides. These traces hold what their author thought of, and real programs \
         hold more.\n\n\
         The figures are from seeds and ranges that the detectors were not tuned on: other seeds, log-normal noise of 3 to 40 % \
         instead of 5 to 30 %, and times between a third and six times as long (`--tuning` shows the others). The forms \
         of faults and look-alikes are the same ones, so the table says how well the detectors tolerate noise, not \
         how well they do on forms that are new.\n\n\
         - **Precision**: of all cases with an alarm, those in which the fault is there and is found on the right operation. An \
         alarm on a look-alike counts against it, and so does one on another operation beside the fault.\n\
         - **Recall at the minimum**: the share of planted faults found with exactly the executions and repeats that the page of \
         the finding states as least evidence, and shares of time about half as large again as the stated ones; **above**: with \
         several times as much.\n\
         - **Base rate**: on how many of the entry operations of {PLAIN_TRACES} plain shop traces it fires, though nothing was planted. \
         That is not the same as false alarms: of the shop's requests one in fifty fails, and some operation always holds most of \
         the time.\n\
         - **Elsewhere**: on how many of the cases made for other findings it fires. Much of that is true (a retry storm is also \
         the bottleneck), so it is counted and not judged.\n\n\
         {table}"
    )
}
