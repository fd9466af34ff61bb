//! The tour, taken for real: the example is built, run and traced, and what the tour shows rests on those runs.

mod support;

use serde_json::{Value as Json, json};
use support::Home;

#[test]
fn the_tour_rests_on_real_runs_and_leaves_nothing_behind() {
    let home = Home::new();
    let temporary = tempfile::tempdir().unwrap();
    let mut command = home.command(&["demo", "--executions", "3", "--json"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).env("TMPDIR", temporary.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let toured: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&toured["schema"], &toured["explain"]["executions"]), (&json!("kino.demo.v1"), &json!(2)));
    let operations = toured["explain"]["breakdown"].as_array().unwrap();
    let calls = |name: &str| operations.iter().find(|row| row["name"] == name).map(|row| row["count"].clone());
    assert_eq!(calls("chat journal-small"), Some(json!(6)));
    assert_eq!(toured["compare"]["executions"], json!({"before": 3, "after": 3}));
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "the temporary home is gone");
    assert_eq!(home.json(&["stop"])["pid"], Json::Null, "the ordinary home was left alone");
}

#[test]
fn outside_a_checkout_the_tour_says_how_to_get_one() {
    let home = Home::new();
    // The program is looked for around the working directory and around the command itself.
    let copy = home.path().join("kino");
    std::fs::copy(env!("CARGO_BIN_EXE_kino"), &copy).unwrap();
    let output = std::process::Command::new(copy).arg("demo").current_dir(home.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stderr).contains("git clone"));
}
