//! What a pull needs of a server's API, and what it answers.

use kino_model::TraceId;

use super::http::Server;
use super::windows::Stretch;
use crate::failure::Failure;

/// One kind of server.
pub(super) trait Api {
    /// What it is, in messages.
    fn what(&self) -> &'static str;

    /// The shortest window that it can be asked for.
    fn grain_nanos(&self) -> i64;

    /// The longest window that it is asked for.
    fn width_nanos_max(&self) -> i64;

    /// The services to ask for, one after another; `None` means all of them at once.
    fn services(&mut self, server: &mut Server, named: &[String]) -> Result<Vec<Option<String>>, RequestFault>;

    /// Lists up to `limit` traces with spans in a window.
    fn search(
        &mut self,
        server: &mut Server,
        service: Option<&str>,
        window: Stretch,
        limit: u64,
    ) -> Result<Page, RequestFault>;

    /// Fetches a trace that a page listed without its spans; `None` where there is none.
    fn fetch(&mut self, server: &mut Server, id: TraceId, end_unix_nanos: i64) -> Result<Option<Trace>, RequestFault>;

    /// One body of several, as the engine reads it.
    fn join(&self, bodies: &[&[u8]]) -> Vec<u8>;
}

/// What one search answered.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) hits: Vec<Hit>,
    /// Traces in the answer, those that cannot be used among them.
    pub(super) listed: u64,
    /// What could not be used, by name, with an example.
    pub(super) issues: Vec<(&'static str, String)>,
}

/// A trace that was listed.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) id: TraceId,
    /// Whether it is in the window that was asked for.
    pub(super) is_inside: bool,
    /// Its last instant, as far as the list says.
    pub(super) end_unix_nanos: i64,
    /// The trace itself, where the list has it.
    pub(super) trace: Option<Trace>,
}

/// A whole trace.
#[derive(Debug)]
pub(super) struct Trace {
    /// The same for the same spans, in whatever order they come.
    pub(super) fingerprint: u64,
    pub(super) end_unix_nanos: i64,
    /// The services of its spans.
    pub(super) services: Vec<String>,
    /// Whether a span of it is of another trace.
    pub(super) has_other_ids: bool,
    /// What the server says of what it left out.
    pub(super) incomplete: Option<String>,
    /// As the API's `join` takes it.
    pub(super) body: Vec<u8>,
}

/// Why a request gave nothing.
#[derive(Debug)]
pub(super) enum RequestFault {
    /// The answer has more bytes than are read.
    TooLarge,
    /// The server refuses, for good.
    Status { status: u16, message: String },
    /// The answer is not what the API answers.
    Wrong(String),
    /// Nothing further can be asked.
    Failed(Failure),
}
