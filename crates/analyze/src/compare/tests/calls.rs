//! Calls whose number changed by an order of magnitude, per item where one is recorded.

use std::fmt::Write as _;

use super::compared;
use crate::testing::traces;

/// An import of some rows with a number of calls of each statement.
fn import(rows: usize, selects: usize, inserts: usize) -> String {
    let mut text = format!("POST /import 0..9000 kind=server\n  store 1..8999 import.rows={rows}");
    for call in 0..selects {
        write!(
            text,
            "\n    SELECT {call}.1..{call}.2 kind=client db.query.text='SELECT id FROM vendor WHERE name = {call}'"
        )
        .unwrap();
    }
    for call in 0..inserts {
        write!(text, "\n    INSERT {call}.3..{call}.4 kind=client db.query.text='INSERT INTO row VALUES ({call})'")
            .unwrap();
    }
    text
}

fn check(before: &[String], after: &[String]) -> String {
    let comparison = compared(&traces(&before.join("\n---\n")), &traces(&after.join("\n---\n")));
    comparison.calls_changed.iter().map(|changed| changed.sentence("before")).collect::<Vec<_>>().join("\n")
}

#[test]
fn one_call_that_became_one_for_each_row_is_reported_per_item() {
    insta::assert_snapshot!(check(&[import(364, 36, 2)], &[import(364, 1092, 2)]), @"POST /import calls SELECT id FROM vendor WHERE name = ? 1092 times an execution, 3 for each import.rows; 36 times before, 0.099 for each import.rows");
    insta::assert_snapshot!(check(&[import(364, 1, 2)], &[import(364, 1731, 2)]), @"POST /import calls SELECT id FROM vendor WHERE name = ? 1731 times an execution; 1 time before");
    insta::assert_snapshot!(check(&[import(364, 1731, 2)], &[import(364, 1, 2)]), @"POST /import calls SELECT id FROM vendor WHERE name = ? 1 time an execution; 1731 times before");
}

#[test]
fn executions_that_differ_in_input_are_compared_by_input() {
    let before: Vec<String> = [40, 80, 120].iter().map(|&rows| import(rows, 1, 1)).collect();
    let after: Vec<String> = [40, 80, 120].iter().map(|&rows| import(rows, rows, 1)).collect();
    insta::assert_snapshot!(check(&before, &after), @"POST /import calls SELECT id FROM vendor WHERE name = ? 80 times an execution, 1 for each import.rows; 1 time before, 0.013 for each import.rows");
}

#[test]
fn another_statement_for_the_same_thing_is_set_against_the_operation() {
    let before = import(364, 1, 2).replace("WHERE name = 0", "WHERE name IN (1, 2, 3)");
    insta::assert_snapshot!(check(&[before], &[import(364, 1092, 2)]), @"POST /import calls SELECT id FROM vendor WHERE name = ? 1092 times an execution, 3 for each import.rows; 1 time before, 0.003 for each import.rows");
    let many = |selects: usize| import(364, selects, 0).replace("FROM vendor", "FROM country");
    let after = format!("{}\n{}", many(200), import(364, 364, 0).lines().skip(2).collect::<Vec<_>>().join("\n"));
    insta::assert_snapshot!(check(&[many(200)], &[after]), @"POST /import calls SELECT id FROM vendor WHERE name = ? 364 times an execution, 1 for each import.rows; 0 times before");
}

#[test]
fn more_items_are_no_more_calls_for_each() {
    assert_eq!(check(&[import(10, 30, 1)], &[import(1000, 3000, 1)]), "");
    assert_eq!(check(&[import(10, 30, 1), import(11, 33, 1)], &[import(1000, 3000, 1), import(400, 1200, 1)]), "");
}

#[test]
fn what_is_called_more_often_does_not_accuse_what_it_always_called() {
    let page = |calls: usize| {
        let mut text = String::from("GET / 0..9000 kind=server");
        for call in 0..calls {
            write!(text, "\n  price {call}..{call}.9\n    GET {call}.1..{call}.8 kind=client").unwrap();
        }
        text
    };
    insta::assert_snapshot!(check(&[page(2)], &[page(80)]), @"GET / calls price 80 times an execution; 2 times before");
}

#[test]
fn few_calls_and_small_changes_and_scattered_counts_are_not_reported() {
    assert_eq!(check(&[import(5, 0, 1)], &[import(5, 5, 1)]), "");
    assert_eq!(check(&[import(300, 100, 1)], &[import(300, 400, 1)]), "");
    let scattered: Vec<String> = [1, 900, 30, 1, 2000].iter().map(|&calls| import(300, calls, 1)).collect();
    assert_eq!(check(&scattered, &scattered.iter().rev().cloned().collect::<Vec<_>>()), "");
    assert_eq!(check(&[import(300, 1, 1)], &scattered), "");
}
