//! What the times of two sides say: of each root operation, of whole runs, and of the machine meanwhile.

use kino_model::DurationNanos;

use super::{about, counts, reason, short};
use crate::compare::timing::{Missing, NoiseSource};
use crate::compare::{self, Comparison, OperationComparison, TotalComparison};
use crate::finding::{Number, Unit};
use crate::noise::Total;
use crate::verify::{Reason, Verdict};

/// A root operation that takes less than this part of all root operations' time leaves nothing open: the rare start-up
/// task must not keep a verdict from the rest.
const SHARE_THAT_MATTERS: f64 = 0.05;
/// A slowdown of less than this fails nothing. Executions of one process share its memory layout and the core that it
/// runs on, which alone moves operations of a few microseconds by this much from process to process.
const DECIDING_NANOS: i64 = 5_000;

/// The time of each root operation. `tolerate`: the part by which it may be slower.
pub(in crate::verify) fn of_time(comparison: &Comparison, tolerate: f64) -> Vec<Reason> {
    let roots = || comparison.operations.iter().filter(|operation| operation.root);
    let weight = |operation: &OperationComparison| {
        let side = |side: &compare::OperationSide| side.median_nanos.unwrap_or(0) as f64 * side.executions as f64;
        side(&operation.before) + side(&operation.after)
    };
    let total: f64 = roots().map(weight).sum();
    let others_came = roots().any(|operation| operation.before.executions == 0);
    let judged = |operation: &OperationComparison| {
        let matters = weight(operation) >= SHARE_THAT_MATTERS * total;
        time(operation, &Bearing { matters, others_came, tolerate })
    };
    roots().map(judged).collect()
}

/// What an operation's time is judged by besides itself.
struct Bearing {
    /// Whether it may leave the whole open.
    matters: bool,
    /// Whether operations came that were not there before.
    others_came: bool,
    tolerate: f64,
}

fn time(operation: &OperationComparison, bearing: &Bearing) -> Reason {
    let (before, after) = (&operation.before, &operation.after);
    let kind = operation.kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
    let name = format!("{}{kind}", operation.name);
    let mut numbers = counts(before.executions, after.executions);
    let median = |side: &compare::OperationSide| DurationNanos(side.median_nanos.unwrap_or(0)).to_string();
    let medians = format!("median {} before, {} after", median(before), median(after));
    for (key, value) in [("median_before", before.median_nanos), ("median_after", after.median_nanos)] {
        numbers.extend(value.map(|nanos| Number::new(key, nanos as f64, Unit::Nanos)));
    }
    let bounds = ratio(operation.effect, operation.interval, &mut numbers);
    let rests = rests(operation, &mut numbers);
    let (code, decides, text) = match operation.verdict {
        _ if after.executions == 0 => {
            let renamed = if bearing.others_came { "; others came, so it may have another name now" } else { "" };
            let text =
                format!("{name} does not run any more: {} executions before, none after{renamed}.", before.executions);
            let verdict = if bearing.others_came { Verdict::Undecided } else { Verdict::Fail };
            ("operation_lost", Some(verdict), text)
        }
        _ if before.executions == 0 => {
            ("operation_new", None, format!("{name} is new: {} executions after.", after.executions))
        }
        compare::Verdict::Slower if is_slight(operation) => {
            let text = format!("{name} is slower, by less than counts: {medians}{bounds} ({rests}).");
            ("slightly_slower", Some(Verdict::Pass), text)
        }
        compare::Verdict::Slower if !exceeds(operation.interval, bearing.tolerate) => {
            let text = format!(
                "{name} is slower, by less than the {} tolerated: {medians}{bounds} ({rests}).",
                percent(bearing.tolerate)
            );
            ("slower_within_tolerance", Some(Verdict::Pass), text)
        }
        compare::Verdict::Slower => {
            ("slower", Some(Verdict::Fail), format!("{name} is slower: {medians}{bounds} ({rests})."))
        }
        compare::Verdict::Faster => {
            ("faster", Some(Verdict::Pass), format!("{name} is faster: {medians}{bounds} ({rests})."))
        }
        compare::Verdict::NoDifferenceShown | compare::Verdict::Mixed => {
            if exceeds(operation.interval, bearing.tolerate) && !hides_little(operation) {
                let text = format!(
                    "{name} could be slower by more than the {} tolerated: {medians}{bounds} ({rests}).",
                    percent(bearing.tolerate)
                );
                ("could_be_slower", bearing.matters.then_some(Verdict::Undecided), text)
            } else {
                let text = format!("{name} shows no difference: {medians}{bounds} ({rests}).");
                ("no_difference_shown", Some(Verdict::Pass), text)
            }
        }
        compare::Verdict::TooFewExecutions => {
            let missing = operation.executions_missing.unwrap_or(1);
            numbers.push(Number::new("executions_missing", missing as f64, Unit::Count));
            let text = format!(
                "{name} takes {} a side for a verdict on its time: {medians} ({rests}).",
                more(missing, "execution")
            );
            ("too_few_executions", bearing.matters.then_some(Verdict::Undecided), text)
        }
        compare::Verdict::TooFewRuns | compare::Verdict::TooFewOccasions => {
            let (code, missing, what) = match operation.missing {
                Some(Missing::Occasions(missing)) => ("too_few_occasions", missing, "occasion"),
                Some(Missing::Runs(missing)) => ("too_few_runs", missing, "run"),
                None => ("too_few_runs", 1, "run"),
            };
            let key = if code == "too_few_runs" { "runs_missing" } else { "occasions_missing" };
            numbers.push(Number::new(key, missing as f64, Unit::Count));
            let text = format!(
                "{name} takes {} a side for a verdict on its time: {medians}{bounds} ({rests}).",
                more(missing, what)
            );
            (code, bearing.matters.then_some(Verdict::Undecided), text)
        }
    };
    about((&operation.service, &operation.name), reason(code, decides, numbers, text))
}

