//! OpenTelemetry as its documentation sets it up: OTLP over gRPC, a batch exporter, everything from the environment.

use std::collections::HashMap;

use anyhow::Context as _;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::{Context, global};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Tracing, switched on.
pub(crate) struct Telemetry {
    provider: SdkTracerProvider,
    /// The span that started this process, from `TRACEPARENT`; without one, an empty context.
    pub(crate) parent: Context,
}

/// Switches tracing on. `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` are read by
/// the SDK itself; `TRACEPARENT` is the convention for processes that start each other.
pub(crate) fn start() -> anyhow::Result<Telemetry> {
    let exporter = SpanExporter::builder().with_tonic().build().context("setting up the OTLP exporter")?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    global::set_tracer_provider(provider.clone());
    let carrier: HashMap<String, String> = ["traceparent", "tracestate"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), variable(&key.to_uppercase())?)))
        .collect();
    Ok(Telemetry { provider, parent: TraceContextPropagator::new().extract(&carrier) })
}

impl Telemetry {
    /// Sends what is still queued, then stops.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.provider.shutdown().context("sending the last spans")
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the program's edge")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
