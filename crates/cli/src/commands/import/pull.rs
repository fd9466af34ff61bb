//! `import --from`: pulls traces from another server, window by window, the newest first.
//!
//! ```text
//!  windows ─► search (one page) ─► fetch what is new ─► the engine ─► the record in the home
//!     ▲            │ full                                   answers first, then it is written
//!     └── halved ◄─┘
//! ```
//!
//! Neither API has a cursor, so a window of time whose page is full is asked for again in halves. What was done is written
//! down only once the engine has answered: a pull that is ended at any instant loses nothing, and the same command goes on.
//! What the server answers is hostile: bounded, looked through, and handed over only where it is what was asked for.

mod api;
mod http;
mod jaeger;
mod protobuf;
mod record;
mod tempo;
mod windows;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use kino_model::TraceId;
use kino_server::outgoing::ServerAddress;
use kino_wire::admin;
use serde::Serialize;

use self::api::{Api, Hit, Page, RequestFault, Trace};
use self::http::Server;
use self::jaeger::Jaeger;
use self::record::PullRecord;
use self::tempo::Tempo;
use self::windows::{Stretch, Walk};
use crate::app::{App, Outcome};
use crate::args::{Import, ImportFrom};
use crate::client::Client;
use crate::failure::{Failure, code};
use crate::{headers, output, progress, render};

/// Traces that one page asks for. Jaeger answers with whole traces, so that more make large answers.
const PAGE_TRACES: u64 = 100;
/// Traces that a page asks for where a window cannot be halved any more.
const PAGE_TRACES_MAX: u64 = 10_000;
/// Bytes of traces that are handed to the engine at one time.
const BATCH_BYTES: usize = 8 << 20;
/// Traces that are handed over at one time: fetched one by one, they are what a pull that is ended asks for again.
const BATCH_TRACES: usize = 32;
/// How long a trace may still be growing: programs send spans in batches, and collectors wait for whole traces. What is
/// younger is asked for again by the next pull.
const SETTLED: Duration = Duration::from_mins(5);
/// How long a pull may take; then it says how to go on.
const PULL_TIME_MAX: Duration = Duration::from_hours(1);
/// Windows that could not be had whole, after which something is wrong with the server.
const WINDOWS_LEFT_MAX: u64 = 3;
/// A window as short as this is refused for another reason than its length.
const HOUR_NANOS: i64 = 3_600_000_000_000;
/// Examples of issues.
const EXAMPLES_MAX: usize = 10;

/// `kino.pull.v1`.
#[derive(Default, Serialize)]
pub(crate) struct Pulled {
    schema: &'static str,
    /// `jaeger` or `tempo`.
    pub(crate) from: &'static str,
    pub(crate) url: String,
    /// The services that were asked for; none where no service is named to the server.
    pub(crate) services: Vec<String>,
    since_unix_nanos: i64,
    until_unix_nanos: i64,
    /// Traces imported by this pull.
    pub(crate) traces: u64,
    pub(crate) spans: u64,
    pub(crate) events: u64,
    pub(crate) links: u64,
    /// Traces that the server answered and that an earlier page or pull had imported as they are.
    pub(crate) known_traces: u64,
    pub(crate) requests: u64,
    /// Bytes that the server answered.
    pub(crate) bytes: u64,
    /// `complete`; or `trace_limit` or `time_limit`: the same command goes on.
    pub(crate) ended: &'static str,
    /// What was refused, mended or could not be had, by name.
    pub(crate) issues: BTreeMap<String, u64>,
    /// The first few, in words.
    pub(crate) issue_examples: Vec<String>,
}

