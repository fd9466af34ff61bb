//! Errors that runs printed: where they are read, with what they are grouped, and when they are left out.

use super::*;

const PRINTED: &str = "loading\nTraceback (most recent call last):\n  File \"/p/app.py\", line 3, in load\n    d[\"x\"]\n\
                       KeyError: 'x'\n";

impl Home {
    /// A run that ended with exit code 1 a second after `number` and wrote this.
    async fn failed_run(&self, number: u8, worktree: &str, stdout: &str, stderr: &str) -> String {
        let run_id = format!("{number:02x}").repeat(16);
        let start = NOW - 60_000 * MILLI + i64::from(number) * 1_000 * MILLI;
        let code = json!({ "project": "/p/.git", "worktree": worktree, "commit": "abc", "branch": null, "code_state": "abc", "uncommitted": false });
        let begin = json!({
            "run_id": run_id, "trace_id": format!("{number:032x}"), "span_id": format!("{number:016x}"), "code": code,
            "parent_span_id": null, "label": null, "command": ["python", "app.py"], "directory": worktree, "diff": null,
            "start_unix_nanos": start,
        });
        self.get("run_start", begin).await;
        let output = |text: &str| json!({ "base64": BASE64.encode(text), "cut_bytes": 0 });
        let end = start + 1_000 * MILLI;
        let finish = json!({
            "run_id": run_id, "exit_code": 1, "signal": null, "stdout": output(stdout), "stderr": output(stderr),
            "end_unix_nanos": end,
        });
        self.get("run_finish", finish).await;
        run_id
    }

    async fn errors(&self, question: Json) -> Vec<Json> {
        self.get("errors", question).await["items"].as_array().unwrap().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_printed_is_an_error_like_others_and_says_where_it_was_read() {
    let home = open().await;
    let run_id = home.failed_run(1, "/p", "", PRINTED).await;
    let second = home.failed_run(2, "/p", &PRINTED.replace('\n', "\r\n"), "").await;
    home.failed_run(3, "/p", PRINTED, "").await;
    let errors = home.errors(json!({})).await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    let error = &errors[0];
    assert_eq!((&error["type"], &error["message"], &error["count"]), (&json!("KeyError"), &json!("'x'"), &json!(2)));
    assert_eq!(error["frames"], json!([{ "path": "/p/app.py", "line": 3, "function": "load", "in_project": true }]));
    assert_eq!(error["examples"], json!([]), "no span has it");
    let output = |run: &str, stream: &str, at: usize| {
        let output = &error["printed"]["outputs"][at];
        assert_eq!((&output["run_id"], &output["stream"]), (&json!(run), &json!(stream)));
        output["blob"].as_str().unwrap().to_owned()
    };
    output(&second, "terminal", 0);
    let blob = output(&run_id, "stderr", 1);
    assert_eq!(home.get("open", json!({ "id": format!("blob:{blob}") })).await["text"], PRINTED);

    let fingerprint = error["fingerprint"].as_str().unwrap();
    assert_eq!(home.errors(json!({ "fingerprint": fingerprint[..6].to_uppercase() })).await[0]["count"], 2);
    let wrong = home.ask("errors", json!({ "fingerprint": "0000" })).await.unwrap_err();
    assert_eq!(wrong.kind, ProblemKind::NotFound);
    assert_eq!(home.ask("errors", json!({ "fingerprint": "it" })).await.unwrap_err().kind, ProblemKind::Invalid);

    // By run, by time, by project, and by a service, to which no output belongs.
    assert_eq!(home.errors(json!({ "run_id": run_id })).await[0]["printed"]["count"], 1);
    let until = NOW - 58_000 * MILLI;
    assert_eq!(home.errors(json!({ "until_unix_nanos": until + 1 })).await[0]["count"], 1);
    assert_eq!(home.errors(json!({ "scope": { "project": "/other/.git" } })).await, Vec::<Json>::new());
    assert_eq!(home.errors(json!({ "service": "app" })).await, Vec::<Json>::new());
    home.get("forget", json!({ "run_id": run_id })).await;
    assert_eq!(home.errors(json!({})).await[0]["count"], 1);
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_span_of_the_run_recorded_is_not_listed_again() {
    let home = open().await;
    let run_id = home.failed_run(1, "/p", "", PRINTED).await;
    let other = home.failed_run(2, "/p", "", PRINTED).await;
    let resource =
        [("service.name", "app"), ("kino.project", "/p/.git"), ("kino.worktree", "/p"), ("kino.run.id", &run_id)];
    let exception =
        |key: &str, value: &str| json!({ "key": format!("exception.{key}"), "value": { "stringValue": value } });
    let attributes = [exception("type", "KeyError"), exception("message", "'x'"), exception("stacktrace", PRINTED)];
    let at = NOW - 59_500 * MILLI;
    let span = json!({
        "traceId": "e".repeat(32), "spanId": "e".repeat(16), "name": "load", "kind": 1, "status": { "code": 2 },
        "startTimeUnixNano": at.to_string(), "endTimeUnixNano": at.to_string(),
        "events": [{ "timeUnixNano": at.to_string(), "name": "exception", "attributes": attributes }],
    });
    home.send(&resource, &[span]).await;
    let errors = home.errors(json!({})).await;
    assert_eq!((errors.len(), &errors[0]["count"], &errors[0]["printed"]["count"]), (1, &json!(2), &json!(1)));
    assert_eq!(errors[0]["printed"]["outputs"][0]["run_id"], json!(other));
    let of_run = home.errors(json!({ "run_id": run_id })).await;
    assert_eq!((&of_run[0]["count"], &of_run[0]["printed"]), (&json!(1), &Json::Null));
    // It is the same error too where only the time of the run's end is asked for.
    let since = at + MILLI;
    assert_eq!(home.errors(json!({ "since_unix_nanos": since, "run_id": run_id })).await, Vec::<Json>::new());
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_verifications_worktree_printed_is_left_out_unless_its_run_is_named() {
    let home = open().await;
    let scratch = home.folder.path().canonicalize().unwrap().join("scratch/against-7/shop");
    let worktree = scratch.to_str().unwrap();
    let printed = PRINTED.replace("/p/app.py", &format!("{worktree}/app.py"));
    let run_id = home.failed_run(1, worktree, "", &printed).await;
    let errors = home.get("errors", json!({})).await;
    assert_eq!((&errors["items"], &errors["left_out_temporary"]), (&json!([]), &json!(1)));
    assert_eq!(home.errors(json!({ "run_id": run_id })).await[0]["frames"][0]["path"], "/p/app.py");
    home.engine.close().await.unwrap();
}
