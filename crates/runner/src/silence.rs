//! Why a program under `kino run` sent no spans: what the environment says, and what its language offers.

use std::ffi::OsStr;
use std::path::Path;

use crate::Host;
use crate::environment::{ENDPOINT, TRACES_ENDPOINT};

/// What is known of a run without spans.
#[derive(Clone, Copy, Debug)]
pub struct Silence<'a> {
    /// The program, as it was started.
    pub program: &'a OsStr,
    /// Whether it sent metrics.
    pub metrics_came: bool,
}

/// Returns why no spans came, the likeliest reasons first, each as a sentence.
pub fn why_no_spans<H: Host>(host: &H, silence: Silence<'_>) -> Vec<String> {
    let set = |name: &str| host.variable(name).map(|value| value.to_string_lossy().into_owned());
    let mut reasons = Vec::new();
    for name in [TRACES_ENDPOINT, ENDPOINT] {
        if let Some(elsewhere) = set(name).filter(|value| !value.is_empty()) {
            reasons.push(format!("{name} was set already, so spans went to {elsewhere}"));
        }
    }
    if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        reasons.push("OTEL_SDK_DISABLED=true switches OpenTelemetry off".to_owned());
    }
    if let Some(other) = set("OTEL_TRACES_EXPORTER").filter(|value| !value.is_empty() && value != "otlp") {
        reasons.push(format!("OTEL_TRACES_EXPORTER={other} sends spans elsewhere"));
    }
    if silence.metrics_came {
        reasons.push("only metrics came, which are not stored".to_owned());
    }
    if reasons.is_empty() {
        reasons.push("the program most likely has no OpenTelemetry SDK, or set another endpoint by itself".to_owned());
        reasons.extend(how_to_instrument(silence.program));
    }
    reasons
}

/// How to instrument a program without changing it, where its language has a way.
fn how_to_instrument(program: &OsStr) -> Option<String> {
    let program = Path::new(program).file_name()?.to_str()?;
    let advice = match program {
        name if name.starts_with("python") || matches!(name, "flask" | "pytest" | "uvicorn" | "gunicorn") => {
            "Python: pip install opentelemetry-distro opentelemetry-exporter-otlp, opentelemetry-bootstrap -a install, \
             then kino run -- opentelemetry-instrument CMD"
        }
        "node" | "npm" | "npx" | "yarn" | "pnpm" => {
            "Node: npm install @opentelemetry/api @opentelemetry/auto-instrumentations-node, then \
             NODE_OPTIONS='--require @opentelemetry/auto-instrumentations-node/register' kino run -- CMD"
        }
        "java" => "Java: JAVA_TOOL_OPTIONS=-javaagent:opentelemetry-javaagent.jar kino run -- CMD",
        _ => return None,
    };
    Some(advice.to_owned())
}
