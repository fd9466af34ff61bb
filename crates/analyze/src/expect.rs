//! Whether executions keep to what is expected of them: durations, counts, errors, findings.
//!
//! Each answer says how many executions it rests on. Without any it is [`ExpectationOutcome::NoData`], which is no pass. Failures
//! inside tests that passed count for nothing.

use std::collections::BTreeSet;

use kino_model::{DurationNanos, Span, SpanKind};

use crate::detect::{self, DetectedFindings, DetectorConfig};
use crate::errors::{self, ErrorGroup};
use crate::execution::{EntrySpans, Execution, executions, executions_where, own_work};
use crate::finding::{Evidence, Finding, MAX_EXAMPLES, evidence};
use crate::statistics::quantile;
use crate::tree::Tree;
use crate::verify::exceptions;

/// Whether an expectation holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectationOutcome {
    /// It is met.
    Pass,
    /// It is not met.
    Fail,
    /// Nothing was recorded that says so.
    NoData,
}

/// The result of an expectation over executions.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectationResult {
    /// Whether it is met.
    pub outcome: ExpectationOutcome,
    /// How many executions were judged.
    pub executions: u64,
    /// The measured figure in words. Contains recorded names.
    pub measured: String,
    /// Examples that do not meet it, at most [`MAX_EXAMPLES`]; empty unless it fails.
    pub evidence: Vec<Evidence>,
}

/// A figure of durations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// The quantile at this part, 0 to 1.
    Quantile(f64),
    /// The arithmetic mean.
    Mean,
}

/// What is counted in an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted<'q> {
    /// Spans below it.
    Calls,
    /// Spans of this name below it.
    CallsOf(&'q str),
    /// Database statements.
    Statements,
    /// HTTP requests that it sends.
    HttpCalls,
    /// Calls of language models.
    LlmCalls,
    /// Failed spans.
    Errors,
    /// Tokens sent to language models and received from them.
    Tokens,
}

/// Whether an operation's name matches this span: its exact name, or, beginning with `/`, its route.
pub fn names(operation: &str, span: &Span) -> bool {
    let is_route = || {
        let of_name = span.name.strip_suffix(operation).is_some_and(|method| method.ends_with(' '));
        of_name || span.text("http.route") == Some(operation)
    };
    span.name == operation || (operation.starts_with('/') && is_route())
}

/// The ended executions of an operation, or of the outermost work where none is named.
pub fn of<'t, 'a>(trees: &'t [Tree<'a>], operation: Option<&str>) -> Vec<Execution<'t, 'a>> {
    let mut found = match operation {
        Some(operation) => executions_where(trees, |span| names(operation, span)),
        None => own_work(&executions(trees, EntrySpans::Outermost)),
    };
    found.retain(|execution| !execution.is_open());
    found
}

fn no_data(executions: usize, measured: impl Into<String>) -> ExpectationResult {
    ExpectationResult {
        outcome: ExpectationOutcome::NoData,
        executions: executions as u64,
        measured: measured.into(),
        evidence: Vec::new(),
    }
}

fn result_of(passes: bool, executions: usize, measured: String, evidence: Vec<Evidence>) -> ExpectationResult {
    let outcome = if passes { ExpectationOutcome::Pass } else { ExpectationOutcome::Fail };
    ExpectationResult {
        outcome,
        executions: executions as u64,
        measured,
        evidence: if passes { Vec::new() } else { evidence },
    }
}

/// The executions' entries, as examples.
fn examples<'e>(executions: impl Iterator<Item = &'e Execution<'e, 'e>>) -> Vec<Evidence> {
    executions.take(MAX_EXAMPLES).map(|it| evidence(it.trace_id(), it.tree.span(it.entry))).collect()
}

/// Whether a figure of the durations keeps within a limit.
pub fn time(found: &[Execution<'_, '_>], measure: Measure, limit_nanos: i64, or_equal: bool) -> ExpectationResult {
    if found.is_empty() {
        return no_data(0, "never executed");
    }
    let mut durations: Vec<i64> = found.iter().filter_map(Execution::duration).collect();
    durations.sort_unstable();
    let value = match measure {
        Measure::Quantile(part) => quantile(&durations, part),
        Measure::Mean => durations.iter().map(|&nanos| nanos as f64).sum::<f64>() / durations.len() as f64,
    };
    let passes = within(value, limit_nanos as f64, or_equal);
    let mut slowest: Vec<&Execution<'_, '_>> = found.iter().collect();
    slowest.sort_by_key(|execution| std::cmp::Reverse(execution.duration()));
    let measured = DurationNanos(value.round() as i64).to_string();
    result_of(passes, found.len(), measured, examples(slowest.into_iter()))
}

