//! What Python and Node print, as they print it, and what only looks like it.

use std::fmt::Write as _;

use insta::assert_snapshot;
use kino_model::{TraceId, UnixNanos};

use super::super::frames;
use super::*;
use crate::finding::Evidence;

/// Each error with its innermost own frame.
fn check(text: &str) -> String {
    let (found, further) = printed(text);
    let mut shown = String::new();
    for error in found {
        let frames = frames(&error.stacktrace, None);
        let own = frames.iter().find(|frame| frame.in_project);
        let place = own.map(|frame| format!("{}:{} {}", frame.path, frame.line.unwrap_or_default(), frame.function));
        let code = error.code.map(|code| format!(" [{code}]")).unwrap_or_default();
        let (name, message, place) = (error.exception_type, error.message, place.unwrap_or_default());
        writeln!(shown, "{name}{code} | {message} | {place} | {} frames", frames.len()).unwrap();
    }
    if further > 0 {
        writeln!(shown, "{further} more").unwrap();
    }
    shown
}

#[test]
fn a_traceback_is_found_among_other_lines() {
    assert_snapshot!(check("\
loading
Traceback (most recent call last):
  File \"/srv/app.py\", line 9, in <module>
    main()
    ~~~~^^
  File \"/srv/app.py\", line 6, in main
    load({})
  [Previous line repeated 3 more times]
  File \"/usr/lib/python3.12/json/decoder.py\", line 4, in decode
    raise KeyError(key)
KeyError: 'customer'
done
"), @"KeyError | 'customer' | /srv/app.py:6 main | 3 frames");
}

#[test]
fn chained_tracebacks_are_one_error_and_separate_ones_are_two() {
    let one = |file: &str, error: &str| {
        format!("Traceback (most recent call last):\n  File \"{file}.py\", line 1, in {file}\n    {file}()\n{error}\n")
    };
    let because = "\nThe above exception was the direct cause of the following exception:\n\n";
    let during = "\nDuring handling of the above exception, another exception occurred:\n\n";
    let chained = [one("a", "KeyError: 1\nand more of it"), one("b", "app.Wrong: 2"), one("c", "RuntimeError")];
    assert_snapshot!(check(&[&chained[0], because, &chained[1], during, &chained[2]].concat()), @"RuntimeError |  | c.py:1 c | 1 frames");
    assert_snapshot!(check(&[&chained[0], "\n", &chained[1]].concat()), @"
    KeyError | 1 | a.py:1 a | 1 frames
    app.Wrong | 2 | b.py:1 b | 1 frames
    ");
}

#[test]
fn a_prefix_that_each_line_repeats_is_taken_off() {
    assert_snapshot!(check("\
web-1  | Traceback (most recent call last):
web-1  |   File \"/srv/a.py\", line 1, in f
web-1  |     g()
web-1  | ValueError: bad
ERROR root Traceback (most recent call last):
  File \"/srv/b.py\", line 2, in g
OSError: [Errno 2] No such file or directory: 'x'
"), @"
    ValueError | bad | /srv/a.py:1 f | 1 frames
    OSError | [Errno 2] No such file or directory: 'x' | /srv/b.py:2 g | 1 frames
    ");
}

#[test]
fn a_group_of_exceptions_is_one_error_and_each_that_was_raised_in_it_another() {
    assert_snapshot!(check("  + Exception Group Traceback (most recent call last):
  |   File \"/srv/a.py\", line 9, in <module>
  |     main()
  | ExceptionGroup: two tasks failed (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File \"/srv/a.py\", line 3, in first
    |     raise ValueError(1)
    | ValueError: 1
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File \"/srv/a.py\", line 6, in second
    |     raise KeyError(2)
    | KeyError: 2
    +------------------------------------
"), @"
    ExceptionGroup | two tasks failed (2 sub-exceptions) | /srv/a.py:9 <module> | 1 frames
    ValueError | 1 | /srv/a.py:3 first | 1 frames
    KeyError | 2 | /srv/a.py:6 second | 1 frames
    ");
}

#[test]
fn an_error_of_pythons_parser_has_no_stack() {
    assert_snapshot!(check("  File \"/srv/a.py\", line 1\n    def f(\n         ^\nSyntaxError: '(' was never closed\n"), @"SyntaxError | '(' was never closed | /srv/a.py:1 <module> | 1 frames");
    assert_snapshot!(check("  File \"/srv/a.py\", line 1\n    x\nNoteworthy: it goes on\n"), @"");
}

#[test]
fn nodes_uncaught_errors_are_found_with_codes_and_long_messages() {
    assert_snapshot!(check("/srv/a.js:1
function load(o){ return o.customer.name }
                                    ^

TypeError: Cannot read properties of undefined (reading 'name')
    at load (/srv/a.js:1:37)
    at Object.<anonymous> (/srv/a.js:3:1)
    at node:internal/main/run_main_module:28:49

Node.js v20.20.2
node:internal/errors:500
TypeError [ERR_INVALID_URL]: Invalid URL
    at new URL (node:internal/url:797:36)
    at f (file:///srv/b.mjs:2:9) {
  code: 'ERR_INVALID_URL',
  [cause]: Error: inner
      at g (/srv/b.mjs:9:9)
}
Error: Cannot find module './x'
Require stack:
- /srv/c.js
    at Module._resolveFilename (node:internal/modules/cjs/loader:1140:15)
    at Object.<anonymous> (/srv/c.js:1:1)
"), @"
    TypeError | Cannot read properties of undefined (reading 'name') | /srv/a.js:1 load | 3 frames
    TypeError [ERR_INVALID_URL] | Invalid URL | /srv/b.mjs:2 f | 2 frames
    Error | Cannot find module './x' | /srv/c.js:1 Object.<anonymous> | 2 frames
    ");
}

#[test]
fn javas_stacks_look_like_nodes_and_their_causes_are_part_of_them() {
    assert_snapshot!(check("Exception in thread \"main\" java.lang.IllegalStateException: no cart
\tat com.shop.Cart.add(Cart.java:41)
\tat com.shop.Main.main(Main.java:7)
Caused by: java.io.IOException: closed
\tat com.shop.Io.read(Io.java:9)
\t... 2 more
"), @"java.lang.IllegalStateException | no cart | Cart.java:41 com.shop.Cart.add | 2 frames");
}

#[test]
fn what_only_looks_like_an_error_is_none() {
    for text in [
        "",
        "error: no such file\n",
        "KeyError: 'x'\n",
        "Traceback (most recent call last):\n",
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    f()\n",
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nit goes on here\n",
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyboardInterrupt\n",
        "    at load (/srv/a.js:1:37)\n",
        "we meet\n    at noon (see a.js:1:3)\n",
        "   2: journal::main\n             at ./src/main.rs:3:5\n",
    ] {
        assert_eq!(check(text), "", "{text}");
    }
}

#[test]
fn many_errors_are_counted_and_a_long_stack_keeps_what_raised() {
    let one = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nE\n";
    assert!(check(&one.repeat(PRINTED_MAX + 3)).ends_with("\n3 more\n"));
    let deep = format!(
        "{}{}  File \"last.py\", line 7, in raise_it\nE: x\n",
        &one[..35],
        "  File \"a.py\", line 1, in f\n".repeat(20_000)
    );
    let (found, _) = printed(&deep);
    assert!(found[0].stacktrace.len() <= STACK_BYTES_MAX + TRACEBACK.len() + 1);
    assert_eq!(frames(&found[0].stacktrace, None)[0].path, "last.py");
}

#[test]
fn an_error_that_a_span_recorded_too_is_the_same() {
    let (found, _) =
        printed("Traceback (most recent call last):\n  File \"a.py\", line 1, in f\napp.Wrong: two\nlines\n");
    let recorded = |exception_type, message| Exception {
        exception_type,
        message,
        stacktrace: "",
        time: UnixNanos(0),
        evidence: Evidence { trace_id: TraceId([1; 16]), span_id: None },
        in_log: false,
        root: None,
        printed_by: None,
    };
    assert!(found[0].is_recorded_as(&recorded("app.Wrong", "two\nlines")));
    assert!(found[0].is_recorded_as(&recorded("Wrong", "two")));
    assert!(!found[0].is_recorded_as(&recorded("app.Other", "two")));
    assert!(!found[0].is_recorded_as(&recorded("app.Wrong", "three")));
    let (found, _) = printed("TypeError [ERR_INVALID_URL]: Invalid URL\n    at f (/srv/b.mjs:2:9)\n");
    assert!(found[0].is_recorded_as(&recorded("ERR_INVALID_URL", "Invalid URL")));
    assert!(found[0].is_recorded_as(&recorded("TypeError", "Invalid URL")));
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "(Traceback \\(most recent call last\\):|  File \"a\", line 1, in f|    at f \\(/a:1:1\\)|E: é|\\| |\\PC|\n|\r){0,60}") {
        for error in printed(&text).0 {
            frames(&error.stacktrace, None);
        }
    }
}
