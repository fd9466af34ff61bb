//! `llm_token_waste`: tokens sent to a language model that it had been sent before, or for next to nothing.
//!
//! Four forms, each a finding of its own, by medians over the executions that show it (at least half of them):
//! - history: [`MIN_TURNS`] or more calls of one operation whose input never shrinks and at least doubles; what is
//!   sent again is each call's input up to the size of the one before. Counts alone show it, no content is guessed.
//! - duplicate: calls whose recorded input is the same text, and as many tokens: where they differ, something was sent
//!   that was not recorded.
//! - prefix: calls whose recorded inputs share the first [`MIN_PREFIX`] or more of their text.
//! - tiny: in [`MIN_TINY_EXECUTIONS`] executions, calls with [`LARGE_INPUT`] input tokens or more that answer with
//!   [`TINY_OUTPUT`] at most. A question, not a verdict: it is reported with little confidence, and never of embeddings.
//!
//! Where the configuration has a price for the model, the cost of these tokens is reported too.
//!
//! Silent where providers report cached input tokens for the repeats.

use std::collections::BTreeMap;

use super::call::{is_model, model_input};
use super::detection::Detection;
use super::facts::{Facts, Group, median, top};
use super::{Draft, worth};
use crate::finding::{Code, Number, Unit};

const MIN_TURNS: usize = 4;
const MIN_GROWTH: i64 = 2;
const MIN_PREFIX: f64 = 0.5;
const MIN_PREFIX_CALLS: usize = 3;
const MIN_PRESENCE: f64 = 0.5;
const LARGE_INPUT: i64 = 4_000;
const TINY_OUTPUT: i64 = 16;
const MIN_TINY_EXECUTIONS: usize = 3;
/// The number of tokens that a price is for.
const PRICED_TOKENS: f64 = 1e6;

const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";

struct Waste {
    number: usize,
    index: usize,
    wasted: f64,
    sent: f64,
    calls: usize,
}

pub(super) fn detect(group: &Group<'_, '_>, findings: &mut Vec<Detection>) {
    let mut forms: BTreeMap<(&str, &str, &str), Vec<Waste>> = BTreeMap::new();
    for (number, facts) in group.facts.iter().enumerate() {
        let mut by_operation: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
        for index in facts.indices().filter(|&index| is_model(facts.span(index)) && !facts.span(index).is_error()) {
            let span = facts.span(index);
            let is_outer = facts.tree.children(index).iter().any(|&child| is_model(facts.span(child as usize)));
            if !is_outer && input_tokens(facts, index) > 0 {
                by_operation.entry((span.service(), &span.name)).or_default().push(index);
            }
        }
        for ((service, name), mut indices) in by_operation {
            indices.sort_by_key(|&index| facts.tree.start(index));
            for (form, wasted) in [
                ("history", history(facts, &indices)),
                ("duplicate", duplicate(facts, &indices)),
                ("prefix", prefix(facts, &indices)),
                ("tiny", tiny(facts, &indices)),
            ] {
                if wasted >= worth::TOKENS_MIN {
                    let sent = indices.iter().map(|&index| input_tokens(facts, index) as f64).sum();
                    let index = indices[indices.len() - 1];
                    forms.entry((service, name, form)).or_default().push(Waste {
                        number,
                        index,
                        wasted,
                        sent,
                        calls: indices.len(),
                    });
                    break;
                }
            }
        }
    }
    for ((service, name, form), cases) in forms {
        let enough = form != "tiny" || cases.len() >= MIN_TINY_EXECUTIONS;
        if enough && (cases.len() as f64) >= group.part(MIN_PRESENCE) * group.facts.len() as f64 {
            findings.push(finding(group, (service, name), form, &cases));
        }
    }
}

fn input_tokens(facts: &Facts<'_, '_>, index: usize) -> i64 {
    let span = facts.span(index);
    let cached =
        ["gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cached_tokens", "gen_ai.usage.cache_read_input_tokens"]
            .iter()
            .find_map(|key| span.int(key))
            .unwrap_or(0);
    (span.int(INPUT_TOKENS).unwrap_or(0) - cached).max(0)
}

fn history(facts: &Facts<'_, '_>, indices: &[usize]) -> f64 {
    let inputs: Vec<i64> = indices.iter().map(|&index| input_tokens(facts, index)).collect();
    let grows = inputs.windows(2).all(|pair| pair[1] > pair[0]);
    if inputs.len() < MIN_TURNS || !grows || inputs[inputs.len() - 1] < MIN_GROWTH * inputs[0] {
        return 0.0;
    }
    inputs[..inputs.len() - 1].iter().sum::<i64>() as f64
}

