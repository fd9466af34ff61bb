//! The real binary: `run` and what it leaves of a command, and of its recording.

mod support;

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::{Value as Json, json};
use support::Home;

/// Runs `kino run` and returns the record that `--json-out` wrote.
fn record(home: &Home, arguments: &[&str]) -> (std::process::Output, Json) {
    let path = home.path().join("run.json");
    let out = path.to_str().expect("temporary folders have plain names");
    let output = home.kino(&[&["run", "--json-out", out], arguments].concat());
    let record = std::fs::read(&path).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (output, serde_json::from_slice(&record).expect("a record is JSON"))
}

#[test]
fn streams_and_exit_codes_pass_through_and_are_recorded() {
    let home = Home::new();
    let script = r"printf 'one\0two\r\n'; printf 'bad\n' >&2; exit 42";
    let (output, record) = record(&home, &["--label", "mine", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(42));
    assert_eq!(output.stdout, b"one\0two\r\n");
    assert!(output.stderr.starts_with(b"bad\n"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no spans came"));
    assert_eq!(
        (&record["schema"], &record["exit_code"], &record["label"]),
        (&json!("kino.run.v1"), &json!(42), &json!("mine"))
    );
    let blob = format!("blob:{}", record["stderr_blob"].as_str().unwrap());
    assert_eq!(home.json(&["open", &blob])["text"], "bad\n");
}

#[test]
fn standard_input_is_handed_over() {
    let home = Home::new();
    let mut command = home.command(&["run", "--", "cat"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let sent: Vec<u8> = (0..=255).cycle().take(300_000).collect();
    let mut stdin = child.stdin.take().unwrap();
    let copy = sent.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&copy).unwrap());
    let mut received = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut received).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(received == sent);
}

#[test]
fn signals_reach_the_command_and_its_end_is_recorded() {
    let home = Home::new();
    let out = home.path().join("run.json");
    let mut command = home.command(&["run", "--json-out", out.to_str().unwrap(), "--"]);
    command.args(["sh", "-c", "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.05; done"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut ready = [0; 6];
    stdout.read_exact(&mut ready).unwrap();
    let sent = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("caught\n", Some(5)));
    let record: Json = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(record["exit_code"], 5);
}

#[test]
fn a_command_that_a_signal_ended_or_that_never_started_has_the_shells_code() {
    let home = Home::new();
    let (killed, record) = record(&home, &["--", "sh", "-c", "kill -9 $$"]);
    assert_eq!((killed.status.code(), &record["signal"]), (Some(137), &json!(9)));
    let missing = home.kino(&["run", "--", "no-such-command"]);
    assert_eq!(missing.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no-such-command: command not found"));
    assert_eq!(home.kino(&["run", "--", home.path().to_str().unwrap()]).status.code(), Some(126));
}

#[test]
fn the_environment_switches_tracing_on() {
    let home = Home::new();
    let (output, record) = record(&home, &["--", "sh", "-c", "env | grep -E '^(OTEL_|TRACEPARENT)'"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let run_id = record["run_id"].as_str().unwrap();
    let trace_id = record["trace_id"].as_str().unwrap();
    assert!(text.contains("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:"), "{text}");
    assert!(text.contains(&format!("kino.run.id={run_id}")), "{text}");
    assert!(text.contains(&format!("TRACEPARENT=00-{trace_id}-")), "{text}");
    assert!(text.contains("OTEL_SERVICE_NAME=sh\n") && text.contains("OTEL_METRICS_EXPORTER=none\n"), "{text}");
}

#[test]
fn a_command_runs_where_no_engine_can_be_had_and_its_record_waits() {
    let home = Home::new();
    let file = home.path().join("a-file");
    std::fs::write(&file, "").unwrap();
    let output = home.command(&["run", "--", "sh", "-c", "echo out; exit 3"]).env("KINO_HOME", &file).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), b"out\n".as_slice()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("is not a folder") && said.contains("waits in .kino/spool"), "{said}");
    let taken = home.kino(&["runs"]);
    assert!(String::from_utf8_lossy(&taken.stderr).contains("took in 1 run"), "{taken:?}");
    std::fs::set_permissions(home.path().join(".kino"), PermissionsExt::from_mode(0o777)).unwrap();
    let output = home.command(&["run", "--", "sh", "-c", "echo out; exit 3"]).env("KINO_HOME", &file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), b"out\n".as_slice()));
    assert!(said.contains("this run is not recorded") && said.contains("may be written by other users"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_says_how_much_memory_it_took() {
    let home = Home::new();
    let script = "x=$(head -c 60000000 /dev/zero | tr '\\0' x); echo ${#x}";
    let (output, record) = record(&home, &["--", "sh", "-c", script]);
    assert_eq!(output.stdout, b"60000000\n");
    let peak = record["peak_memory_bytes"].as_u64().unwrap();
    assert!((60_000_000..1_000_000_000).contains(&peak), "{peak}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_says_how_busy_other_programs_were() {
    let home = Home::new();
    let mut burner = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
    let (_, record) = record(&home, &["--", "sleep", "0.8"]);
    burner.kill().unwrap();
    burner.wait().unwrap();
    let cores = std::thread::available_parallelism().unwrap().get() as f64;
    let share = record["others_cpu"].as_f64().unwrap();
    // It had a core of its own, or the machine was full of others.
    assert!((0.4 / cores..=1.0).contains(&share), "{share}");
    let (_, short) = self::record(&home, &["--", "true"]);
    assert_eq!(short["others_cpu"], Json::Null);
}