/// How many more of a thing.
fn more(missing: u64, thing: &str) -> String {
    format!("{missing} more {thing}{}", if missing == 1 { "" } else { "s" })
}

/// The ratio with its interval, as it follows the medians.
fn ratio(effect: Option<f64>, interval: Option<[f64; 2]>, numbers: &mut Vec<Number>) -> String {
    let Some(effect) = effect else { return String::new() };
    numbers.push(Number::new("effect", effect, Unit::Ratio));
    let Some([low, high]) = interval else { return format!(", ×{effect:.2} observed") };
    numbers.push(Number::new("effect_low", low, Unit::Ratio));
    numbers.push(Number::new("effect_high", high, Unit::Ratio));
    format!(", ×{effect:.2}, between ×{low:.2} and ×{high:.2}")
}

/// What a verdict rests on.
fn rests(operation: &OperationComparison, numbers: &mut Vec<Number>) -> String {
    let (before, after) = (&operation.before, &operation.after);
    let executions = format!("{} and {} executions", before.executions, after.executions);
    let Some((noise, source)) = operation.run_noise else { return executions };
    numbers.push(Number::new("runs_before", before.runs as f64, Unit::Count));
    numbers.push(Number::new("runs_after", after.runs as f64, Unit::Count));
    numbers.push(Number::new("run_noise", noise, Unit::Ratio));
    let source = match source {
        NoiseSource::TheseRuns => "",
        NoiseSource::History => " by earlier runs of the same code",
        NoiseSource::Default => " assumed, since no earlier runs say",
    };
    let mut shown = String::new();
    if let Some(smallest) = operation.smallest_shown {
        numbers.push(Number::new("smallest_shown", smallest, Unit::Ratio));
        shown = format!(", so that a change by {:.1} % would have shown", smallest * 100.0);
    }
    format!(
        "{executions} in {} and {} runs; runs vary by {:.1} %{source}{shown}",
        before.runs,
        after.runs,
        noise * 100.0
    )
}

fn percent(part: f64) -> String {
    format!("{} %", short((part * 1_000.0).round() / 10.0))
}

/// Whether an interval reaches beyond what is tolerated; a set against itself has none.
fn exceeds(interval: Option<[f64; 2]>, tolerate: f64) -> bool {
    interval.is_some_and(|[_, high]| high > 1.0 + tolerate)
}

/// Whether the medians differ by so little that another process of the same code might.
fn is_slight(operation: &OperationComparison) -> bool {
    let [before, after] = [&operation.before, &operation.after].map(|side| side.median_nanos.unwrap_or(0));
    after - before < DECIDING_NANOS
}

/// Whether even the upper end of the interval is a slowdown that fails nothing.
fn hides_little(operation: &OperationComparison) -> bool {
    let median = operation.before.median_nanos.unwrap_or(0) as f64;
    operation.interval.is_some_and(|[_, high]| (high - 1.0) * median < DECIDING_NANOS as f64)
}

/// The totals of whole runs: what no single operation shows.
pub(in crate::verify) fn of_totals(comparison: &Comparison, tolerate: f64) -> Vec<Reason> {
    comparison.totals.iter().map(|total| of_total(total, tolerate)).collect()
}

