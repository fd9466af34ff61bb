//! Calls: what a span asks of something else, with its data taken out, so that repeats are recognised.

use std::rc::Rc;

use foldhash::HashMap;
use kino_model::{Span, SpanKind};

use super::facts::Facts;
use super::held_by::is_named_wait;
use crate::fingerprint::shape;
use crate::statement::{is_bound, normalise, url_template};

/// Where the ports begin that systems hand out by themselves (Linux's usual range; others begin later).
const EPHEMERAL_PORT_MIN: u16 = 32_768;

/// A shorter pause between calls, in nanoseconds, is the program's own work rather than a wait: statements of an embedded
/// database take less than what a program does with their rows.
pub(super) const SILENCE_NANOS_MIN: f64 = 1e7;

/// What kind of thing is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum CallKind {
    Database,
    Http,
    Rpc,
    Model,
    Other,
}

/// A call as a span records it.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(super) kind: CallKind,
    /// Equal for calls that differ in data alone.
    pub(crate) key: Rc<str>,
    /// The call with its data, where all of the data was recorded.
    pub(super) whole: Option<&'a str>,
    /// Whether it changes nothing.
    pub(super) reads: bool,
    /// Whether it is a batch already, or defines tables: neither is made for an item of a list.
    pub(super) batch: bool,
    /// Whether it fetches one page of many, each of which may need what the last one said.
    pub(super) page: bool,
}

impl Call<'_> {
    fn new(kind: CallKind, key: Rc<str>) -> Self {
        Self { kind, key, whole: None, reads: false, batch: false, page: false }
    }
}

/// What is remembered of a statement's text.
struct Statement {
    /// Without its data.
    key: Rc<str>,
    /// Whether it has placeholders for values.
    is_bound: bool,
    is_bracket: bool,
}

/// Reads calls; remembers normalised texts, since the same ones come again and again.
#[derive(Default)]
pub(crate) struct Calls<'a> {
    statements: HashMap<&'a str, Statement>,
    urls: HashMap<(&'a str, &'a str), Rc<str>>,
    /// By name; `None` of names that are no calls.
    names: HashMap<&'a str, Option<Rc<str>>>,
}

impl<'a> Calls<'a> {
    /// The call that this span is; `None` for spans that call nothing and for calls that say nothing: health checks,
    /// transaction brackets, `SELECT 1`.
    pub(crate) fn of(&mut self, span: &'a Span) -> Option<Call<'a>> {
        if span.kind == SpanKind::Server || span.kind == SpanKind::Consumer {
            return None;
        }
        if let Some(statement) = span.text("db.query.text") {
            return self.database(span, statement);
        }
        if is_model(span) {
            let key = Rc::from(span.name.as_str());
            return Some(Call { whole: model_input(span), reads: true, ..Call::new(CallKind::Model, key) });
        }
        if let Some(method) = span.text("http.request.method").filter(|_| !is_served(span)) {
            return self.http(span, method).map(|call| Call { kind: kind_of_request(span), ..call });
        }
        if let (Some(service), Some(method)) = (span.text("rpc.service"), span.text("rpc.method")) {
            let key = Rc::from(format!("{service}/{method}"));
            return Some(Call::new(CallKind::Rpc, key));
        }
        if span.kind != SpanKind::Client {
            return None;
        }
        // Taking a connection or a lock is a part of what it is taken for, and what a loader collects is one batch.
        let named = |name: &str| (!is_named_wait(name) && !is_collected(name)).then(|| Rc::from(shape(name)));
        let key = self.names.entry(&span.name).or_insert_with(|| named(&span.name)).clone()?;
        Some(Call::new(CallKind::Other, key))
    }

    /// The calls of an execution with their spans, in the order of the tree: each unless the span above it is the same
    /// one, since what asks through a library is often recorded by both, and a proxy asks what it was asked.
    pub(super) fn outermost(&mut self, facts: &Facts<'_, 'a>) -> Vec<(usize, Call<'a>)> {
        let calls: Vec<Option<Call<'a>>> = facts.indices().map(|index| self.of(facts.span(index))).collect();
        let parent = |index: usize| facts.tree.parent(index).filter(|_| index != facts.execution.entry);
        let served = |above: usize| facts.span(above).kind == SpanKind::Server;
        let is_same = |index: usize, call: &Call<'_>| {
            let above = parent(index).and_then(|above| if served(above) { parent(above) } else { Some(above) });
            let above = above.and_then(|above| calls[facts.position(above)].as_ref());
            above.is_some_and(|above| (above.kind, &above.key) == (call.kind, &call.key))
        };
        let called = facts.indices().zip(&calls).skip(1).filter_map(|(index, call)| Some((index, call.clone()?)));
        called.filter(|(index, call)| !is_same(*index, call)).collect()
    }