fn within(value: f64, limit: f64, or_equal: bool) -> bool {
    value < limit || (or_equal && value <= limit)
}

/// Whether the part of executions that fail keeps within a limit.
pub fn error_rate(found: &[Execution<'_, '_>], limit: f64, or_equal: bool) -> ExpectationResult {
    if found.is_empty() {
        return no_data(0, "never executed");
    }
    let failed: Vec<&Execution<'_, '_>> = found.iter().filter(|execution| execution.is_error()).collect();
    let rate = failed.len() as f64 / found.len() as f64;
    let measured = format!("{:.1} % ({} failed)", rate * 100.0, failed.len());
    result_of(within(rate, limit, or_equal), found.len(), measured, examples(failed.into_iter()))
}

/// Whether every execution does at most so much.
pub fn at_most(found: &[Execution<'_, '_>], limit: u64, counted: Counted<'_>) -> ExpectationResult {
    let counts: Vec<u64> = found.iter().map(|execution| count(execution, counted)).collect();
    let Some(largest) = counts.iter().max() else { return no_data(0, "never executed") };
    let over = || found.iter().zip(&counts).filter(|(_, count)| **count > limit).map(|(execution, _)| execution);
    let many = over().count();
    let measured = match many {
        0 => format!("at most {largest}"),
        many => format!("up to {largest}, and more than {limit} in {many}"),
    };
    result_of(many == 0, found.len(), measured, examples(over()))
}

fn count(execution: &Execution<'_, '_>, counted: Counted<'_>) -> u64 {
    let spans = execution.spans().iter().map(|&index| execution.tree.span(index as usize));
    let below = || spans.clone().skip(1);
    let amount = |span: &Span, key| span.int(key).and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
    let is_http = |span: &Span| {
        span.kind == SpanKind::Client
            && (span.attribute("http.request.method").is_some() || span.attribute("url.full").is_some())
    };
    let is_llm = |span: &Span| span.attribute("gen_ai.request.model").is_some();
    let all = |passes: &dyn Fn(&Span) -> bool| spans.clone().filter(|span| passes(span)).count() as u64;
    match counted {
        Counted::Calls => below().count() as u64,
        Counted::CallsOf(name) => below().filter(|span| names(name, span)).count() as u64,
        Counted::Statements => all(&|span| span.attribute("db.query.text").is_some()),
        Counted::HttpCalls => all(&is_http),
        Counted::LlmCalls => all(&is_llm),
        Counted::Errors if execution.is_passed_test() => 0,
        Counted::Errors => all(&Span::is_error),
        Counted::Tokens => {
            let tokens = ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"];
            spans.clone().map(|span| tokens.iter().map(|key| amount(span, key)).sum::<u64>()).sum()
        }
    }
}

/// Whether no detector finds anything of this code, or anything at all.
pub fn no_finding(found: &[Execution<'_, '_>], code: Option<&str>, config: &DetectorConfig) -> ExpectationResult {
    if found.is_empty() {
        return no_data(0, "never executed");
    }
    if let Some(code) = config.off.iter().find(|off| code == Some(off.name())) {
        return no_data(found.len(), format!("{code} is switched off in the user's configuration"));
    }
    let DetectedFindings { mut findings, mut slight } = detect::judged(found, config);
    let is_asked = |finding: &Finding| code.is_none_or(|code| finding.code.name() == code);
    findings.retain(is_asked);
    slight.retain(is_asked);
    let named: Vec<String> =
        findings.iter().take(MAX_EXAMPLES).map(|finding| format!("{}: {}", finding.code, finding.text)).collect();
    let more = findings.len().saturating_sub(MAX_EXAMPLES);
    let rest = if more > 0 { format!(" And {more} more.") } else { String::new() };
    let measured = match (findings.is_empty(), slight.first()) {
        (true, None) => "none".to_owned(),
        (true, Some(first)) => {
            let others = slight.len() - 1;
            let others = if others > 0 { format!(" And {others} more.") } else { String::new() };
            format!("none worth a finding, which saves {}; seen: {}{others}", detect::worth_in_words(), first.text)
        }
        (false, _) => format!("{}{rest}", named.join(" ")),
    };
    let evidence = findings.iter().flat_map(|finding| finding.evidence.clone()).take(MAX_EXAMPLES).collect();
    result_of(findings.is_empty(), found.len(), measured, evidence)
}

