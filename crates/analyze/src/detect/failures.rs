//! What a failed span says of how it failed: a timeout, a refusal for too many requests, an exception.

use kino_model::{Span, SpanKind, attribute};

/// Bytes of a constraint's name that distinguish it: PostgreSQL's names have 63, MySQL's 64.
const CONSTRAINT_BYTES_MAX: usize = 128;

/// Whether it ended because its caller stopped waiting.
pub(crate) fn is_timeout(span: &Span) -> bool {
    let by_status =
        matches!(span.int("http.response.status_code"), Some(408 | 504)) || span.int("rpc.grpc.status_code") == Some(4);
    by_status || (span.is_error() && words(span).any(|text| contains_any(text, &["timeout", "timed out", "deadline"])))
}

/// Whether the other side refused because of too many requests.
pub(super) fn is_rate_limited(span: &Span) -> bool {
    let by_status = span.int("http.response.status_code") == Some(429) || span.int("rpc.grpc.status_code") == Some(8);
    let said = ["ratelimit", "rate limit", "rate_limit", "toomanyrequests", "too many requests", "throttl"];
    // gRPC uses the same status for messages that are too large.
    let too_large = ["larger than max", "too large", "exceeds maximum", "out of memory"];
    let says = |parts: &[&str]| span.is_error() && words(span).any(|text| contains_any(text, parts));
    (by_status && !says(&too_large)) || says(&said)
}

/// Whether it failed because something is not there, by the type of its error: that is an answer to who asks whether it
/// is. What a message says is read of statements alone, whose databases word it so; others may be about anything.
pub(super) fn is_absence(span: &Span) -> bool {
    is_of_type(span, &["enoent", "notfound", "doesnotexist", "undefinedtable", "undefinedcolumn"])
        || span.int("http.response.status_code") == Some(404)
        || statement_failed_with(span, &["no such table", "no such column", "does not exist", "doesn't exist"])
}

/// Whether it failed because something is there already: that is an answer to who adds it if it is not.
pub(super) fn is_presence(span: &Span) -> bool {
    let types = ["eexist", "fileexists", "alreadyexists", "integrityerror", "uniqueviolation", "duplicatekey"];
    let words = ["already exists", "unique constraint", "duplicate column", "duplicate entry", "duplicate key"];
    is_of_type(span, &types) || statement_failed_with(span, &words)
}

/// Whether a cache server answered that it does not know a script, after which its clients send it. The server's word
/// decides, since each client has an exception of its own for it. Where no word was recorded, so does redis-py's.
pub(super) fn asks_for_script(span: &Span, message: &str) -> bool {
    /// Clients put their own words before an answer, but few.
    const WORDS_BEFORE: usize = 3;
    let says =
        |text: &str| text.split_whitespace().take(WORDS_BEFORE + 1).any(|word| word.trim_matches(':') == "NOSCRIPT");
    span.kind == SpanKind::Client
        && (says(message)
            || says(&span.status.message)
            || error_types(span).any(|error| error.rsplit('.').next() == Some("NoScriptError")))
}

/// The constraint that a statement broke, as its database names it: PostgreSQL (`constraint "name"`), SQLite
/// (`constraint failed: table.column`), MySQL (`for key 'name'`).
pub(super) fn constraint(message: &str) -> Option<&str> {
    let after = |words: &str| message.split_once(words).map(|(_, rest)| rest);
    let quoted = |words: &str, quote: char| after(words)?.split(quote).next();
    let name = quoted("constraint \"", '"')
        .or_else(|| after("constraint failed: ")?.lines().next())
        .or_else(|| quoted("for key '", '\''))?;
    name.get(..CONSTRAINT_BYTES_MAX).or(Some(name))
}

/// Whether a span is a call of a database.
pub(super) fn is_statement(span: &Span) -> bool {
    ["db.query.text", "db.system.name", "db.system"].iter().any(|key| span.attribute(key).is_some())
}

/// Whether a statement's database says one of these of its failure.
fn statement_failed_with(span: &Span, parts: &[&str]) -> bool {
    span.is_error() && is_statement(span) && words(span).any(|text| contains_any(text, parts))
}

/// Whether it ended by an exception that is no failure but how a program goes on or ends: exits, a command line that is
/// refused, cancellations, redirections, a client that leaves, a task that asks to be run later, a script that a cache
/// server asks to be sent (after which its client sends it).
pub(super) fn is_control_flow(exception_type: &str) -> bool {
    const NAMES: [&str; 28] = [
        "SystemExit",
        "KeyboardInterrupt",
        "GeneratorExit",
        "StopIteration",
        "StopAsyncIteration",
        "CancelledError",
        "AbortError",
        "Exit",
        "Abort",
        "ClickException",
        "UsageError",
        "BadParameter",
        "BadOptionUsage",
        "BadArgumentUsage",
        "MissingParameter",
        "NoSuchOption",
        "Retry",
        "Ignore",
        "Reject",
        "Redirect",
        "HTTPFound",
        "HTTPSeeOther",
        "HTTPMovedPermanently",
        "HTTPTemporaryRedirect",
        "ClientDisconnect",
        "ClientDisconnected",
        "WebSocketDisconnect",
        "ConnectionClosedOK",
    ];
    let name = exception_type.rsplit(['.', ':']).next().unwrap_or_default();
    NAMES.contains(&name)
}

/// Whether a request was refused because of what was asked (an HTTP status from 400 to 499): that is an answer, and the
/// fault of who asked.
pub(super) fn is_refused_input(span: &Span) -> bool {
    span.int("http.response.status_code").is_some_and(|status| (400..500).contains(&status))
}

fn is_of_type(span: &Span, types: &[&str]) -> bool {
    span.is_error() && error_types(span).any(|text| contains_any(text, types))
}

/// The types of its exceptions, and of the error that it ended with.
fn error_types(span: &Span) -> impl Iterator<Item = &str> {
    let exceptions = span.events.iter().filter(|event| event.name == "exception");
    let types = exceptions.filter_map(|event| attribute::find(&event.attributes, "exception.type")?.as_str());
    span.text("error.type").into_iter().chain(types)
}

/// What names the failure.
fn words(span: &Span) -> impl Iterator<Item = &str> {
    let exceptions = span.events.iter().filter(|event| event.name == "exception").flat_map(|event| {
        ["exception.type", "exception.message"]
            .into_iter()
            .filter_map(|key| attribute::find(&event.attributes, key)?.as_str())
    });
    span.text("error.type").into_iter().chain([span.status.message.as_str()]).chain(exceptions)
}

fn contains_any(text: &str, parts: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    parts.iter().any(|part| text.contains(part))
}
