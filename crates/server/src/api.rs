//! Everything on the third port and on the socket: questions under `/api/v1/`, their schemas, imports and exports, MCP, health and
//! metrics. No pages for a browser: `/` says where to look instead.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use kino_engine::{Engine, offload_bytes};
use kino_mcp::{HttpBody, Malformed};
use kino_wire::admin::{Health, Liveness, Readiness};
use kino_wire::export::{DAMAGE_HEADER, ExportEncoding, ExportQuestion};
use kino_wire::{Access, Backend, Problem};
use serde_json::Value as Json;

use crate::exports::Exports;
use crate::guard::{self, Guard};
use crate::otlp::Otlp;
use crate::otlp::body::{self, Budget};
use crate::reply::{json, refuse, unauthorized};
use crate::{batch, metrics, revocation};

/// Bytes of a question's body. A run's two output streams and its diff travel in one, each at most the limit for
/// blobs, and a third longer as base64.
const QUESTION_BYTES_MAX: usize = 64 << 20;
/// Bytes of the question for an export, which is a few names and times.
const EXPORT_QUESTION_BYTES_MAX: usize = 64 << 10;

/// What an export over TCP is answered beside too many others.
const TOO_MANY_EXPORTS: &str =
    "too many exports are under way with this key, or with all keys together: read them first";

/// What the routes share.
#[derive(Clone, Debug)]
struct Api {
    engine: Engine,
    guard: Guard,
    budget: Budget,
    /// For files given to `import`: one as large as the limit fits while nothing else is imported.
    imports: Budget,
    exports: Exports,
}

/// MCP for those who may only read, and for those who may do everything.
#[derive(Clone)]
pub(crate) struct Mcp {
    pub(crate) reading: kino_mcp::HttpService,
    pub(crate) executing: kino_mcp::HttpService,
}

/// The routes, checks included, for a listener of this many connections.
pub(crate) fn routes(otlp: &Otlp, mcp: Mcp, connections_max: usize) -> Router {
    let imports = usize::try_from(otlp.engine.config().limits.import_bytes_max).unwrap_or(usize::MAX);
    let api = Api {
        engine: otlp.engine.clone(),
        guard: otlp.guard.clone(),
        budget: otlp.budget.clone(),
        imports: Budget::new(imports),
        exports: Exports::new(connections_max),
    };
    let mcp = Router::new().fallback(ask_over_mcp).with_state((api.clone(), mcp));
    Router::new()
        .route("/", get(front))
        .route("/api/v1/import", post(import))
        .route("/api/v1/export", post(export))
        .route("/api/v1/schema", get(schema))
        .route("/api/v1/{name}", post(ask))
        .route("/healthz", get(health))
        .route("/metrics", get(show_metrics))
        .nest_service("/mcp", mcp)
        .fallback(nothing_here)
        .with_state(api)
        .layer(middleware::from_fn_with_state(otlp.guard.clone(), revocation::end_on_revocation))
        .layer(middleware::from_fn_with_state(otlp.guard.clone(), guard::allow_own_pages))
}

async fn ask(State(api): State<Api>, Path(name): Path<String>, request: Request) -> Result<Response, Response> {
    // A name that is none is answered with those that there are, to those who may ask.
    // A key that opens any question at all also opens the list of them, which answers an unknown name.
    allow(&api, &request, Engine::contract_of(&name).map_or(Access::Read, |(access, _)| access))?;
    let reads_files = allow(&api, &request, Access::Admin);
    let question = read(request, QUESTION_BYTES_MAX, &api.budget).await?.0;
    let bytes = question.len();
    let read = move || if question.is_empty() { Ok(Json::Null) } else { serde_json::from_slice(&question) };
    let question = offload_bytes(bytes, read).await.map_err(|error| refuse(&Problem::internal(&error)))?;
    let question = question.map_err(|error| refuse(&Problem::invalid(format!("the body is not JSON: {error}"))))?;
    // The engine reads these files, which a key for questions alone does not allow.
    if question.get("worktree").is_some_and(|worktree| !worktree.is_null()) {
        reads_files?;
    }
    let answer = api.engine.ask_json(&name, question).await.map_err(|problem| refuse(&problem))?;
    written(answer).await
}

/// The contracts of all questions, which are no secret, for those who may ask any.
async fn schema(State(api): State<Api>, request: Request) -> Result<Response, Response> {
    allow(&api, &request, Access::Read)?;
    written(Engine::schema()).await
}

async fn import(State(api): State<Api>, request: Request) -> Result<Response, Response> {
    allow(&api, &request, Access::Ingest)?;
    let limit = usize::try_from(api.engine.config().limits.import_bytes_max).unwrap_or(usize::MAX);
    let (body, _reserved) = read(request, limit, &api.imports).await?;
    let answer = api.engine.import(body).await.map_err(|problem| refuse(&problem))?;
    Ok(json(StatusCode::OK, &answer))
}