/// Whether nothing fails.
pub fn no_errors(found: &[Execution<'_, '_>]) -> ExpectationResult {
    if found.is_empty() {
        return no_data(0, "never executed");
    }
    let failing: Vec<&Execution<'_, '_>> = found.iter().filter(|it| count(it, Counted::Errors) > 0).collect();
    let errors: u64 = failing.iter().map(|execution| count(execution, Counted::Errors)).sum();
    let measured = match failing.len() {
        0 => "none".to_owned(),
        many => format!("{errors} failed calls in {many} executions"),
    };
    result_of(failing.is_empty(), found.len(), measured, examples(failing.into_iter()))
}

/// Whether no exception is of a type other than these. `None`: nothing was recorded before, so that nothing is known.
pub fn no_new_errors(found: &[Execution<'_, '_>], known: Option<&BTreeSet<String>>) -> ExpectationResult {
    if found.is_empty() {
        return no_data(0, "never executed");
    }
    let groups = error_groups(found);
    let Some(known) = known else {
        return no_data(found.len(), "nothing was recorded before these executions that could say what is new");
    };
    let new: Vec<&ErrorGroup> = groups.iter().filter(|group| !known.contains(&group.exception_type)).collect();
    let types: BTreeSet<&str> = new.iter().map(|group| group.exception_type.as_str()).collect();
    let shown: Vec<&str> = types.iter().copied().take(MAX_EXAMPLES).collect();
    let measured = match types.len() {
        0 => "none".to_owned(),
        many if many > MAX_EXAMPLES => format!("{} and {} more", shown.join(", "), many - MAX_EXAMPLES),
        _ => shown.join(", "),
    };
    let evidence = new.iter().flat_map(|group| group.examples.clone()).take(MAX_EXAMPLES).collect();
    result_of(new.is_empty(), found.len(), measured, evidence)
}

