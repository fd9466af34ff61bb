//! Everything on the third port: questions under `/api/v1/`, imports and exports, MCP, health and metrics.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use kino_engine::{Engine, on_bytes};
use kino_wire::admin::Health;
use kino_wire::export::{DAMAGE_HEADER, ExportEncoding, ExportQuestion};
use kino_wire::{Backend, Problem, ProblemKind};
use serde::Serialize;
use serde_json::Value as Json;

use crate::guard::{self, Guard, Scope};
use crate::metrics;
use crate::otlp::Otlp;
use crate::otlp::body::{self, Budget};

/// Bytes of a question's body. A run's two output streams and its diff travel in one, each at most the limit for
/// blobs, and a third longer as base64.
const QUESTION_BYTES_MAX: usize = 64 << 20;
/// Bytes of the question for an export, which is a few names and times.
const EXPORT_QUESTION_BYTES_MAX: usize = 64 << 10;

/// What the routes share.
#[derive(Clone, Debug)]
struct Api {
    engine: Engine,
    guard: Guard,
    budget: Budget,
    /// For files given to `import`: one as large as the limit fits while nothing else is imported.
    imports: Budget,
}

/// The routes, checks included.
pub(crate) fn routes(otlp: &Otlp, mcp: kino_mcp::HttpService) -> Router {
    let imports = usize::try_from(otlp.engine.config().limits.import_bytes_max).unwrap_or(usize::MAX);
    let api = Api {
        engine: otlp.engine.clone(),
        guard: otlp.guard.clone(),
        budget: otlp.budget.clone(),
        imports: Budget::new(imports),
    };
    let mcp = Router::new().fallback_service(mcp).layer(middleware::from_fn_with_state(api.clone(), key_to_read));
    Router::new()
        .route("/api/v1/import", post(import))
        .route("/api/v1/export", post(export))
        .route("/api/v1/{name}", post(ask))
        .route("/healthz", get(health))
        .route("/metrics", get(own_figures))
        .nest_service("/mcp", mcp)
        .fallback(nothing_here)
        .with_state(api)
        .layer(middleware::from_fn_with_state(otlp.guard.clone(), guard::host_and_origin))
}

async fn ask(State(api): State<Api>, Path(name): Path<String>, request: Request) -> Result<Response, Response> {
    allow(&api, request.headers(), scope_of(&name))?;
    let question = read(request, QUESTION_BYTES_MAX, &api.budget).await?.0;
    let bytes = question.len();
    let read = move || if question.is_empty() { Ok(Json::Null) } else { serde_json::from_slice(&question) };
    let question = on_bytes(bytes, read).await.map_err(|error| refuse(&Problem::internal(&error)))?;
    let question = question.map_err(|error| refuse(&Problem::invalid(format!("the body is not JSON: {error}"))))?;
    let answer = api.engine.ask_json(&name, question).await.map_err(|problem| refuse(&problem))?;
    written(answer).await
}

async fn import(State(api): State<Api>, request: Request) -> Result<Response, Response> {
    allow(&api, request.headers(), Scope::Ingest)?;
    let limit = usize::try_from(api.engine.config().limits.import_bytes_max).unwrap_or(usize::MAX);
    let (body, _held) = read(request, limit, &api.imports).await?;
    let answer = api.engine.import(body).await.map_err(|problem| refuse(&problem))?;
    Ok(json(StatusCode::OK, &answer))
}

async fn export(State(api): State<Api>, request: Request) -> Result<Response, Response> {
    allow(&api, request.headers(), Scope::Read)?;
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
    let stream = messages.inspect(|message| {
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

async fn health(State(api): State<Api>) -> Response {
    let read_only = api.engine.read_only().is_some();
    let health = Health {
        status: if read_only { "read_only" } else { "ok" }.to_owned(),
        version: api.engine.version().to_owned(),
        pid: std::process::id(),
        listeners: api.engine.listeners(),
    };
    json(StatusCode::OK, &health)
}

async fn own_figures(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Response> {
    allow(&api, &headers, Scope::Read)?;
    let text = metrics::text(&api.engine).await.map_err(|problem| refuse(&problem))?;
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    Ok(([(CONTENT_TYPE, content_type)], text).into_response())
}

async fn key_to_read(State(api): State<Api>, request: Request, next: middleware::Next) -> Response {
    match allow(&api, request.headers(), Scope::Read) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal,
    }
}

async fn nothing_here() -> Response {
    let message = "there are POST /api/v1/NAME, POST /api/v1/import, POST /api/v1/export, /mcp, /healthz and /metrics";
    refuse(&Problem::not_found(message, Vec::new()))
}

/// What a question changes decides what its asker must be allowed.
fn scope_of(name: &str) -> Scope {
    match name {
        "forget" | "stop" => Scope::Admin,
        "run_start" | "run_finish" | "verify_start" | "verify_progress" | "verify_finish" => Scope::Ingest,
        _ => Scope::Read,
    }
}

#[expect(clippy::result_large_err, reason = "the error is the answer itself, made once a request at most")]
fn allow(api: &Api, headers: &HeaderMap, scope: Scope) -> Result<(), Response> {
    api.guard.key(headers, scope).map_err(|message| {
        let problem = Problem::unavailable(message);
        let mut response = json(StatusCode::UNAUTHORIZED, &problem);
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        response
    })
}

async fn read(request: Request, limit: usize, budget: &Budget) -> Result<(bytes::Bytes, body::Held), Response> {
    let (parts, body) = request.into_parts();
    body::read(&parts.headers, body, limit, budget).await.map_err(|error| match error {
        body::BodyError::Busy => refuse(&Problem::busy(error.to_string())),
        body::BodyError::TooLarge { .. } => json(StatusCode::PAYLOAD_TOO_LARGE, &Problem::invalid(error.to_string())),
        other => refuse(&Problem::invalid(other.to_string())),
    })
}

fn refuse(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, problem);
    if problem.kind == ProblemKind::Busy {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// An answer, which may be large: it is written where that may take its time.
async fn written(answer: Json) -> Result<Response, Response> {
    let written = tokio::task::spawn_blocking(move || json(StatusCode::OK, &answer)).await;
    written.map_err(|error| refuse(&Problem::internal(&error)))
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            (status, headers, body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