    fn database(&mut self, span: &'a Span, statement: &'a str) -> Option<Call<'a>> {
        let Statement { key, is_bound, is_bracket } = self.statements.entry(statement).or_insert_with(|| {
            let key: Rc<str> = Rc::from(normalise(statement));
            Statement { is_bound: is_bound(statement), is_bracket: is_bracket(&key), key }
        });
        if *is_bracket {
            return None;
        }
        let (key, is_bound) = (Rc::clone(key), *is_bound);
        let batch = span.int("db.operation.batch.size").is_some_and(|size| size > 1)
            || statement.contains("),(")
            || statement.contains("), (");
        let word = key.split([' ', '(']).next().unwrap_or_default();
        let defines = ["create", "alter", "drop"].iter().any(|define| word.eq_ignore_ascii_case(define));
        let reads = ["select", "get", "mget", "hget", "hgetall", "exists", "find", "with"]
            .iter()
            .any(|read| word.eq_ignore_ascii_case(read));
        let whole = (!is_bound && !is_volatile(&key)).then_some(statement);
        let page = is_page_of_rows(&key);
        Some(Call { whole, reads, batch: batch || defines, page, ..Call::new(CallKind::Database, key) })
    }

    fn http(&mut self, span: &'a Span, method: &'a str) -> Option<Call<'a>> {
        let url = span.text("url.full").or_else(|| span.text("url.path")).or_else(|| span.text("http.target"))?;
        let key = self.urls.entry((method, url)).or_insert_with(|| {
            let host = span.text("server.address").or_else(|| url.split("://").nth(1)?.split('/').next()).unwrap_or("");
            let host = without_ephemeral_port(host);
            let path = span.text("http.route").map_or_else(|| url_template(url), str::to_owned);
            Rc::from(format!("{method} {host}{path}"))
        });
        let path = key.split('?').next().unwrap_or_default().trim_end_matches('/');
        let is_health = ["/health", "/healthz", "/livez", "/readyz", "/ready", "/ping", "/metrics", "/status"]
            .iter()
            .any(|end| path.ends_with(end));
        let reads = matches!(method, "GET" | "HEAD");
        let whole = reads.then_some(url);
        let page = is_page_of_url(url);
        (!is_health).then(|| Call { whole, reads, page, ..Call::new(CallKind::Http, Rc::clone(key)) })
    }
}

/// A request that asks a language model over the usual interfaces is one, though nothing else says so.
fn kind_of_request(span: &Span) -> CallKind {
    const ENDS: [&str; 5] =
        ["/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", ":generateContent"];
    let url = span.text("url.full").or_else(|| span.text("url.path")).unwrap_or_default();
    let path = url.split('?').next().unwrap_or_default();
    if ENDS.iter().any(|end| path.ends_with(end)) { CallKind::Model } else { CallKind::Http }
}

/// Whether the span is a request as its server sees it, though of another kind: frameworks mark requests as internal that
/// a test makes within the process.
fn is_served(span: &Span) -> bool {
    span.kind != SpanKind::Client && (span.text("http.route").is_some() || span.text("url.full").is_none())
}

/// The host, less a port that the operating system chose: the next process has another.
fn without_ephemeral_port(host: &str) -> &str {
    let port = |port: &str| port.parse::<u16>().is_ok_and(|port| port >= EPHEMERAL_PORT_MIN);
    host.rsplit_once(':').filter(|(_, digits)| port(digits)).map_or(host, |(name, _)| name)
}

