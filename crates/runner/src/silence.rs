//! Why nothing of a program under `kino run` was recorded: what the environment and the command say, and what else its
//! language offers.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::Host;
use crate::environment::{ENDPOINT, TRACES_ENDPOINT};

/// What is known of a run without spans.
#[derive(Clone, Copy, Debug)]
pub struct Silence<'a> {
    /// The command and its arguments; at least one word.
    pub words: &'a [OsString],
    /// Whether it sent metrics.
    pub metrics_came: bool,
    /// Whether the bootstrap was injected.
    pub injected: bool,
}

/// Programs that run their command where neither the bootstrap nor its channel is.
const ELSEWHERE: &[&str] = &["docker", "podman", "nerdctl", "kubectl", "ssh", "vagrant", "wsl"];
/// Programs that give their command another environment, unless their configuration says otherwise.
const ANOTHER_ENVIRONMENT: &[(&str, &str)] = &[
    ("sudo", "sudo gives its command an environment of its own: sudo kino run … records as that user"),
    ("doas", "doas gives its command an environment of its own: doas kino run … records as that user"),
    (
        "tox",
        "tox passes only the variables on that its configuration names: pass_env = KINO_*, OTEL_*, TRACEPARENT, \
         PYTHONPATH, NODE_OPTIONS",
    ),
];

/// Returns why no spans came, the likeliest reasons first, each as a sentence.
pub fn why_no_spans<H: Host>(host: &H, silence: Silence<'_>) -> Vec<String> {
    let set = |name: &str| host.variable(name).map(|value| value.to_string_lossy().into_owned());
    reasons(silence, set)
}

fn reasons(silence: Silence<'_>, set: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let Silence { words, metrics_came, injected } = silence;
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
    if metrics_came {
        reasons.push("only metrics came, which are not stored".to_owned());
    }
    if injected {
        reasons.extend(out_of_reach(words));
    }
    if reasons.is_empty() {
        reasons.extend(what_was_possible(words, injected));
    }
    reasons
}

/// Why the bootstrap did not reach the program, as far as the command says.
fn out_of_reach(words: &[OsString]) -> Option<String> {
    let names: Vec<_> = words.iter().map(|word| name_of(word)).collect();
    // The words of a wrapper come first, so that a name further on may be its command.
    for (index, name) in names.iter().enumerate() {
        let rest = &words[index + 1..];
        let is_program = index == 0 || !name.contains('=') && !name.starts_with('-');
        if !is_program {
            continue;
        }
        if let Some((_, why)) = ANOTHER_ENVIRONMENT.iter().find(|(tool, _)| tool == name) {
            return Some((*why).to_owned());
        }
        if ELSEWHERE.contains(&name.as_str()) {
            return Some(format!(
                "{name} runs its command where nothing can be injected: run kino there, or send OTLP"
            ));
        }
        if name == "env" && options(rest).any(|option| matches!(option, "-i" | "-" | "--ignore-environment")) {
            return Some("env -i takes the variables away that make a program report".to_owned());
        }
        if name.starts_with("pypy") {
            return Some("only CPython takes the bootstrap, and this is PyPy".to_owned());
        }
        if name.starts_with("python") {
            let ignores = |option: &&str| {
                let short = option.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
                short.is_some_and(|letters| letters.contains(['I', 'E', 'S']))
            };
            return python_options(rest).find(ignores).map(|option| {
                format!(
                    "{name} {option} ignores the variables that load the bootstrap: leave the option out to record it"
                )
            });
        }
    }
    None
}

/// The options before the first other word.
fn options(words: &[OsString]) -> impl Iterator<Item = &str> {
    words.iter().filter_map(|word| word.to_str()).take_while(|word| word.starts_with('-'))
}

/// Python's own options, without values that are words of their own.
fn python_options(words: &[OsString]) -> impl Iterator<Item = &str> {
    let mut words = words.iter().filter_map(|word| word.to_str());
    std::iter::from_fn(move || {
        let option = words.next().filter(|word| word.starts_with('-') && !matches!(*word, "-" | "-c" | "-m"))?;
        if matches!(option, "-X" | "-W" | "--check-hash-based-pycs") {
            words.next();
        }
        Some(option)
    })
}

/// What would have been recorded, and how else a program can be made to report.
fn what_was_possible(words: &[OsString], injected: bool) -> Vec<String> {
    let program = name_of(&words[0]);
    let is_python = program.starts_with("python")
        || matches!(program.as_str(), "flask" | "pytest" | "uvicorn" | "gunicorn" | "django-admin");
    let is_node = matches!(program.as_str(), "node" | "npm" | "npx" | "yarn" | "pnpm" | "tsx" | "vitest" | "jest");
    if is_python || is_node {
        return vec![if injected {
            "it made no request, statement, command or test that can be recorded; kino run --help lists which can"
                .to_owned()
        } else {
            "nothing was injected (--no-inject, or [run] inject = false), and the program most likely has no \
             OpenTelemetry SDK"
                .to_owned()
        }];
    }
    let mut reasons =
        vec!["the program most likely has no OpenTelemetry SDK, or set another endpoint by itself".to_owned()];
    for (tool, language) in [("cargo", "rust"), ("go", "go")] {
        if program == tool {
            reasons.push(format!("kino instrument {language} prints what to add to the program"));
        }
    }
    if program == "java" {
        reasons.push("Java: kino run --java-agent opentelemetry-javaagent.jar -- CMD".to_owned());
    }
    reasons
}

fn name_of(word: &OsStr) -> String {
    Path::new(word).file_name().unwrap_or(word).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: &str, injected: bool) -> String {
        let words: Vec<OsString> = command.split_whitespace().map(OsString::from).collect();
        reasons(Silence { words: &words, metrics_came: false, injected }, |_| None).join("; ")
    }

    #[test]
    fn what_keeps_the_bootstrap_out_is_named() {
        for (command, named) in [
            ("python3 -I app.py", "python3 -I ignores"),
            ("/usr/bin/python3.12 -X dev -sE app.py", "-sE ignores"),
            ("env -i python app.py", "env -i"),
            ("sudo -u www python app.py", "sudo gives"),
            ("tox -e py312", "pass_env"),
            ("nice -n 5 docker run --rm image", "docker runs"),
            ("pypy3 app.py", "PyPy"),
        ] {
            let said = check(command, true);
            assert!(said.contains(named), "{command}: {said}");
        }
    }

    #[test]
    fn a_script_with_such_options_of_its_own_is_not_blamed() {
        for command in ["python3 app.py -I", "python3 -m shop -E", "node server.js -i", "pytest tests/sudo_test.py"] {
            assert!(check(command, true).contains("it made no request"), "{command}");
        }
    }

    #[test]
    fn what_was_not_injected_is_said() {
        assert!(check("python3 app.py", false).contains("--no-inject"));
        assert!(check("./server", true).contains("OpenTelemetry SDK"));
        assert!(!check("sudo ./server", false).contains("sudo"));
    }

    #[test]
    fn variables_that_lead_elsewhere_come_first() {
        let words = [OsString::from("./server")];
        let set = |name: &str| (name == ENDPOINT).then(|| "http://collector:4317".to_owned());
        let said = reasons(Silence { words: &words, metrics_came: false, injected: true }, set);
        assert_eq!(said, ["OTEL_EXPORTER_OTLP_ENDPOINT was set already, so spans went to http://collector:4317"]);
    }
}