async fn export(State(api): State<Api>, request: Request) -> Result<Response, Response> {
    allow(&api, &request, Access::Read)?;
    let caller = Guard::caller(request.headers(), request.extensions());
    let under_way = caller.map(|caller| api.exports.begin(caller));
    if matches!(under_way, Some(None)) {
        return Err(refuse(&Problem::busy(TOO_MANY_EXPORTS)));
    }
    let body = read(request, EXPORT_QUESTION_BYTES_MAX, &api.budget).await?.0;
    let question: ExportQuestion = serde_json::from_slice(&body)
        .map_err(|error| refuse(&Problem::invalid(format!("the question `export`: {error}"))))?;
    let content_type = match question.encoding {
        ExportEncoding::Json => "application/x-ndjson",
        ExportEncoding::Protobuf => "application/x-protobuf",
    };
    // What is found later breaks the export off.
    let damage = api.engine.damage();
    let messages = api.engine.export(question).await.map_err(|problem| refuse(&problem))?;
    let stream = messages.inspect(move |message| {
        // For as long as it is read.
        let _ = &under_way;
        if let Err(error) = message {
            // The status has long been sent: the broken stream is what the client sees.
            tracing::warn!(%error, "an export broke off");
        }
    });
    let content_type = HeaderValue::from_static(content_type);
    let mut response = ([(CONTENT_TYPE, content_type)], Body::from_stream(stream)).into_response();
    let damage = damage.and_then(|damage| HeaderValue::try_from(serde_json::to_string(&damage).ok()?).ok());
    if let Some(damage) = damage {
        response.headers_mut().insert(HeaderName::from_static(DAMAGE_HEADER), damage);
    }
    Ok(response)
}

/// Answers strangers with status and version alone, and callers that may read with the process and its addresses.
async fn health(State(api): State<Api>, request: Request) -> Response {
    let status = if api.engine.read_only().is_some() { Readiness::ReadOnly } else { Readiness::Ok };
    let version = api.engine.version().to_owned();
    if allow(&api, &request, Access::Read).is_err() {
        return json(StatusCode::OK, &Liveness { status, version });
    }
    let (pid, listeners) = (std::process::id(), api.engine.listeners());
    let started_unix_nanos = api.engine.started().0;
    json(StatusCode::OK, &Health { status, version, pid, listeners, started_unix_nanos })
}

async fn show_metrics(State(api): State<Api>, request: Request) -> Result<Response, Response> {
    allow(&api, &request, Access::Read)?;
    let text = metrics::text(&api.engine).await.map_err(|problem| refuse(&problem))?;
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(CONTENT_TYPE, content_type)], text).into_response())
}

/// The same tools for all, but only who may do everything has commands executed.
async fn ask_over_mcp(State((api, mcp)): State<(Api, Mcp)>, request: Request) -> Result<Response, Response> {
    allow(&api, &request, Access::Read)?;
    let service = if allow(&api, &request, Access::Admin).is_ok() { mcp.executing } else { mcp.reading };
    if request.method() != Method::POST {
        return Ok(batch::serve(service, request).await);
    }
    let (parts, body) = request.into_parts();
    // What is no message is refused in the protocol's own form.
    let refused = |status, malformed: Malformed| json(status, &malformed.answer(&Json::Null));
    let body = axum::body::to_bytes(body, kino_mcp::REQUEST_BYTES_MAX).await;
    let body = body.map_err(|_| refused(StatusCode::PAYLOAD_TOO_LARGE, Malformed::TooLong))?;
    match HttpBody::read(&body) {
        HttpBody::Malformed(malformed) => Err(refused(StatusCode::BAD_REQUEST, malformed)),
        HttpBody::Message => Ok(batch::serve(service, Request::from_parts(parts, Body::from(body))).await),
        HttpBody::Batch(messages) => Ok(batch::answer(&service, &parts, messages).await),
    }
}

/// What a browser finds that opens the address. It says nothing of what is recorded.
const FRONT: &str = "\
Kinescope records what programs do. This address answers programs and assistants; it has no pages.

In a terminal:
  kino watch                traces, findings and runs as they come
  kino find                 traces, newest first
  kino explain TRACE_ID     one of them as a waterfall, and where its time went
  kino diagnose             what is wrong now, causes first

For programs: POST /api/v1/NAME with JSON (GET /api/v1/schema has every question), /mcp, /healthz,
/metrics. All but /healthz take the header Authorization: Bearer KEY; `kino key new NAME` makes one.
";

/// Answers a browser that opens the address.
async fn front() -> Response {
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(CONTENT_TYPE, content_type)], FRONT).into_response()
}

async fn nothing_here() -> Response {
    let message = "there are POST /api/v1/NAME, GET /api/v1/schema, POST /api/v1/import, POST /api/v1/export, /mcp, /healthz and /metrics";
    refuse(&Problem::not_found(message, Vec::new()))
}

#[expect(clippy::result_large_err, reason = "the error is the answer itself, made once a request at most")]
fn allow(api: &Api, request: &Request, access: Access) -> Result<(), Response> {
    api.guard.allows(request.headers(), request.extensions(), access).map_err(unauthorized)
}

async fn read(request: Request, limit: usize, budget: &Budget) -> Result<(bytes::Bytes, body::Reservation), Response> {
    let (parts, body) = request.into_parts();
    body::read(&parts.headers, body, limit, budget).await.map_err(|error| match error {
        body::BodyError::Busy => refuse(&Problem::busy(error.to_string())),
        body::BodyError::TooLarge { .. } => json(StatusCode::PAYLOAD_TOO_LARGE, &Problem::invalid(error.to_string())),
        other => refuse(&Problem::invalid(other.to_string())),
    })
}

/// An answer, which may be large: it is written where that may take its time.
async fn written(answer: Json) -> Result<Response, Response> {
    let written = tokio::task::spawn_blocking(move || json(StatusCode::OK, &answer)).await;
    written.map_err(|error| refuse(&Problem::internal(&error)))
}