/// Pulls what is asked for.
pub(super) fn run(app: &App, from: ImportFrom, arguments: &Import) -> Outcome {
    let [url] = arguments.paths.as_slice() else {
        return Err(Failure::new(code::WRONG, "--from takes one URL; pull from each server by itself"));
    };
    let address = http::address(&url.to_string_lossy())?;
    let headers = headers_of(app, &address)?;
    let range = range(app, arguments)?;
    let client = app.engine()?;
    let tenant =
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(tempo::TENANT)).map(|(_, value)| value.as_str());
    let record = PullRecord::open(&app.settings.home, from.name(), &address.to_string(), tenant, arguments.again)?;
    let api: Box<dyn Api> = match from {
        ImportFrom::Jaeger => Box::new(Jaeger::default()),
        ImportFrom::Tempo => Box::new(Tempo::default()),
    };
    let mut pull = Pull {
        app,
        client,
        server: Server::new(address, headers, Arc::clone(&app.clock)),
        api,
        record,
        bar: progress::spinner(format!("importing from {}", from.name())),
        began_nanos: app.clock.monotonic_nanos(),
        limit: arguments.limit,
        windows_left: 0,
        pulled: Pulled {
            schema: "kino.pull.v1",
            from: from.name(),
            since_unix_nanos: range.start,
            until_unix_nanos: range.end,
            ended: "complete",
            ..Pulled::default()
        },
    };
    let ended = pull.all(&arguments.services, range);
    pull.bar.finish_and_clear();
    let Pull { mut pulled, server, .. } = pull;
    (pulled.url, pulled.requests, pulled.bytes) = (server.address.to_string(), server.requests, server.bytes);
    if let Err(failure) = ended {
        let so_far = render::counted(pulled.traces, "trace");
        let message = format!("{failure}\n  {so_far} imported; the same command goes on from there");
        return Err(Failure { message: if pulled.traces > 0 { message } else { failure.message }, ..failure });
    }
    let is_whole = pulled.issues.keys().all(|name| !LEFT_OUT.contains(&name.as_str()));
    app.output.answer(&pulled, |style| render::pull::text(&pulled, style))?;
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(code::FAILED) })
}

/// Issues by which a pull is not whole although it went through.
const LEFT_OUT: &[&str] = &["answer_too_large", "window_full"];

/// The window of time that is asked for, in Unix nanoseconds.
fn range(app: &App, arguments: &Import) -> Result<Stretch, Failure> {
    let now = app.now();
    let start = arguments.since.unix_nanos(now);
    let end = arguments.until.map_or(now.0, |until| until.unix_nanos(now));
    if start >= end || start < 0 {
        return Err(Failure::new(code::WRONG, "--since must be before --until, and neither before 1970"));
    }
    Ok(Stretch { start, end })
}