/// Whether the span asks a language model.
pub(super) fn is_model(span: &Span) -> bool {
    // Few spans have these, so that they are asked for first.
    let has_model = span.text("gen_ai.request.model").is_some() || span.int("gen_ai.usage.input_tokens").is_some();
    let is_tool = || {
        let operation = span.text("gen_ai.operation.name");
        operation.is_some_and(|name| {
            ["execute_tool", "tool", "invoke_agent", "agent", "chain", "workflow", "task"]
                .iter()
                .any(|other| name.eq_ignore_ascii_case(other))
        })
    };
    has_model && !is_tool()
}

/// Whether it is a request over HTTP to a model, by the usual addresses of such interfaces: not every client of a model
/// is instrumented.
pub(super) fn is_model_request(span: &Span) -> bool {
    const ENDS: [&str; 9] = [
        "/api/chat",
        "/api/generate",
        "/chat/completions",
        "/embeddings",
        "/v1/completions",
        "/v1/messages",
        "/v1/responses",
        ":generateContent",
        ":streamGenerateContent",
    ];
    let address = span.text("url.full").or_else(|| span.text("url.path")).or_else(|| span.text("http.target"));
    let path = address.and_then(|address| address.split(['?', '#']).next()).unwrap_or_default();
    span.text("http.request.method") == Some("POST") && ENDS.iter().any(|end| path.ends_with(end))
}

/// What a model was sent, where it was recorded.
pub(super) fn model_input(span: &Span) -> Option<&str> {
    ["gen_ai.input.messages", "gen_ai.prompt", "input.value", "gen_ai.prompt.0.content"]
        .iter()
        .find_map(|key| span.text(key))
}

/// Whom the span calls, where that was recorded: the host, its port, the database.
pub(super) fn peer(span: &Span) -> Option<(&str, Option<i64>, Option<&str>)> {
    let host = span.text("server.address").or_else(|| span.text("net.peer.name"))?;
    let port = span.int("server.port").or_else(|| span.int("net.peer.port"));
    Some((host, port, span.text("db.namespace")))
}

/// The most levels between a call and the request that it makes.
const WITHIN_CALL_MAX: usize = 4;

/// The call that a span is part of, the uppermost: what asks a language model or a database through an HTTP client is
/// recorded by both. The span itself where it is no call, or no other one makes it.
pub(super) fn whole_call(facts: &Facts<'_, '_>, index: usize) -> usize {
    let mut call = index;
    if !asks(facts.span(index)) {
        return call;
    }
    let mut above = index;
    for _ in 0..WITHIN_CALL_MAX {
        let Some(parent) = facts.tree.parent(above).filter(|_| above != facts.execution.entry) else { break };
        let (span, below) = (facts.span(parent), facts.span(above));
        let is_elsewhere = span.service() != below.service()
            || matches!(span.kind, SpanKind::Server | SpanKind::Consumer)
            || matches!(below.kind, SpanKind::Server | SpanKind::Consumer);
        if is_elsewhere || parent == facts.execution.entry {
            break;
        }
        if asks(span) {
            call = parent;
        }
        above = parent;
    }
    call
}

/// Whether the span asks something outside its process; agents and chains ask nothing themselves, though they are marked
/// so.
fn asks(span: &Span) -> bool {
    (span.kind == SpanKind::Client && span.attribute("gen_ai.operation.name").is_none()) || is_model(span)
}

/// Whether the span waits for something outside its process.
pub(super) fn waits(span: &Span) -> bool {
    span.kind == SpanKind::Client || is_model(span)
}

/// Whether a URL asks for one page of many.
pub(super) fn is_page_of_url(url: &str) -> bool {
    const KEYS: [&str; 10] =
        ["page", "cursor", "offset", "after", "start", "skip", "page_token", "pagetoken", "continuation", "next"];
    let parameters = url.split_once('?').map_or("", |(_, query)| query).split('&');
    parameters
        .filter_map(|parameter| parameter.split_once('='))
        .any(|(key, _)| KEYS.iter().any(|page| key.eq_ignore_ascii_case(page)))
}

/// Whether a normalised statement reads one page of many: by offset, or on from the last row's key. Without an order, rows of
/// one value have no pages: ORMs (Peewee, SQLAlchemy) ask for a single row so.
fn is_page_of_rows(normalised: &str) -> bool {
    let text = normalised.to_ascii_lowercase();
    let is_single =
        !text.contains("order by") && text.rsplit_once(" where ").is_some_and(|(_, rest)| rest.contains("= ?"));
    (text.contains(" offset ?") && !is_single)
        || (text.contains("order by") && text.contains("limit ?") && (text.contains("> ?") || text.contains("< ?")))
}

