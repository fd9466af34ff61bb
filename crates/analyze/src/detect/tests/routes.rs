//! Requests that a server names by their method alone.

use std::fmt::Write as _;

use insta::assert_snapshot;

use super::{check, times};
use crate::finding::Code;

fn page(path: &str, calls: usize) -> String {
    let mut text = format!("GET 0..200 kind=server url.path={path}\n");
    for at in 0..calls {
        let from = 10 + 5 * at;
        writeln!(text, "  SELECT {from}..{} kind=client db.query.text='SELECT a FROM t WHERE id = {at}'", from + 3)
            .unwrap();
    }
    text
}

#[test]
fn a_loop_is_said_of_the_executions_of_its_page_alone() {
    let pages = [times(14, &page("/authors/7", 12)), times(60, &page("/books", 1)), times(40, &page("/", 0))];
    assert_snapshot!(check(Code::NPlusOne, &pages.join("\n---\n")), @"12 calls of one kind below GET in an execution (at most 12), 36.0 ms on the critical path, where one would do: SELECT a FROM t WHERE id = ?");
    let named = pages.join("\n---\n").replace("url.path", "http.route=x url.path");
    assert_eq!(check(Code::NPlusOne, &named), "", "where a route is known, its name says what is one operation");
}

#[test]
fn pages_are_named_by_their_path_without_ids() {
    let fails = |path: &str| {
        format!(
            "GET 0..9 kind=server url.path={path} http.response.status_code=500 !\n  load 1..8 ! exception=KeyError:a"
        )
    };
    let books: Vec<String> = (0..4).map(|at| fails(&format!("/books/{at}"))).collect();
    let text = [books.join("\n---\n"), times(5, "GET 0..9 kind=server url.path=/")].join("\n---\n");
    assert_snapshot!(check(Code::ErrorCluster, &text), @"KeyError in 4 of 4 executions of GET /books/{id}, raised in load.");
    // Names are ids where there are many, and pages where there are few.
    let names = ["ada", "bob", "cy", "di", "eve", "flo", "gus", "hal", "ida"];
    let people: Vec<String> = names.iter().map(|name| fails(&format!("/people/{name}/books"))).collect();
    assert_snapshot!(check(Code::ErrorCluster, &people.join("\n---\n")), @"KeyError in 9 of 9 executions of GET /people/{name}/books, raised in load.");
    assert_eq!(check(Code::ErrorCluster, &people[..4].join("\n---\n")), "", "four pages that failed once");
}

#[test]
fn a_loop_of_one_query_is_said_of_the_executions_that_make_it() {
    let query = |calls: usize| page("/graphql", calls).replace("GET", "POST");
    let text = [times(14, &query(22)), times(100, &query(0))].join("\n---\n");
    assert_snapshot!(check(Code::NPlusOne, &text), @"22 calls of one kind below POST in each of 14 of the 14 executions that make them (at most 22), 66.0 ms on the critical path, where one would do: SELECT a FROM t WHERE id = ?");
}
