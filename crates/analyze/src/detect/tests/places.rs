//! The same call at different places of a program, and addresses that only differ in their data.

use super::{check, times};
use crate::finding::Code;

fn select(table: &str, at: u32) -> String {
    format!("  SELECT {at}..{} kind=client db.query.text='SELECT n FROM {table} WHERE id = ?'", at + 4)
}

/// A page that asks for a user as often as `counts` says at each place, and between two places for `between` other things.
fn page(counts: &[u32], between: u32) -> String {
    let (mut at, mut lines) = (1, Vec::new());
    for (place, count) in counts.iter().enumerate() {
        let others = (0..if place == 0 { 0 } else { between }).map(|other| format!("t{place}_{other}"));
        let tables = others.chain((0..*count).map(|_| "user".to_owned()));
        for table in tables {
            lines.push(select(&table, at));
            at += 5;
        }
    }
    times(4, &format!("GET /user 0..{} kind=server\n{}", at + 1, lines.join("\n")))
}

#[test]
fn the_same_call_at_different_places_is_no_loop() {
    assert_eq!(check(Code::NPlusOne, &page(&[3, 3], 8)), "");
    assert!(check(Code::NPlusOne, &page(&[3, 3], 2)).starts_with("6 calls"), "little else is asked between");
    assert!(check(Code::NPlusOne, &page(&[2, 7], 12)).starts_with("7 calls"), "the loop is at the second place");
    assert!(check(Code::NPlusOne, &page(&[20, 20], 12)).starts_with("40 calls"), "many calls, whatever is between");
}

#[test]
fn addresses_that_differ_in_data_alone_set_nothing_apart() {
    let requests = |failed: &str, good: &str| {
        let bad = format!("GET /list 0..9 ! kind=server {failed}");
        format!("{}\n---\n{}", times(12, &bad), times(30, &format!("GET /list 0..9 kind=server {good}")))
    };
    for key in ["http.url", "url.full", "http.target"] {
        let of = |address: &str| format!("{key}=http://shop/{address}");
        assert_eq!(check(Code::WhatDiffers, &requests(&of("list?by=price"), &of("list?by=name"))), "", "{key}");
        assert_eq!(check(Code::WhatDiffers, &requests(&of("list/17"), &of("list/18"))), "", "{key}");
        let found = check(Code::WhatDiffers, &requests(&of("list?cursor=9"), &of("list")));
        assert!(found.contains(&format!("have {key} = /list?cursor;")), "{found}");
    }
    assert_eq!(check(Code::WhatDiffers, &requests("url.query=by=price", "url.query=by=name")), "");
}