/// The exceptions of executions, grouped; those inside tests that passed count for nothing.
pub fn error_groups(found: &[Execution<'_, '_>]) -> Vec<ErrorGroup> {
    errors::group(found.iter().flat_map(exceptions))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Code;
    use crate::testing::{traces, trees};

    fn check(text: &str, operation: Option<&str>, ask: impl Fn(&[Execution<'_, '_>]) -> ExpectationResult) -> String {
        let traces = traces(text);
        let trees = trees(&traces);
        let result = ask(&of(&trees, operation));
        format!(
            "{:?} over {}: {} ({} examples)",
            result.outcome,
            result.executions,
            result.measured,
            result.evidence.len()
        )
    }

    const CARTS: &str = "GET /cart 0..100 kind=server\n  SELECT 10..20 db.query.text='SELECT 1'\n---\n\
                         GET /cart 0..300 kind=server !\n  SELECT 10..20 db.query.text='SELECT 1'\n  SELECT 30..40 \
                         db.query.text='SELECT 1'";

    #[test]
    fn durations_are_compared_with_their_limit() {
        let at = |limit: i64, or_equal| {
            check(CARTS, Some("/cart"), move |found| time(found, Measure::Quantile(1.0), limit * 1_000_000, or_equal))
        };
        assert_eq!(at(301, false), "Pass over 2: 300 ms (0 examples)");
        assert_eq!(at(300, false), "Fail over 2: 300 ms (2 examples)");
        assert_eq!(at(300, true), "Pass over 2: 300 ms (0 examples)");
        let mean = check(CARTS, Some("GET /cart"), |found| time(found, Measure::Mean, 1, false));
        assert_eq!(mean, "Fail over 2: 200 ms (2 examples)");
    }

    #[test]
    fn what_never_ran_is_no_pass() {
        let absent = Some("/nothing");
        assert!(check(CARTS, absent, |found| time(found, Measure::Mean, 1, true)).starts_with("NoData over 0"));
        assert!(check(CARTS, absent, |found| at_most(found, 9, Counted::Calls)).starts_with("NoData over 0"));
        assert!(check(CARTS, absent, no_errors).starts_with("NoData over 0"));
        let findings = |found: &[Execution<'_, '_>]| no_finding(found, None, &DetectorConfig::default());
        assert!(check(CARTS, absent, findings).starts_with("NoData over 0"));
        assert!(check("a 0..", Some("a"), no_errors).starts_with("NoData"), "what has not ended says nothing");
    }

    #[test]
    fn every_execution_counts_by_itself() {
        let statements = |limit| check(CARTS, Some("/cart"), move |found| at_most(found, limit, Counted::Statements));
        assert_eq!(statements(2), "Pass over 2: at most 2 (0 examples)");
        assert_eq!(statements(1), "Fail over 2: up to 2, and more than 1 in 1 (1 examples)");
        let calls = |name| check(CARTS, Some("/cart"), move |found| at_most(found, 0, Counted::CallsOf(name)));
        assert!(calls("SELECT").starts_with("Fail") && calls("INSERT").starts_with("Pass"));
    }

    #[test]
    fn failures_are_counted_by_entry_and_by_call() {
        let rate = |limit, or_equal| check(CARTS, Some("/cart"), move |found| error_rate(found, limit, or_equal));
        assert_eq!(rate(0.5, true), "Pass over 2: 50.0 % (1 failed) (0 examples)");
        assert_eq!(rate(0.5, false), "Fail over 2: 50.0 % (1 failed) (1 examples)");
        assert_eq!(check(CARTS, None, no_errors), "Fail over 2: 1 failed calls in 1 executions (1 examples)");
        let test = "case 0..9 test.case.name=a\n  call 1..2 ! exception=Wanted:a";
        assert!(check(test, None, no_errors).starts_with("Pass"));
        assert!(check(test, None, |found| no_new_errors(found, Some(&BTreeSet::new()))).starts_with("Pass"));
    }

    #[test]
    fn an_error_is_new_against_what_is_known() {
        let text = "a 0..9 exception=KeyError:x\n---\na 0..9 exception=ValueError:x";
        let known = BTreeSet::from(["KeyError".to_owned()]);
        let new = check(text, None, |found| no_new_errors(found, Some(&known)));
        assert_eq!(new, "Fail over 2: ValueError (1 examples)");
        assert!(check(text, None, |found| no_new_errors(found, None)).starts_with("NoData over 2"));
    }

    #[test]
    fn findings_are_looked_for_in_the_operation() {
        let call = |item: usize| {
            format!(
                "\n  SELECT {}..{} kind=client db.query.text='SELECT price FROM item WHERE id = {item}'",
                item * 10,
                item * 10 + 9
            )
        };
        let one = format!("GET /cart 0..200 kind=server{}", (1..12).map(call).collect::<Vec<_>>().concat());
        let text = vec![one; 12].join("\n---\n");
        let code =
            |code| check(&text, Some("/cart"), move |found| no_finding(found, Some(code), &DetectorConfig::default()));
        assert!(code("n_plus_one").starts_with("Fail over 12: n_plus_one: "), "{}", code("n_plus_one"));
        assert_eq!(code("deadlock"), "Pass over 12: none (0 examples)");
        let short = |item: usize| {
            format!("\n  SELECT {item}..{item}.1 kind=client db.query.text='SELECT 1 FROM t WHERE id = {item}'")
        };
        let one = format!("GET /cart 0..200 kind=server{}", (1..13).map(short).collect::<Vec<_>>().concat());
        let slight = check(&vec![one; 12].join("\n---\n"), Some("/cart"), |found| {
            no_finding(found, Some("n_plus_one"), &DetectorConfig::default())
        });
        insta::assert_snapshot!(slight, @"Pass over 12: none worth a finding, which saves 5 % of an execution and 1 ms, or 20 calls that fill 1 % of it, or 10 one after another that fill 5 %; seen: 12 calls of one kind below GET /cart in an execution (at most 12), 1.20 ms on the critical path, where one would do: SELECT ? FROM t WHERE id = ? (0 examples)");
        let off = DetectorConfig { off: vec![Code::NPlusOne], ..DetectorConfig::default() };
        let without = |code| check(&text, Some("/cart"), |found| no_finding(found, Some(code), &off));
        let said = "NoData over 12: n_plus_one is switched off in the user's configuration (0 examples)";
        assert_eq!(without("n_plus_one"), said, "what does not look finds nothing");
        assert_eq!(without("deadlock"), "Pass over 12: none (0 examples)");
    }
}
