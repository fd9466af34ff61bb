//! What hangs on what goes in: separating attributes, growth, tokens, caches, repeats.

use insta::assert_snapshot;

use super::{check, list, times};
use crate::finding::Code;
use crate::testing::Random;

/// Executions with an input `size`, a duration and whether they failed.
fn sized(cases: impl Iterator<Item = (u64, f64, bool)>) -> String {
    let line = |(size, millis, failed): (u64, f64, bool)| {
        let failed = if failed { "! error.type=timeout" } else { "" };
        format!("commit 0..{millis} {failed} diff_bytes={size} branch=main model=m{}", size % 3)
    };
    cases.map(line).collect::<Vec<_>>().join("\n---\n")
}

#[test]
fn the_threshold_that_separates_failures_is_named() {
    let mut random = Random(5);
    let text = sized((0..30).map(|_| {
        let size = random.below(1_000_000);
        (size, 50.0 + random.uniform(), size > 600_000)
    }));
    assert_snapshot!(check(Code::WhatDiffers, &text), @"11 of 11 failed executions of commit have diff_bytes > 600000; so have 0 of 19 others.");
}

#[test]
fn failures_by_chance_have_no_attribute_to_blame() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let text = sized((0..40).map(|_| (random.below(1_000_000), 50.0, random.below(3) == 0)));
        assert_eq!(check(Code::WhatDiffers, &text), "", "seed {seed}");
    }
    let few = sized((0..12).map(|i| (i * 1000, 50.0, i > 8)));
    assert_eq!(check(Code::WhatDiffers, &few), "");
}

#[test]
fn the_growth_and_the_limit_it_crosses_are_reported() {
    let mut random = Random(7);
    let text = sized((0..60).map(|_| {
        let size = 1_000 + random.below(600_000);
        let millis = (20.0 + size as f64 / 5_000.0) * (0.03 * random.normal()).exp();
        (size, millis.min(100.0), millis > 100.0)
    }));
    assert_snapshot!(check(Code::LatencyGrowsWithInput, &text), @"commit grows with diff_bytes (linear): 21.0 ms at 5150, 97.4 ms at 395306, typically 3 % off. The limit of 100 ms is crossed at 408770 (371173 to 436829).");
}

#[test]
fn a_duration_that_does_not_follow_its_input_does_not_grow() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let text = sized((0..60).map(|_| (1 + random.below(1_000_000), 50.0 * (0.2 * random.normal()).exp(), false)));
        assert_eq!(check(Code::LatencyGrowsWithInput, &text), "", "seed {seed}");
    }
}

fn chats(inputs: &[(u32, &str)]) -> String {
    let line = |(at, (tokens, text)): (usize, &(u32, &str))| {
        format!(
            "  chat {}..{} kind=client gen_ai.request.model=m gen_ai.usage.input_tokens={tokens} gen_ai.input.messages='{text}'",
            at * 10,
            at * 10 + 9
        )
    };
    format!("turn 0..100\n{}", inputs.iter().enumerate().map(line).collect::<Vec<_>>().join("\n"))
}

#[test]
fn tokens_sent_again_are_counted() {
    let history = chats(&[(500, "a"), (900, "b"), (1400, "c"), (2000, "d")]);
    assert_snapshot!(check(Code::LlmTokenWaste, &history), @"2800 of 4800 input tokens of chat in an execution (4 calls) are sent again: the input grows with each call, so that earlier turns are sent again.");
    let duplicate = chats(&[(500, "same"), (500, "same")]);
    assert_snapshot!(check(Code::LlmTokenWaste, &duplicate), @"500 of 1000 input tokens of chat in an execution (2 calls) are sent again: the same input is sent again.");
    let asked = |what: &str| format!("{}{what}", "instructions ".repeat(100));
    let [one, two, six] = ["one", "two", "six"].map(asked);
    let prefix = chats(&[(500, &one), (500, &two), (500, &six)]);
    assert_snapshot!(check(Code::LlmTokenWaste, &prefix), @"998 of 1500 input tokens of chat in an execution (3 calls) are sent again: the inputs begin with the same text.");
}

