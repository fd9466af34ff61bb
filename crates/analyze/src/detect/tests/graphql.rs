//! What a server of GraphQL does: all of its queries arrive at one address.

use super::{check, times};
use crate::finding::Code;

/// A request of an operation that asks for its items and then twice for each of `items` of them.
fn request(operation: &str, items: u32) -> String {
    let (mut at, mut lines) = (4, vec!["  SELECT 2..4 kind=client db.query.text='SELECT id FROM book'".to_owned()]);
    for _ in 0..items {
        for table in ["author", "tag"] {
            let statement = format!("SELECT n FROM {table} WHERE book = ?");
            lines.push(format!("  SELECT {at}..{} kind=client db.query.text='{statement}'", at + 2));
            at += 2;
        }
    }
    format!(
        "POST /graphql 0..{} kind=server http.route=/graphql\n  execute 1..2 {operation}\n{}",
        at + 1,
        lines.join("\n")
    )
}

const LIST: &str = "graphql.operation.type=query graphql.operation.name=Books";
const SINGLE: &str = "graphql.operation.type=query graphql.operation.name=Book";

#[test]
fn operations_behind_one_address_are_judged_apart() {
    let found =
        check(Code::NPlusOne, &format!("{}\n---\n{}", times(3, &request(LIST, 6)), times(60, &request(SINGLE, 0))));
    assert!(found.starts_with("12 calls of 2 kinds in turn below POST /graphql in an execution"), "{found}");
    let fails = request(SINGLE, 0).replace("0..5 kind=server", "0..5 ! kind=server exception=KeyError:x");
    let found = check(Code::ErrorCluster, &format!("{}\n---\n{}", times(40, &request(LIST, 0)), times(3, &fails)));
    assert!(found.starts_with("KeyError in 3 of 3 executions of POST /graphql query Book,"), "{found}");
}

#[test]
fn an_operation_without_a_name_goes_by_its_document() {
    let list = "graphql.operation.type=query graphql.source='{ books { author { name } } }'";
    let single = "graphql.operation.type=query graphql.source='{ book(id: *) { title } }'";
    let found =
        check(Code::NPlusOne, &format!("{}\n---\n{}", times(3, &request(list, 6)), times(60, &request(single, 0))));
    assert!(found.starts_with("12 calls"), "{found}");
}

#[test]
fn where_no_operation_was_recorded_a_load_of_any_part_counts() {
    let both = |lists: usize, items: u32| {
        format!("{}\n---\n{}", times(lists, &request("", items)), times(60, &request("", 0)))
    };
    assert!(check(Code::NPlusOne, &both(3, 12)).contains("in each of 3 of the 3 executions that make them"));
    assert_eq!(check(Code::NPlusOne, &both(2, 12)), "", "two are a chance");
    assert_eq!(check(Code::NPlusOne, &both(3, 6)), "", "few calls of few executions are no load");
    let elsewhere = both(3, 12).replace("/graphql", "/export");
    assert_eq!(check(Code::NPlusOne, &elsewhere), "", "an operation with a name of its own");
}

#[test]
fn operations_without_end_are_judged_together() {
    let each = |number: u32| times(1, &request(&format!("{LIST}{number}"), 6));
    let many: String = (0..200).map(each).collect::<Vec<_>>().join("\n---\n");
    assert!(check(Code::NPlusOne, &many).contains("in an execution"), "beyond the bound they share a group");
}
