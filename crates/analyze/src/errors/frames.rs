//! Stack traces as languages print them, read into frames.
//!
//! Each line is tried against every language's form, since a trace can hold several (a Python extension over Rust) and
//! nothing says which it is. Lines that are no frame are passed over. Frames come out innermost first; Python prints
//! them the other way round.
//!
//! ```text
//!  Python   File "a.py", line 3, in f          Java     at pkg.Type.f(Type.java:3)
//!  Node     at f (/a.js:3:7)                   .NET     at Type.F(Int32 x) in /a.cs:line 3
//!  Rust     0: krate::f  ⏎  at ./a.rs:3:7      Go       pkg.f(0x1)  ⏎  /a.go:3 +0x1d
//!  Ruby     a.rb:3:in 'f'                      Elixir   (app 1.0) lib/a.ex:3: Mod.f/1
//! ```

/// One stack frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The file, as recorded; empty where none is printed.
    pub path: String,
    /// The line, from 1.
    pub line: Option<i64>,
    /// The function, as recorded.
    pub function: String,
    /// Whether it is the user's code rather than a library's.
    pub in_project: bool,
}

/// Where libraries live.
const LIBRARY_PATHS: &[&str] = &[
    "site-packages/",
    "dist-packages/",
    "/lib/python",
    "<frozen",
    "<string>",
    "node_modules/",
    "node:",
    "/.cargo/registry/",
    "/.cargo/git/",
    "/rustc/",
    "/rustlib/",
    "/go/src/",
    "/pkg/mod/",
    "/vendor/",
    "/gems/",
    "/lib/ruby/",
    "<internal:",
    "/deps/",
    "/_/src/",
    "/usr/lib/",
    "<anonymous>",
];
/// What libraries' functions begin with, in the languages whose frames name the package.
const LIBRARY_FUNCTIONS: &[&str] = &[
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "com.sun.",
    "jakarta.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "groovy.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
    "org.junit.",
    "org.eclipse.jetty.",
    "io.netty.",
    "io.opentelemetry.",
    "io.grpc.",
    "io.micrometer.",
    "com.fasterxml.",
    "com.zaxxer.",
    "com.google.common.",
    "reactor.",
    "System.",
    "Microsoft.",
    "std::",
    "core::",
    "alloc::",
    "tokio::",
    "hyper::",
    "tracing::",
    "__rust",
    "rust_begin_unwind",
    "runtime.",
    "runtime/",
    "net/http.",
    "__libc",
    "_start",
];
/// Applications of Elixir that are not the user's.
const LIBRARY_APPLICATIONS: &[&str] = &[
    "elixir",
    "stdlib",
    "kernel",
    "ex_unit",
    "mix",
    "plug",
    "plug_cowboy",
    "phoenix",
    "phoenix_live_view",
    "ecto",
    "ecto_sql",
    "postgrex",
    "db_connection",
    "cowboy",
    "bandit",
    "thousand_island",
    "ranch",
    "telemetry",
    "gen_stage",
    "oban",
    "jason",
    "finch",
    "mint",
    "tesla",
    "hackney",
];

/// Reads the frames of a stack trace, innermost first. Of chained exceptions only the one that was raised counts.
/// `project` is the user's own root folder, if known: absolute paths outside it are then a library's.
pub fn frames(stacktrace: &str, project: Option<&str>) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut is_python = false;
    let mut pending: Option<&str> = None;
    for line in stacktrace.lines() {
        let text = line.trim();
        if text.starts_with("Traceback (most recent call last)") {
            // Python prints causes first: the last block is the exception itself.
            frames.clear();
            is_python = true;
        }
        if text.starts_with("Caused by:") && !frames.is_empty() {
            break;
        }
        let library = |path: &str, function: &str| is_library(path, function, project);
        let make = |path: &str, line: Option<i64>, function: &str| Frame {
            path: path.to_owned(),
            line,
            function: function.to_owned(),
            in_project: !library(path, function),
        };
        if let Some((path, line, function)) = python(text) {
            is_python = true;
            frames.push(make(path, line, function));
        } else if let Some((path, line)) = pending.and_then(|_| rust_place(text).or_else(|| go_place(text))) {
            frames.push(make(path, line, clean_function(pending.unwrap_or_default())));
            pending = None;
        } else if let Some((application, path, line, function)) = elixir(text) {
            let mut frame = make(path, line, function);
            frame.in_project &= !LIBRARY_APPLICATIONS.contains(&application);
            frames.push(frame);
        } else if let Some((path, line, function)) = at_frame(text).or_else(|| ruby(text)) {
            frames.push(make(path, line, function));
        } else if let Some(function) = rust_function(text).or_else(|| go_function(text)) {
            let before = pending.replace(function);
            // In Rust a function without a place below it is a frame all the same.
            frames.extend(
                before.filter(|_| rust_function(text).is_some()).map(|before| make("", None, clean_function(before))),
            );
        }
    }
    if let Some(function) = pending.filter(|function| function.contains("::")) {
        let function = clean_function(function);
        frames.push(Frame {
            path: String::new(),
            line: None,
            function: function.to_owned(),
            in_project: !is_library("", function, project),
        });
    }
    if is_python {
        frames.reverse();
    }
    frames
}

type FrameKey<'a> = (&'a str, Option<i64>, &'a str);

/// Whether a line is a frame as Python prints it.
pub(super) fn is_python_frame(line: &str) -> bool {
    line.strip_prefix("  ").is_some_and(|rest| python(rest).is_some())
}

