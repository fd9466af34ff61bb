//! The journal's parts and the spans around them.
//!
//! ```text
//!  journal.generate
//!  ├─ context.gather ── files.list, notes.read, prompt.assemble
//!  ├─ summary.generate ────── chat journal-small   (HTTP)
//!  ├─ dialogue.generate ───── chat journal-small   (HTTP)
//!  └─ technical-decisions ─── chat journal-small   (HTTP)
//! ```

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;

use anyhow::Context as _;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use crate::model::{Ask, Completion};

const MODEL: &str = "journal-small";
/// How much of a notes file goes into the prompt.
const NOTES_BYTES_MAX: usize = 4_000;

/// Writes one journal.
pub(crate) async fn generate(parent: &Context, model: SocketAddr, concurrent: bool) -> anyhow::Result<String> {
    let root =
        start(parent, "journal.generate", SpanKind::Internal, vec![KeyValue::new("journal.concurrent", concurrent)]);
    let prompt = gather(&root);
    let summary = part(&root, "summary.generate", "summary", &prompt, model);
    let dialogue = part(&root, "dialogue.generate", "dialogue", &prompt, model);
    let decisions = part(&root, "technical-decisions", "decisions", &prompt, model);
    // None of the three reads what another wrote: they wait for each other only because they are awaited in turn.
    let parts = if concurrent {
        tokio::try_join!(summary, dialogue, decisions)
    } else {
        async { Ok((summary.await?, dialogue.await?, decisions.await?)) }.await
    };
    finish(&root, parts.as_ref().err());
    let (summary, dialogue, decisions) = parts?;
    Ok(format!("# Summary\n{summary}\n\n# Dialogue\n{dialogue}\n\n# Decisions\n{decisions}\n"))
}

/// Collects what the prompts are about.
fn gather(parent: &Context) -> String {
    let gathering = start(parent, "context.gather", SpanKind::Internal, vec![]);
    let listing = within(&gathering, "files.list", || {
        let entries = fs::read_dir(".").into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names.join("\n")
    });
    let notes = within(&gathering, "notes.read", || {
        let notes = ["CHANGELOG.md", "NOTES.md", "README.md"].into_iter().find_map(|path| fs::read(path).ok());
        let notes = notes.unwrap_or_default();
        String::from_utf8_lossy(&notes[..notes.len().min(NOTES_BYTES_MAX)]).into_owned()
    });
    let prompt = within(&gathering, "prompt.assemble", || {
        format!("You write a development journal.\n\nFiles:\n{listing}\n\nNotes:\n{notes}\n")
    });
    finish(&gathering, None);
    prompt
}

/// Asks for one part of the journal. Its span starts when the future is first polled, not when it is made.
async fn part(
    parent: &Context,
    name: &'static str,
    task: &'static str,
    prompt: &str,
    model: SocketAddr,
) -> anyhow::Result<String> {
    let span = start(parent, name, SpanKind::Internal, vec![]);
    let ask = Ask { model: MODEL.to_owned(), task: task.to_owned(), prompt: prompt.to_owned() };
    let answer = chat(&span, ask, model).await;
    finish(&span, answer.as_ref().err());
    Ok(answer?.text)
}

/// One call of the model.
async fn chat(parent: &Context, ask: Ask, model: SocketAddr) -> anyhow::Result<Completion> {
    let url = format!("http://{model}/v1/chat/completions");
    let attributes = vec![
        KeyValue::new("gen_ai.operation.name", "chat"),
        KeyValue::new("gen_ai.provider.name", "stand-in"),
        KeyValue::new("gen_ai.request.model", ask.model.clone()),
        KeyValue::new("http.request.method", "POST"),
        KeyValue::new("url.full", url.clone()),
        KeyValue::new("server.address", model.ip().to_string()),
        KeyValue::new("server.port", i64::from(model.port())),
    ];
    let span = start(parent, format!("chat {}", ask.model), SpanKind::Client, attributes);
    let answer = send(&span, url, ask).await;
    if let Ok((status, completion)) = &answer {
        span.span().set_attributes([
            KeyValue::new("http.response.status_code", i64::from(*status)),
            KeyValue::new("gen_ai.response.model", MODEL),
            KeyValue::new("gen_ai.usage.input_tokens", completion.input_tokens),
            KeyValue::new("gen_ai.usage.output_tokens", completion.output_tokens),
        ]);
    }
    finish(&span, answer.as_ref().err());
    Ok(answer?.1)
}

/// Sends the request with the trace's context in its headers, as an instrumented HTTP client does.
async fn send(span: &Context, url: String, ask: Ask) -> anyhow::Result<(u16, Completion)> {
    let mut headers = HashMap::new();
    TraceContextPropagator::new().inject_context(span, &mut headers);
    let exchange = tokio::task::spawn_blocking(move || -> anyhow::Result<(u16, Completion)> {
        let request = headers.iter().fold(ureq::post(&url), |request, (name, value)| request.header(name, value));
        let mut response = request.send_json(&ask).context("asking the model")?;
        let status = response.status().as_u16();
        Ok((status, response.body_mut().read_json().context("reading the model's answer")?))
    });
    exchange.await?
}

fn start(
    parent: &Context,
    name: impl Into<std::borrow::Cow<'static, str>>,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
) -> Context {
    let tracer = global::tracer("journal");
    let builder = tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
    parent.with_span(tracer.build_with_context(builder, parent))
}

fn within<T>(parent: &Context, name: &'static str, work: impl FnOnce() -> T) -> T {
    let span = start(parent, name, SpanKind::Internal, vec![]);
    let result = work();
    finish(&span, None);
    result
}

fn finish(span: &Context, error: Option<&anyhow::Error>) {
    if let Some(error) = error {
        span.span().record_error(error.as_ref());
        span.span().set_status(Status::error(format!("{error:#}")));
    }
    span.span().end();
}