fn of_total(total: &TotalComparison, tolerate: f64) -> Reason {
    let what = match total.total {
        Total::Roots => "the time of all root operations of a run",
        Total::Wall => "a whole run",
        Total::Cpu => "processor time of a run",
    };
    let nanos = |nanos: i64| DurationNanos(nanos).to_string();
    let mut numbers = vec![
        Number::new("median_before", total.before_nanos as f64, Unit::Nanos),
        Number::new("median_after", total.after_nanos as f64, Unit::Nanos),
    ];
    let bounds = ratio(Some(total.effect), total.interval, &mut numbers);
    let rest = format!("median {} before, {} after{bounds}", nanos(total.before_nanos), nanos(total.after_nanos));
    let is_beyond = exceeds(total.interval, tolerate);
    let (suffix, decides, says) = match total.verdict {
        compare::Verdict::Slower if is_beyond => ("slower", Some(Verdict::Fail), "takes longer".to_owned()),
        compare::Verdict::Slower => {
            ("slower_within_tolerance", None, format!("takes longer, by less than the {} tolerated", percent(tolerate)))
        }
        compare::Verdict::Faster => ("faster", None, "takes less".to_owned()),
        compare::Verdict::NoDifferenceShown if is_beyond && total.total == Total::Wall => {
            let says = format!("could take longer by more than the {} tolerated", percent(tolerate));
            ("could_be_slower", Some(Verdict::Undecided), says)
        }
        compare::Verdict::NoDifferenceShown => ("no_difference_shown", None, "shows no difference".to_owned()),
        _ => ("too_few_runs", None, "has too few runs for a verdict".to_owned()),
    };
    let code = match (total.total, suffix) {
        (Total::Roots, "slower") => "roots_slower",
        (Total::Roots, "faster") => "roots_faster",
        (Total::Roots, _) => "roots_time",
        (Total::Wall, "slower") => "run_slower",
        (Total::Wall, "faster") => "run_faster",
        (Total::Wall, "could_be_slower") => "run_could_be_slower",
        (Total::Wall, _) => "run_time",
        (Total::Cpu, "slower") => "cpu_slower",
        (Total::Cpu, "faster") => "cpu_faster",
        (Total::Cpu, _) => "cpu_time",
    };
    reason(code, decides, numbers, format!("{what} {says}: {rest}."))
}

/// Root operations that runs execute more or less often: their times alone do not say what the change costs.
pub(in crate::verify) fn of_executions(comparison: &Comparison) -> Vec<Reason> {
    let seen = |operation: &(String, String)| {
        comparison.operations.iter().any(|it| {
            (&it.service, &it.name) == (&operation.0, &operation.1)
                && it.before.executions > 0
                && it.after.executions > 0
        })
    };
    let changed = comparison.executions_changed.iter().filter(|changed| seen(&changed.operation));
    let to_reason = |changed: &compare::ExecutionsChanged| {
        let numbers =
            vec![Number::new("before", changed.before, Unit::Count), Number::new("after", changed.after, Unit::Count)];
        let name = &changed.operation.1;
        let text = format!(
            "a run executes {name} {} times after, {} times before: its time alone does not say what that costs.",
            short(changed.after),
            short(changed.before)
        );
        let decides = Verdict::Undecided;
        about((&changed.operation.0, name), reason("executions_changed", decides, numbers, text))
    };
    changed.map(to_reason).collect()
}

/// Other programs that used the cores while one side ran, and not while the other did.
pub(in crate::verify) fn of_others(comparison: &Comparison) -> Option<Reason> {
    let [before, after] = comparison.others_cpu?;
    let text = format!(
        "other programs used {} of the cores before and {} after, which changes times by itself.",
        percent(before),
        percent(after)
    );
    let numbers = vec![
        Number::new("others_cpu_before", before, Unit::Ratio),
        Number::new("others_cpu_after", after, Unit::Ratio),
    ];
    Some(reason("others_cpu", None, numbers, text))
}

/// A trend of the machine, which is not the change's.
pub(in crate::verify) fn of_drift(comparison: &Comparison) -> Option<Reason> {
    let factor = comparison.drift?;
    let (part, word) = if factor > 1.0 { (factor - 1.0, "slower") } else { (1.0 - factor, "faster") };
    let text = format!(
        "both sides became {} {word} from the first run to the last: the machine's doing, not the change's.",
        percent(part)
    );
    Some(reason("drift", None, vec![Number::new("drift", factor, Unit::Ratio)], text))
}