#[test]
fn different_small_or_cached_inputs_are_no_waste() {
    let silent = |text: &str| assert_eq!(check(Code::LlmTokenWaste, text), "", "{text}");
    silent(&chats(&[(500, "a"), (300, "b"), (700, "c"), (200, "d")]));
    silent(&chats(&[(20, "same"), (20, "same")]));
    let cached = chats(&[(500, "a"), (900, "b"), (1400, "c"), (2000, "d")])
        .replace("kind=client", "kind=client gen_ai.usage.cache_read.input_tokens=5000");
    silent(&cached);
    silent(&chats(&[(500, "a"), (510, "b"), (520, "c"), (530, "d")]));
    // What a tool answered was sent, too, and not recorded.
    silent(&chats(&[(106, "same"), (183, "same"), (260, "same")]));
    silent(&chats(&[(500, "instructions one"), (500, "instructions two"), (500, "instructions six")]));
}

#[test]
fn a_cache_that_seldom_has_the_answer() {
    let lookups = |hits: usize| {
        let line = |i: usize| {
            let hit = i < hits;
            format!(
                "  lookup {}..{} kino.cache.hit={hit} kino.cache.key=k{}",
                i * 10,
                i * 10 + if hit { 1 } else { 8 },
                i % 4
            )
        };
        format!("r 0..240\n{}", (0..24).map(line).collect::<Vec<_>>().join("\n"))
    };
    assert_snapshot!(check(Code::CacheIneffective, &lookups(6)), @"lookup finds 6 of 24 in its cache (25 %); a miss costs 7.00 ms more.");
    assert_eq!(check(Code::CacheIneffective, &lookups(18)), "");
    let cold: Vec<String> =
        (0..24).map(|i| format!("  lookup {i}..{i}.5 kino.cache.hit=false kino.cache.key=k{i}")).collect();
    assert_eq!(check(Code::CacheIneffective, &format!("r 0..30\n{}", cold.join("\n"))), "");
}

#[test]
fn one_key_for_different_inputs_is_a_collision() {
    let text = "r 0..9\n  get 0..1 kino.cache.hit=false kino.cache.key=k kino.cache.input=a\n  get 2..3 kino.cache.hit=true kino.cache.key=k kino.cache.input=b";
    assert_snapshot!(check(Code::CacheKeyCollision, text), @"1 keys of get stand for different inputs (up to 2 for one), and answers came from the cache: they may be another input's.");
    assert_eq!(check(Code::CacheKeyCollision, &text.replace("input=b", "input=a")), "");
    assert_eq!(check(Code::CacheKeyCollision, &text.replace("hit=true", "hit=false")), "");
}

#[test]
fn the_same_call_with_the_same_data_is_repeated() {
    let same = list(4, |_| "kind=client db.query.text='SELECT a FROM t WHERE b = 1'".to_owned());
    assert_snapshot!(check(Code::RepeatedIdenticalCall, &same), @"the same call with the same data 4 times in an execution of r; asked once it would save 9.00 ms: SELECT a FROM t WHERE b = ?");
    let silent = |text: &str| assert_eq!(check(Code::RepeatedIdenticalCall, text), "", "{text}");
    silent(&list(4, |i| format!("kind=client db.query.text='SELECT a FROM t WHERE b = {i}'")));
    silent(&list(4, |_| "kind=client db.query.text='SELECT a FROM t WHERE b = ?'".to_owned()));
    silent(&list(4, |_| "kind=client db.query.text='UPDATE t SET a = 1'".to_owned()));
    silent(&list(2, |_| "kind=client db.query.text='SELECT a FROM t WHERE b = 1'".to_owned()));
    silent(&list(5, |i| {
        if i == 2 {
            "kind=client db.query.text='UPDATE t SET a = 1'"
        } else {
            "kind=client db.query.text='SELECT a FROM t WHERE b = 1'"
        }
        .to_owned()
    }));
    silent(&times(
        3,
        "r 0..9\n  a 0..1 kind=client db.query.text='SELECT 1'\n  a 2..3 kind=client db.query.text='SELECT 1'\n  a 4..5 kind=client db.query.text='SELECT 1'",
    ));
}
