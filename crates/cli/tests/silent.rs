//! The real binary against engines that do not answer.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

mod support;

use std::net::TcpListener;

use serde_json::Value as Json;
use support::Home;

fn kill(signal: &str, pid: u32) {
    assert!(std::process::Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

/// The process of the home's engine, which is started if none runs.
fn engine(home: &Home) -> u32 {
    home.json(&["find"]);
    u32::try_from(home.json(&["status"])["pid"].as_u64().unwrap()).unwrap()
}

#[test]
fn every_command_ends_with_a_sentence_where_the_engine_does_not_answer() {
    let home = Home::new();
    let pid = engine(&home);
    kill("-STOP", pid);
    for arguments in [&["find"][..], &["status"], &["stop"], &["explain", "--system"]] {
        let output = home.kino(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {said}");
        assert!(said.contains("does not answer") && said.contains(&format!("kill -9 {pid}")), "{arguments:?}: {said}");
    }
    kill("-CONT", pid);
    assert!(home.kino(&["find"]).status.success());
}

#[test]
fn a_port_that_accepts_and_never_answers_is_no_engine() {
    let home = Home::new();
    let pid = engine(&home);
    let file = home.path().join("engine.json");
    let mut address: Json = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    kill("-KILL", pid);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    address["http"] = listener.local_addr().unwrap().to_string().into();
    std::fs::write(&file, address.to_string()).unwrap();
    // Another engine takes the place of the one that is gone.
    assert!(home.kino(&["find"]).status.success());
    assert_ne!(engine(&home), pid);
}

#[test]
fn a_command_runs_and_is_recorded_once_the_engine_answers_again() {
    let home = Home::new();
    let pid = engine(&home);
    kill("-STOP", pid);
    let out = home.path().join("run.json");
    // The command itself wakes the engine up: it would wait for ever if it were started after an answer.
    let script = format!("echo ran to $OTEL_EXPORTER_OTLP_ENDPOINT; kill -CONT {pid}");
    let output = home.kino(&["run", "--json-out", out.to_str().unwrap(), "--", "sh", "-c", &script]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("ran to http://127.0.0.1:"), "{said}");
    assert!(said.contains("the engine does not answer yet"), "{said}");
    let record: Json = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    let runs = home.json(&["find", "--run", record["run_id"].as_str().unwrap()]);
    assert!(!runs["items"].as_array().unwrap().is_empty(), "its own span is found: {runs}");
}

#[test]
fn a_command_whose_engine_stays_silent_waits_in_files_and_says_so_at_its_end() {
    let home = Home::new();
    let pid = engine(&home);
    kill("-STOP", pid);
    let output = home.kino(&["run", "--", "sh", "-c", "echo ran; exit 3"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), b"ran\n".as_slice()), "{said}");
    assert!(said.contains("waits in .kino/spool") && said.contains("does not answer"), "{said}");
    kill("-CONT", pid);
}
