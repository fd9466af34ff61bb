//! Stacks of each language as their runtimes print them, and the grouping.

use std::fmt::Write as _;

use insta::assert_snapshot;
use kino_model::{TraceId, UnixNanos};

use super::*;

fn check(stack: &str) -> String {
    let mut shown = String::new();
    for frame in frames(stack, None) {
        let line = frame.line.map_or(String::new(), |line| format!(":{line}"));
        let own = if frame.in_project { "" } else { " (library)" };
        writeln!(shown, "{}{line} {}{own}", frame.path, frame.function).unwrap();
    }
    shown
}

#[test]
fn python_is_turned_innermost_first_and_the_last_of_a_chain_counts() {
    assert_snapshot!(check(r#"Traceback (most recent call last):
  File "/srv/app/db.py", line 3, in connect
    socket.create()
ConnectionError: refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/app/main.py", line 12, in handle
    load(order)
  File "/usr/lib/python3.12/site-packages/flask/app.py", line 880, in dispatch
    return f()
  File "/srv/app/load.py", line 40, in load
    raise LoadError("x") from error
app.LoadError: x"#), @"
    /srv/app/load.py:40 load
    /usr/lib/python3.12/site-packages/flask/app.py:880 dispatch (library)
    /srv/app/main.py:12 handle
    ");
}

#[test]
fn java_and_its_modules() {
    assert_snapshot!(check("java.lang.IllegalStateException: no\n\tat com.shop.Cart.add(Cart.java:41)\n\tat java.base/java.util.ArrayList.forEach(ArrayList.java:1511)\n\tat jdk.internal.Reflect.invoke(Native Method)\n\tat app//com.shop.Main.main(Main.java:7)\nCaused by: java.io.IOException\n\tat com.shop.Io.read(Io.java:9)"), @"
    Cart.java:41 com.shop.Cart.add
    ArrayList.java:1511 java.util.ArrayList.forEach (library)
    Native Method jdk.internal.Reflect.invoke (library)
    Main.java:7 com.shop.Main.main
    ");
}

#[test]
fn node_with_and_without_names() {
    assert_snapshot!(check("TypeError: x\n    at async load (/srv/app/load.js:10:5)\n    at /srv/app/index.js:3:1\n    at new Cart (file:///srv/app/cart.mjs:2:9)\n    at Layer.handle (/srv/app/node_modules/express/lib/layer.js:95:5)\n    at node:internal/process/task_queues:95:5"), @"
    /srv/app/load.js:10 load
    /srv/app/index.js:3 <anonymous>
    /srv/app/cart.mjs:2 Cart
    /srv/app/node_modules/express/lib/layer.js:95 Layer.handle (library)
    node:internal/process/task_queues:95 <anonymous> (library)
    ");
}

#[test]
fn rust_with_places_below_functions() {
    assert_snapshot!(check("   0: rust_begin_unwind\n             at /rustc/abc/library/std/src/panicking.rs:645:5\n   1: core::panicking::panic_fmt\n   2: journal::summary::generate::h0123456789abcdef\n             at ./src/summary.rs:17:9\n   3: journal::main"), @"
    /rustc/abc/library/std/src/panicking.rs:645 rust_begin_unwind (library)
     core::panicking::panic_fmt (library)
    ./src/summary.rs:17 journal::summary::generate
     journal::main
    ");
}

#[test]
fn go_with_goroutines() {
    assert_snapshot!(check("goroutine 1 [running]:\nmain.load(0x1, {0x2, 0x3})\n\t/srv/app/main.go:12 +0x1d\nnet/http.HandlerFunc.ServeHTTP(0x0)\n\t/usr/local/go/src/net/http/server.go:2136 +0x29\ncreated by main.run in goroutine 7\n\t/srv/app/run.go:5 +0x20"), @"
    /srv/app/main.go:12 main.load
    /usr/local/go/src/net/http/server.go:2136 net/http.HandlerFunc.ServeHTTP (library)
    /srv/app/run.go:5 main.run
    ");
}

#[test]
fn ruby_old_and_new() {
    assert_snapshot!(check("/srv/app/cart.rb:10:in `add'\n\tfrom /usr/lib/ruby/gems/3.3/gems/rack-3/lib/rack.rb:4:in 'Rack#call'\n\tfrom app.rb:2:in '<main>'"), @"
    /srv/app/cart.rb:10 add
    /usr/lib/ruby/gems/3.3/gems/rack-3/lib/rack.rb:4 Rack#call (library)
    app.rb:2 <main>
    ");
}

#[test]
fn dotnet_with_and_without_files() {
    assert_snapshot!(check("System.InvalidOperationException: no\n   at Shop.Cart.Add(Int32 id) in /srv/app/Cart.cs:line 33\n   at System.Threading.Tasks.Task.Run(Action a)\n   at Shop.Main.Start()"), @"
    /srv/app/Cart.cs:33 Shop.Cart.Add
     System.Threading.Tasks.Task.Run (library)
     Shop.Main.Start
    ");
}

#[test]
fn elixir_with_applications() {
    assert_snapshot!(check("** (RuntimeError) no\n    (shop 0.1.0) lib/shop/cart.ex:10: Shop.Cart.add/2\n    (plug 1.14.0) lib/plug/router.ex:5: Plug.Router.call/2\n    lib/script.exs:3: Script.run/0"), @"
    lib/shop/cart.ex:10 Shop.Cart.add/2
    lib/plug/router.ex:5 Plug.Router.call/2 (library)
    lib/script.exs:3 Script.run/0
    ");
}

#[test]
fn absolute_paths_outside_a_known_project_are_a_librarys() {
    let stack = "Error\n at f (/home/me/shop/a.js:1:1)\n at g (/opt/tool/b.js:1:1)";
    let own: Vec<bool> = frames(stack, Some("/home/me/shop")).iter().map(|frame| frame.in_project).collect();
    assert_eq!(own, [true, false]);
}

fn exception<'a>(message: &'a str, stacktrace: &'a str, seconds: i64) -> Exception<'a> {
    let evidence = Evidence { trace_id: TraceId([seconds as u8; 16]), span_id: None };
    Exception {
        exception_type: "E",
        message,
        stacktrace,
        time: UnixNanos(seconds * 1_000_000_000),
        evidence,
        in_log: false,
        root: None,
        printed_by: None,
    }
}

#[test]
fn groups_outlive_numbers_lines_and_folders() {
    let before = "Error\n at f (/a/x.js:1:1)";
    let moved = "Error\n at f (/b/x.js:9:2)";
    let other = "Error\n at g (/a/x.js:1:1)";
    let all = [
        exception("no 17", before, 86_399),
        exception("no 18", moved, 86_400),
        exception("no 18", other, 5),
        exception("item 3 of 'abc' gone", "", 1),
        exception("item 44 of 'xyz' gone", "", 2),
    ];
    let groups = group(all);
    let shown: Vec<_> =
        groups.iter().map(|group| (group.count, group.message.as_str(), group.per_day.as_slice())).collect();
    let day = |day: &str, count| (day.to_owned(), count);
    assert_eq!(
        shown,
        [
            (2, "no 18", [day("1970-01-01", 1), day("1970-01-02", 1)].as_slice()),
            (1, "no 18", [day("1970-01-01", 1)].as_slice()),
            (2, "item 44 of 'xyz' gone", [day("1970-01-01", 2)].as_slice()),
        ]
    );
    assert_eq!(groups[0].examples.len(), 2);
    assert_eq!(groups[0].examples[0].trace_id, TraceId([(86_400 % 256) as u8; 16]));
}

#[test]
fn days_are_civil() {
    assert_eq!(date(0), "1970-01-01");
    assert_eq!(date(-1), "1969-12-31");
    assert_eq!(date(20_513), "2026-03-01");
    assert_eq!(date(11_016), "2000-02-29");
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "(\\PC|\n){0,200}") {
        frames(&text, None);
    }
}

#[test]
fn folders_called_internal_are_the_users_own() {
    let stack = "goroutine 1 [running]:\nshop/internal/cart.Add(0x1)\n\t/srv/shop/internal/cart/cart.go:12 +0x1d";
    assert!(frames(stack, None)[0].in_project);
}