/// What `config.toml` says for this server, then what the environment says.
fn headers_of(app: &App, address: &ServerAddress) -> Result<Vec<(String, String)>, Failure> {
    let mut all: Vec<(String, String)> = Vec::new();
    for source in &app.settings.engine.sources {
        let of = http::address(&source.url)
            .map_err(|failure| Failure { message: format!("sources in config.toml: {failure}"), ..failure })?;
        if address.is_within(&of) {
            all.extend(source.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
    }
    if let Some(text) = &app.settings.pull_headers {
        let more = headers::parse(text)
            .map_err(|why| Failure::new(code::WRONG, format!("KINO_PULL_HEADERS cannot be read: {why}")))?;
        all.retain(|(name, _)| !more.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
        all.extend(more);
    }
    if all.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) && !address.is_this_machine() {
        output::note(
            "kino: the credentials cross the network unencrypted: http:// is meant for this machine and its tunnels",
        );
    }
    Ok(all)
}

/// A pull under way.
struct Pull<'a> {
    app: &'a App,
    client: Client,
    server: Server,
    api: Box<dyn Api>,
    record: PullRecord,
    bar: ProgressBar,
    began_nanos: u64,
    limit: u64,
    windows_left: u64,
    pulled: Pulled,
}

impl Pull<'_> {
    fn all(&mut self, named: &[String], range: Stretch) -> Result<(), Failure> {
        let services = self.api.services(&mut self.server, named).map_err(|fault| self.failed(fault))?;
        self.pulled.services = services.iter().flatten().cloned().collect();
        let range = range.rounded(self.api.grain_nanos());
        for service in &services {
            let name = service.as_deref();
            for gap in self.record.gaps(name, range) {
                let mut walk = Walk::new(gap, self.api.grain_nanos(), self.api.width_nanos_max());
                while let Some(window) = walk.next() {
                    if let Some(ended) = self.limit_reached() {
                        self.pulled.ended = ended;
                        return Ok(());
                    }
                    self.show(name, window);
                    self.window(name, window, &mut walk)?;
                }
            }
        }
        Ok(())
    }

    /// Why the pull ends before it is complete, if it does.
    fn limit_reached(&self) -> Option<&'static str> {
        let taken = self.app.clock.monotonic_nanos().saturating_sub(self.began_nanos);
        match () {
            () if self.pulled.traces >= self.limit => Some("trace_limit"),
            () if u128::from(taken) > PULL_TIME_MAX.as_nanos() => Some("time_limit"),
            () => None,
        }
    }

    fn show(&self, service: Option<&str>, window: Stretch) {
        let (traces, spans) =
            (render::counted(self.pulled.traces, "trace"), render::counted(self.pulled.spans, "span"));
        let of = service.map(|service| format!(" of {}", render::clean(service))).unwrap_or_default();
        let at = kino_text::time::show(window.end, &kino_text::time::zone());
        self.bar.set_message(format!("{traces}, {spans}; at {at}{of}"));
    }

    /// Asks for one window, and moves the walk on: past it, or to a half of it.
    fn window(&mut self, service: Option<&str>, window: Stretch, walk: &mut Walk) -> Result<(), Failure> {
        let asked_unix_nanos = self.app.now().0;
        let mut limit = PAGE_TRACES;
        loop {
            let page = match self.api.search(&mut self.server, service, window, limit) {
                Ok(page) => page,
                Err(RequestFault::TooLarge) if walk.halve() => {
                    // Each such answer is read up to its limit, so that the next window is a sixteenth.
                    for _ in 0..3 {
                        walk.halve();
                    }
                    return Ok(());
                }
                // The server limits how long a window is.
                Err(RequestFault::Status { status: 400, .. })
                    if window.end - window.start > HOUR_NANOS && walk.halve() =>
                {
                    return Ok(());
                }
                Err(RequestFault::TooLarge) => {
                    self.issue("answer_too_large", || "one window's answer is beyond what is read".to_owned());
                    return self.leave(walk);
                }
                Err(fault) => return Err(self.failed(fault)),
            };
            let is_full = page.listed == limit;
            if is_full && !page.hits.iter().any(|hit| hit.is_inside) {
                let message = format!("{} answers with traces of other times than asked", self.server.address);
                return Err(Failure::new(code::FAILED, format!("{message}: is it {}?", self.api.what())));
            }
            if is_full && walk.halve() {
                return Ok(());
            }
            if is_full && limit < PAGE_TRACES_MAX {
                limit *= 10;
                continue;
            }
            let listed = page.listed;
            let whole = self.take(service, page)?;
            if !whole {
                return Ok(());
            }
            if is_full {
                self.issue("window_full", || format!("more than {limit} traces within the shortest window"));
                return self.leave(walk);
            }
            let settled = asked_unix_nanos.saturating_sub(i64::try_from(SETTLED.as_nanos()).unwrap_or(i64::MAX));
            self.record.done(service, Stretch { end: window.end.min(settled), ..window })?;
            walk.advance(listed.saturating_mul(4) < PAGE_TRACES);
            return Ok(());
        }
    }

    /// Passes a window over that cannot be had whole.
    fn leave(&mut self, walk: &mut Walk) -> Result<(), Failure> {
        self.windows_left += 1;
        if self.windows_left > WINDOWS_LEFT_MAX {
            return Err(Failure::new(
                code::FAILED,
                format!(
                    "{} answers with too much, however short the window: is it {}?",
                    self.server.address,
                    self.api.what()
                ),
            ));
        }
        walk.advance(false);
        Ok(())
    }

    /// Fetches and hands over what is new of a page. Returns whether that was all of it, or the limit was reached.
    fn take(&mut self, service: Option<&str>, page: Page) -> Result<bool, Failure> {
        for (name, example) in page.issues {
            self.issue(name, || example);
        }
        let mut batch: Vec<(TraceId, Trace)> = Vec::new();
        let mut whole = true;
        for hit in page.hits {
            if self.pulled.traces + batch.len() as u64 >= self.limit {
                whole = false;
                break;
            }
            let known = self.record.known(hit.id);
            if hit.trace.is_none() && known.is_some_and(|known| known.is_settled) {
                self.pulled.known_traces += 1;
                continue;
            }
            let id = hit.id;
            let Some(trace) = self.trace(service, hit)? else { continue };
            if known.is_some_and(|known| known.fingerprint == trace.fingerprint) {
                self.pulled.known_traces += 1;
                continue;
            }
            batch.push((id, trace));
            let bytes: usize = batch.iter().map(|(_, trace)| trace.body.len()).sum();
            if bytes >= BATCH_BYTES || batch.len() >= BATCH_TRACES {
                self.hand_over(std::mem::take(&mut batch))?;
            }
        }
        self.hand_over(batch)?;
        Ok(whole)
    }

    /// The trace of a hit, fetched where the page does not have it; `None` where it is not what was asked for.
    fn trace(&mut self, service: Option<&str>, hit: Hit) -> Result<Option<Trace>, Failure> {
        let id = hit.id;
        let trace = match hit.trace {
            Some(trace) => trace,
            None => match self.api.fetch(&mut self.server, id, hit.end_unix_nanos) {
                Ok(Some(trace)) => trace,
                Ok(None) => {
                    self.issue("trace_not_found", || format!("{id}: it was listed, and is not there"));
                    return Ok(None);
                }
                Err(RequestFault::TooLarge) => {
                    self.issue("answer_too_large", || format!("{id}: the trace is beyond what is read"));
                    return Ok(None);
                }
                Err(RequestFault::Wrong(why)) => {
                    self.issue("undecodable_trace", || format!("{id}: {why}"));
                    return Ok(None);
                }
                Err(fault) => return Err(self.failed(fault)),
            },
        };
        if let Some(note) = trace.incomplete.clone() {
            self.issue("partial_trace", || format!("{id}: {note}"));
        }
        if trace.has_other_ids {
            self.issue("wrong_trace_id", || format!("{id}: its spans are of another trace"));
            return Ok(None);
        }
        if service.is_some_and(|service| !trace.services.iter().any(|other| other == service)) {
            self.issue("other_service", || format!("{id}: it has no span of the service that was asked for"));
            return Ok(None);
        }
        Ok(Some(trace))
    }

    /// Hands traces to the engine, and writes down that it has them. Where it refuses them together, each half by itself:
    /// one that cannot be decoded costs the others nothing.
    fn hand_over(&mut self, mut batch: Vec<(TraceId, Trace)>) -> Result<(), Failure> {
        if batch.is_empty() {
            return Ok(());
        }
        let bodies = batch.iter().map(|(_, trace)| trace.body.as_slice()).collect::<Vec<_>>();
        let body = Arc::new(self.api.join(&bodies));
        match super::import(&self.client, &body) {
            Ok(answer) => {
                self.pulled.traces += batch.len() as u64;
                self.add(answer);
            }
            Err(failure) if failure.code == code::WRONG && batch.len() > 1 => {
                let rest = batch.split_off(batch.len() / 2);
                self.hand_over(batch)?;
                return self.hand_over(rest);
            }
            Err(failure) if failure.code == code::WRONG => {
                let id = batch[0].0;
                self.issue("undecodable_trace", || format!("{id}: {failure}"));
            }
            Err(failure) => return Err(failure),
        }
        let imported: Vec<_> =
            batch.iter().map(|(id, trace)| (*id, trace.fingerprint, self.is_settled(trace))).collect();
        self.record.imported(imported.into_iter())
    }

    fn is_settled(&self, trace: &Trace) -> bool {
        let since = self.app.now().0.saturating_sub(trace.end_unix_nanos);
        u128::try_from(since).is_ok_and(|since| since > SETTLED.as_nanos())
    }

    fn add(&mut self, answer: admin::Import) {
        self.pulled.spans += answer.spans;
        self.pulled.events += answer.events;
        self.pulled.links += answer.links;
        for (name, count) in answer.issues {
            *self.pulled.issues.entry(name).or_default() += count;
        }
        let room = EXAMPLES_MAX.saturating_sub(self.pulled.issue_examples.len());
        self.pulled.issue_examples.extend(answer.issue_examples.into_iter().take(room));
    }

    fn issue(&mut self, name: &str, example: impl FnOnce() -> String) {
        *self.pulled.issues.entry(name.to_owned()).or_default() += 1;
        if self.pulled.issue_examples.len() < EXAMPLES_MAX {
            self.pulled.issue_examples.push(example());
        }
    }

    fn failed(&self, fault: RequestFault) -> Failure {
        let (address, what) = (&self.server.address, self.api.what());
        match fault {
            RequestFault::Failed(failure) => failure,
            RequestFault::TooLarge => {
                Failure::new(code::FAILED, format!("{address} answers with too much: is it {what}?"))
            }
            RequestFault::Wrong(why) => {
                Failure::new(code::FAILED, format!("{address} does not answer as {what} does: {why}"))
            }
            RequestFault::Status { status: 404, .. } => Failure::new(
                code::FAILED,
                format!(
                    "{address} has nothing at the API's path (404): {what} is expected there; a path before /api belongs to the URL"
                ),
            ),
            RequestFault::Status { status, message } => {
                Failure::new(code::FAILED, format!("{address} refuses with status {status}: {message}"))
            }
        }
    }
}