/// Whether a statement's answer differs each time by nature.
fn is_volatile(normalised: &str) -> bool {
    const FUNCTIONS: [&str; 12] = [
        "nextval(",
        "random(",
        "rand(",
        "uuid",
        "now(",
        "clock_timestamp(",
        "current_timestamp",
        "sysdate",
        "last_insert",
        "changes(",
        "for update",
        "pg_try_advisory",
    ];
    let text = normalised.to_ascii_lowercase();
    FUNCTIONS.iter().any(|function| text.contains(function))
}

/// How a statement begins that reads no table and only quotes what it is given.
const QUOTING: &str = "select quote(?)";

/// Whether a statement's time is the disk's, which no change of the statement saves: ends of transactions, new rows,
/// definitions and upkeep of tables; in SQLite each change.
pub(super) fn is_for_disk(span: &Span, statement: &str) -> bool {
    const WORDS: [&str; 8] = ["insert", "create", "alter", "drop", "vacuum", "analyze", "reindex", "optimize"];
    const CHANGES: [&str; 3] = ["update", "delete", "replace"];
    let normalised = normalise(statement);
    let word = normalised.split([' ', '(']).next().unwrap_or_default();
    let is_one = |words: &[&str]| words.iter().any(|for_disk| word.eq_ignore_ascii_case(for_disk));
    let is_sqlite = || ["db.system.name", "db.system"].iter().any(|key| span.text(key) == Some("sqlite"));
    is_bracket(&normalised) || is_one(&WORDS) || (is_one(&CHANGES) && is_sqlite())
}

/// Whether a span waits for work or for news to come, as a worker does at its queue, for as long as there is none; or takes
/// the next piece of work from a table, past those that other workers have.
pub(super) fn waits_for_work(span: &Span) -> bool {
    const BLOCKING: [&str; 12] = [
        "blpop",
        "brpop",
        "brpoplpush",
        "blmove",
        "blmpop",
        "bzpopmin",
        "bzpopmax",
        "xread",
        "xreadgroup",
        "subscribe",
        "psubscribe",
        "listen",
    ];
    const RECEIVING: [&str; 4] = ["receive", "poll", "consume", "subscribe"];
    let is_one = |words: &[&str], text: &str| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let statement = span.text("db.query.text").or_else(|| span.text("db.operation.name"));
    let command = statement.and_then(|statement| statement.split_whitespace().next());
    let message = span.text("messaging.operation.type").or_else(|| span.text("messaging.operation"));
    command.is_some_and(|command| is_one(&BLOCKING, command))
        || message.is_some_and(|it| is_one(&RECEIVING, it))
        || statement.is_some_and(|statement| ["SKIP LOCKED", "skip locked"].iter().any(|it| statement.contains(it)))
}

/// Whether a span of this name asks a loader, which answers all that is asked at a time by one batch.
fn is_collected(name: &str) -> bool {
    ["dataloader.load", "dataloader.loadMany", "dataloader.prime"].contains(&name)
}

fn is_bracket(normalised: &str) -> bool {
    // What tables there are, which libraries ask before they begin.
    const CATALOGUES: [&str; 6] =
        ["sqlite_master", "sqlite_schema", "information_schema", "pg_catalog", "pg_class", "pg_type"];
    const WORDS: [&str; 13] = [
        "begin",
        "commit",
        "rollback",
        "savepoint",
        "release",
        "set",
        "show",
        "pragma",
        "start",
        "ping",
        "use",
        "connect",
        "deallocate",
    ];
    let word = normalised.split([' ', '(']).next().unwrap_or_default();
    let lower = normalised.to_ascii_lowercase();
    let asks_for_tables = CATALOGUES.iter().any(|catalogue| lower.contains(catalogue));
    // Asks the database to write parameters out for a log, as ORMs do while they are being debugged.
    let is_quoting = normalised.get(..QUOTING.len()).is_some_and(|start| start.eq_ignore_ascii_case(QUOTING));
    WORDS.iter().any(|bracket| word.eq_ignore_ascii_case(bracket))
        || normalised.eq_ignore_ascii_case("select ?")
        || is_quoting
        || asks_for_tables
}
