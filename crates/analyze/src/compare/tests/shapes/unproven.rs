//! What is listed though no operation passes a test of its own: a system in which all services log a little more, which
//! shows in the lines of whole requests and in no service alone.

use super::{PAIRS, Shape, compared, log, window};
use crate::compare::suspects::LISTED_MAX;
use crate::compare::tests::shapes::Fault;
use crate::compare::{Comparison, LooseLines};
use crate::testing::Random;

/// The kinds of lines that each service writes; each has a test of its own.
const KINDS: u64 = 12;

/// Compares two windows in which each service writes each kind of line in these shares of its requests.
fn chatty(seed: u64, before: u64, after: u64) -> Comparison {
    let none = LooseLines::new();
    let mut windows = [seed, seed + 1].map(|seed| window(Shape { count: 250, ..PAIRS }, seed, Fault::Nothing));
    for (side, (window, percent)) in windows.iter_mut().zip([before, after]).enumerate() {
        for kind in 0..KINDS {
            let mut random = Random(seed * 1_000 + side as u64 * 100 + kind);
            let letter = char::from(b'a' + kind as u8);
            let says =
                |service: &str, number: u64| (number % 100 < percent).then(|| format!("{service} has done {letter}"));
            let _ = log(window, &mut random, true, says).is_empty();
        }
    }
    compared(&windows[0], &windows[1], [&none; 2])
}

#[test]
fn what_no_operation_shows_alone_is_listed_and_an_unchanged_system_lists_nothing() {
    let (mut unproven, mut listed) = (0, 0);
    for seed in (10..50).step_by(2) {
        let suspects = chatty(seed, 50, 55).suspects;
        if suspects.first().is_some_and(|suspect| !suspect.shown) {
            assert!(suspects.iter().all(|suspect| !suspect.shown), "nothing is shown beside it: {suspects:?}");
            assert!(suspects.len() <= LISTED_MAX, "{suspects:?}");
            assert!(suspects.iter().any(|suspect| suspect.reason.contains("logs")), "{suspects:?}");
            unproven += 1;
        }
        listed += usize::from(!chatty(seed + 1_000, 50, 50).suspects.is_empty());
    }
    assert!(unproven >= 5, "{unproven} of 20");
    // One in twenty is what chance may do.
    assert!(listed <= 1, "{listed} of 20");
}
