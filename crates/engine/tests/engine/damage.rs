//! Answers over damaged files.

use super::*;

/// Changes every byte of a file of the lake, if it has any of that table, and gives its path.
fn damage(home: &Home, table: &str) -> std::path::PathBuf {
    let folder = home.folder.path().join("lake").join(table);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let path = paths.swap_remove(0);
    let bytes: Vec<u8> = std::fs::read(&path).unwrap().into_iter().map(|byte| byte ^ 1).collect();
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_says_what_is_damaged_and_an_export_under_way_ends() {
    let home = open().await;
    for number in 1..=2 {
        home.recorded_run(number, "base", "abc", 20).await;
        home.get("lake_files", json!({ "flush": true })).await;
    }
    let question = || serde_json::from_value(json!({ "filter": { "limit": 0 } })).unwrap();
    let export = home.engine.export(question()).await.unwrap();
    let path = damage(&home, "spans");
    let messages: Vec<_> = export.collect().await;
    let broken = messages.last().unwrap().as_ref().unwrap_err().to_string();
    assert!(broken.contains("what was written is not all"), "{broken}");
    let rest: Vec<_> = home.engine.export(question()).await.unwrap().collect().await;
    assert!(!rest.is_empty() && rest.iter().all(Result::is_ok), "{rest:?}");

    let damaged = json!({ "groups": 1, "spans": home.engine.damage().unwrap().spans });
    for (name, question) in [
        ("find", json!({})),
        ("explain_system", json!({})),
        ("explain_operation", json!({ "operation": "task" })),
        ("errors", json!({})),
        ("compare", json!({ "before": "label:base", "after": "label:base" })),
        ("operations", json!({})),
        ("search", json!({ "text": "done" })),
        ("insights", json!({})),
        ("runs", json!({})),
        ("status", json!({})),
        ("lake_files", json!({})),
        ("sql_snapshot", json!({})),
    ] {
        match home.ask(name, question).await {
            Ok(answer) => assert_eq!(answer["damage"], damaged, "{name}"),
            Err(problem) => assert_eq!(problem.kind, ProblemKind::Invalid, "{name}: {problem}"),
        }
    }
    let doctor = home.get("doctor", json!({})).await.to_string();
    assert!(doctor.contains(path.file_name().unwrap().to_str().unwrap()), "{doctor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_output_is_counted_by_a_search_and_named_by_doctor() {
    let home = open().await;
    home.recorded_run(1, "base", "abc", 20).await;
    home.get("lake_files", json!({ "flush": true })).await;
    damage(&home, "blobs");
    let found = home.get("search", json!({ "text": "done" })).await;
    assert_eq!((&found["left_out"]["damaged_outputs"], found["hits"].as_array().unwrap().len()), (&json!(1), 0));
    let doctor = home.get("doctor", json!({})).await.to_string();
    assert!(doctor.contains("blobs/"), "{doctor}");
}
