//! What a process holds, what tokens cost, and first executions.

use super::{check, trees};
use crate::compare::{Verdict, compare};
use crate::detect::{DetectorConfig, findings};
use crate::execution::{Entry, executions};
use crate::finding::{Code, Unit};
use crate::testing::traces;
use kino_model::Value;

/// Executions that record their process's memory, in megabytes.
fn memory(count: usize, megabytes: impl Fn(usize) -> usize) -> String {
    let trace = |number: usize| {
        let (at, bytes) = (number * 100, megabytes(number) * 1_000_000);
        format!("r {at}..{} process.memory.usage={bytes}", at + 10)
    };
    (0..count).map(trace).collect::<Vec<_>>().join("\n---\n")
}

#[test]
fn memory_that_only_grows_is_reported() {
    let text = check(Code::MemoryGrowth, &memory(40, |number| 100 + 2 * number));
    assert_eq!(
        text,
        "the process of r grows from 100.0 MB to 164.0 MB over 40 executions, 2.0 MB each, and gives nothing back.\n"
    );
}

#[test]
fn memory_that_levels_off_or_comes_back_is_left_alone() {
    let silent = |text: &str| assert_eq!(check(Code::MemoryGrowth, text), "");
    silent(&memory(28, |number| 100 + 2 * number));
    silent(&memory(60, |_| 100));
    silent(&memory(60, |number| 100 + 10 * number.min(9)));
    silent(&memory(60, |number| 100 + 10 * (number % 13)));
}

#[test]
fn tokens_have_a_price_where_one_is_configured() {
    let turn = |number: u32| {
        let (at, input) = (number * 100, number * 500 + 500);
        format!("  chat {at}..{} kind=client gen_ai.request.model=large-2 gen_ai.usage.input_tokens={input}", at + 90)
    };
    let traces = traces(&format!("r 0..400\n{}\n{}\n{}\n{}", turn(0), turn(1), turn(2), turn(3)));
    let trees = trees(&traces);
    let found = executions(&trees, Entry::Outermost);
    let cost = |prices: &[(&str, f64)]| {
        let input_token_prices = prices.iter().map(|(model, price)| ((*model).to_owned(), *price)).collect();
        let config = DetectorConfig { input_token_prices, ..DetectorConfig::default() };
        let waste = findings(&found, &config).into_iter().find(|finding| finding.code == Code::LlmTokenWaste).unwrap();
        waste.numbers.iter().find(|number| number.unit == Unit::Money).map(|number| number.value)
    };
    assert_eq!(cost(&[]), None);
    assert_eq!(cost(&[("small", 1.0)]), None);
    assert_eq!(cost(&[("large", 2.0), ("large-2", 10.0)]), Some(0.03), "3,000 of 5,000 tokens, the longest name fits");
}

#[test]
fn large_inputs_with_tiny_answers_are_a_question() {
    let call = |input: u32, output: u32, operation: &str| {
        format!(
            "r 0..100\n  chat 0..90 kind=client gen_ai.operation.name={operation} gen_ai.request.model=m \
             gen_ai.usage.input_tokens={input} gen_ai.usage.output_tokens={output}"
        )
    };
    let is_reported = |text: &str| !check(Code::LlmTokenWaste, &super::times(3, text)).is_empty();
    assert!(is_reported(&call(5_000, 3, "chat")));
    assert!(!is_reported(&call(5_000, 300, "chat")));
    assert!(!is_reported(&call(3_000, 3, "chat")));
    assert!(!is_reported(&call(5_000, 1, "embeddings")));
    assert_eq!(check(Code::LlmTokenWaste, &super::times(2, &call(5_000, 3, "chat"))), "");
}

#[test]
fn a_cold_first_execution_is_no_regression() {
    let side = |first: usize, process: &str| {
        let lines = (0..9).map(|number| {
            let (at, takes) = (number * 10_000, if number == 0 { first } else { 100 + number });
            format!("r {at}..{}", at + takes)
        });
        let mut traces = traces(&lines.collect::<Vec<_>>().join("\n---\n"));
        for span in traces.iter_mut().flat_map(|trace| &mut trace.spans) {
            let mut resource = (*span.resource).clone();
            resource.attributes.push(("service.instance.id".into(), Value::from(process)));
            span.resource = std::sync::Arc::new(resource);
        }
        traces
    };
    let (before, after) = (side(100, "a"), side(5_000, "b"));
    let (before, after) = (trees(&before), trees(&after));
    let (before, after) = (executions(&before, Entry::Outermost), executions(&after, Entry::Outermost));
    let comparison = compare(&before, &after);
    assert_eq!(comparison.verdict, Verdict::NoDifferenceShown);
    let root = &comparison.operations[0];
    assert_eq!((root.before.executions, root.after.executions), (9, 9), "counts keep it");
    assert!(root.after.p95_nanos.unwrap() < 200_000_000);
}