fn python(text: &str) -> Option<FrameKey<'_>> {
    let (path, rest) = text.strip_prefix("File \"")?.split_once("\", line ")?;
    let (line, function) = rest.split_once(", in ").unwrap_or((rest, "<module>"));
    Some((path, Some(line.parse().ok()?), function))
}

/// Java, Node and .NET all begin with `at`.
pub(super) fn at_frame(text: &str) -> Option<FrameKey<'_>> {
    let rest = text.strip_prefix("at ")?;
    if let Some((call, place)) = rest.rsplit_once(") in ") {
        let (path, line) = place.rsplit_once(":line ").map_or((place, None), |(path, line)| (path, line.parse().ok()));
        return Some((path, line, call.split('(').next().unwrap_or(call)));
    }
    let Some((function, place)) = rest.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')) else {
        let (path, line) = node_place(rest)?;
        return Some((path, line, "<anonymous>"));
    };
    let function = function.trim_end();
    let function = function.strip_prefix("async ").or_else(|| function.strip_prefix("new ")).unwrap_or(function);
    if let Some((path, line)) = node_place(place) {
        return Some((path, line, function));
    }
    if let Some((file, line)) = place.rsplit_once(':') {
        return line.parse().ok().map(|line| (file, Some(line), java_function(function)));
    }
    let is_java_file = matches!(place, "Native Method" | "Unknown Source") || is_source(place, &["java", "kt"]);
    // .NET without debug information prints the parameters' types and no file.
    Some((if is_java_file { place } else { "" }, None, java_function(function)))
}

/// Java prefixes the module or the class loader: `java.base/java.util.List.of`, `app//a.B.c`.
fn java_function(function: &str) -> &str {
    function.rsplit('/').next().unwrap_or(function)
}

/// `path:line:column`.
fn node_place(place: &str) -> Option<(&str, Option<i64>)> {
    let (rest, column) = place.rsplit_once(':')?;
    column.parse::<i64>().ok()?;
    let (path, line) = rest.rsplit_once(':')?;
    Some((path.strip_prefix("file://").unwrap_or(path), Some(line.parse().ok()?)))
}

/// `path:line:in 'function'`, with an older Ruby's backtick.
fn ruby(text: &str) -> Option<FrameKey<'_>> {
    let text = text.strip_prefix("from ").unwrap_or(text);
    let (place, function) = text.split_once(":in ")?;
    let (path, line) = place.rsplit_once(':')?;
    let function = function.trim_start_matches(['\'', '`']);
    let function = function.split_once('\'').map_or(function, |(function, _)| function);
    Some((path, Some(line.parse().ok()?), function))
}

/// `(application version) path:line: function`, the parenthesis being optional.
fn elixir(text: &str) -> Option<(&str, &str, Option<i64>, &str)> {
    let (application, rest) = match text.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        Some((application, rest)) => (application.split(' ').next().unwrap_or_default(), rest),
        None => ("", text),
    };
    let (place, function) = rest.split_once(": ")?;
    let (path, line) = place.rsplit_once(':')?;
    is_source(path, &["ex", "exs", "erl", "eex", "heex"]).then_some((
        application,
        path,
        Some(line.parse().ok()?),
        function,
    ))
}

/// `12: krate::function`.
fn rust_function(text: &str) -> Option<&str> {
    let (number, function) = text.split_once(": ")?;
    number.parse::<u32>().ok()?;
    let function = function.strip_prefix("0x").map_or(function, |rest| rest.split_once(" - ").map_or("", |(_, it)| it));
    (!function.is_empty()).then_some(function)
}

/// `at path:line:column`, on the line below its function.
fn rust_place(text: &str) -> Option<(&str, Option<i64>)> {
    text.strip_prefix("at ").and_then(node_place)
}

/// `package.function(0x1, …)` or `created by package.function`.
fn go_function(text: &str) -> Option<&str> {
    if text.starts_with("goroutine ") || text.contains(": ") {
        return None;
    }
    if let Some(created) = text.strip_prefix("created by ") {
        return Some(created.split(" in goroutine").next().unwrap_or(created));
    }
    let at = text.strip_suffix(')')?.rfind('(')?;
    let function = &text[..at];
    (function.contains('.') && !function.contains(' ')).then_some(function)
}

/// `path.go:line +0x1d`, on the line below its function.
fn go_place(text: &str) -> Option<(&str, Option<i64>)> {
    let place = text.split(" +0x").next()?;
    let (path, line) = place.rsplit_once(':')?;
    is_source(path, &["go"]).then_some((path, Some(line.parse().ok()?)))
}

/// Whether the path ends in one of these extensions.
fn is_source(path: &str, extensions: &[&str]) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
}

/// Without the hash that Rust appends.
fn clean_function(function: &str) -> &str {
    match function.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => function,
    }
}

fn is_library(path: &str, function: &str, project: Option<&str>) -> bool {
    let in_library_path = LIBRARY_PATHS.iter().any(|part| match part.strip_prefix('/') {
        Some(_) => path.contains(part),
        None => path.starts_with(part) || path.contains(&format!("/{part}")),
    });
    let is_library_function = LIBRARY_FUNCTIONS.iter().any(|start| function.trim_start_matches('<').starts_with(start));
    let is_outside =
        project.is_some_and(|project| path.starts_with('/') && !std::path::Path::new(path).starts_with(project));
    in_library_path || is_library_function || is_outside
}