fn duplicate(facts: &Facts<'_, '_>, indices: &[usize]) -> f64 {
    let mut seen: BTreeMap<(&str, Option<i64>), usize> = BTreeMap::new();
    let mut wasted = 0;
    for &index in indices {
        let span = facts.span(index);
        if let Some(input) = model_input(span) {
            let times = seen.entry((input, span.int(INPUT_TOKENS))).or_default();
            *times += 1;
            wasted += if *times > 1 { input_tokens(facts, index) } else { 0 };
        }
    }
    wasted as f64
}

fn prefix(facts: &Facts<'_, '_>, indices: &[usize]) -> f64 {
    let inputs: Vec<(&str, i64)> = indices
        .iter()
        .filter_map(|&index| Some((model_input(facts.span(index))?, input_tokens(facts, index))))
        .collect();
    // A token is a byte at least: more of them than the text has were sent with something that is not recorded.
    let is_whole = |(text, tokens): &(&str, i64)| *tokens <= text.len() as i64;
    if inputs.len() < MIN_PREFIX_CALLS || !inputs.iter().all(is_whole) {
        return 0.0;
    }
    let common = |a: &str, b: &str| a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let shared = inputs[1..].iter().map(|(text, _)| common(inputs[0].0, text)).min().unwrap_or(0) as f64;
    let part = |text: &str| shared / text.len().max(1) as f64;
    if inputs.iter().any(|(text, _)| part(text) < MIN_PREFIX) {
        return 0.0;
    }
    inputs[1..].iter().map(|(text, tokens)| part(text) * *tokens as f64).sum()
}

fn tiny(facts: &Facts<'_, '_>, indices: &[usize]) -> f64 {
    let is_tiny = |&&index: &&usize| {
        let span = facts.span(index);
        let embeds = span.text("gen_ai.operation.name").is_some_and(|name| name.eq_ignore_ascii_case("embeddings"));
        let answered = span.int("gen_ai.usage.output_tokens").is_some_and(|count| (1..=TINY_OUTPUT).contains(&count));
        answered && !embeds && input_tokens(facts, index) >= LARGE_INPUT
    };
    indices.iter().filter(is_tiny).map(|&index| input_tokens(facts, index) as f64).sum()
}

fn finding(group: &Group<'_, '_>, (service, name): (&str, &str), form: &str, cases: &[Waste]) -> Detection {
    let of = |value: fn(&Waste) -> f64| median(cases.iter().map(value).collect());
    let (wasted, sent, calls) = (of(|case| case.wasted), of(|case| case.sent), of(|case| case.calls as f64));
    let examples = cases.iter().map(|case| (case.wasted, group.facts[case.number].evidence(case.index)));
    let (what, next) = match form {
        "history" => (
            "the input grows with each call, so that earlier turns are sent again",
            "send a summary or the last turns, or use the provider's prompt cache",
        ),
        "duplicate" => ("the same input is sent again", "keep the first answer"),
        "tiny" => (
            "large inputs are answered with a few tokens each",
            "see whether a part of the input, or a smaller model, gives the same answer",
        ),
        _ => (
            "the inputs begin with the same text",
            "put the shared text first and use the provider's prompt cache, or ask once for all",
        ),
    };
    let mut numbers = vec![
        Number::new(if form == "tiny" { "tokens_in_question" } else { "tokens_sent_again" }, wasted, Unit::Tokens),
        Number::new("tokens_sent", sent, Unit::Tokens),
        Number::new("calls", calls, Unit::Count),
    ];
    let model = group.facts[cases[0].number].span(cases[0].index).text("gen_ai.request.model");
    let price = model.and_then(|model| group.config.input_token_price(model));
    let cost = price.map(|price| wasted * price / PRICED_TOKENS);
    numbers.extend(cost.map(|cost| Number::new("cost", cost, Unit::Money)));
    let cost = cost.map_or(String::new(), |cost| format!(" They cost {cost:.4} an execution."));
    let done = if form == "tiny" { "are in question" } else { "are sent again" };
    let draft = Draft {
        code: Code::LlmTokenWaste,
        service,
        name,
        detail: form,
        numbers,
        saving_nanos: None,
        confidence: match form {
            "duplicate" => 0.95,
            "tiny" => 0.5,
            _ => 0.8,
        },
        executions: group.facts.len(),
        location: group.facts[cases[0].number].location(cases[0].index),
        evidence: top(examples.collect()),
        text: format!(
            "{wasted:.0} of {sent:.0} input tokens of {name} in an execution ({calls} calls) {done}: {what}.{cost}"
        ),
        next: Some(next.to_owned()),
    };
    draft.finding(group)
}
