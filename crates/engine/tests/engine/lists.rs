//! Lists of a stretch of time, and states of the code by their beginning.

use serde_json::{Value as Json, json};

use crate::{MILLI, NOW, open};

#[tokio::test(flavor = "multi_thread")]
async fn services_and_operations_of_a_stretch_of_time_count_the_spans_that_started_in_it() {
    let home = open().await;
    let span = |number: u8, name: &str, start: i64| {
        json!({
            "traceId": format!("{number:032x}"), "spanId": format!("{number:016x}"), "name": name,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + MILLI).to_string(),
        })
    };
    home.send(&[("service.name", "website")], &[span(1, "page", NOW - 9_000 * MILLI), span(2, "page", NOW)]).await;
    home.send(&[("service.name", "api")], &[span(3, "read", NOW - 5_000 * MILLI)]).await;
    // What is sent again counts once.
    home.send(&[("service.name", "website")], &[span(2, "page", NOW)]).await;
    let counted = async |name: &str, question: Json| {
        let items = home.get(name, question).await["items"].clone();
        let count = |item: &Json| (item["service"].as_str().unwrap().to_owned(), item["spans"].as_u64().unwrap());
        items.as_array().unwrap().iter().map(count).collect::<Vec<_>>()
    };
    let (web, api) = ("website".to_owned(), "api".to_owned());
    for name in ["services", "operations"] {
        assert_eq!(counted(name, json!({ "since_unix_nanos": NOW })).await, [(web.clone(), 1)]);
        assert_eq!(
            counted(name, json!({ "since_unix_nanos": NOW - 5_000 * MILLI, "until_unix_nanos": NOW })).await,
            [(api.clone(), 1)]
        );
        assert_eq!(counted(name, json!({ "until_unix_nanos": NOW - 5_000 * MILLI })).await, [(web.clone(), 1)]);
        assert!(counted(name, json!({ "since_unix_nanos": NOW + 1 })).await.is_empty());
        assert_eq!(counted(name, json!({ "since_unix_nanos": 0 })).await, counted(name, json!({})).await);
    }
    let unknown = home.get("operations", json!({ "service": "websit" })).await;
    assert_eq!(unknown["unknown_service"]["did_you_mean"], json!(["website"]));
    let known = home.get("operations", json!({ "service": "website", "since_unix_nanos": NOW + 1 })).await;
    assert_eq!(known["unknown_service"], Json::Null, "it is the time that does not fit");
    home.engine.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_the_code_is_known_by_its_beginning() {
    let home = open().await;
    for (number, code) in [(1, "abcd1234+77aa"), (2, "abcd1234"), (3, "abce5678+88bb")] {
        home.recorded_run(number, "any", code, 20).await;
    }
    let compared = async |after: &str| home.ask("compare", json!({ "before": "code:abcd1234", "after": after })).await;
    // The whole name of one comes before the beginning of another.
    let both = compared("code:abce").await.unwrap();
    assert_eq!((&both["runs"]["before"], &both["runs"]["after"]), (&json!(1), &json!(1)), "{both}");
    assert!(compared("code:abcd1234+").await.is_ok());
    let several = compared("code:abcd").await.unwrap_err();
    assert!(several.message.contains("several states of the code"), "{}", several.message);
    assert_eq!(several.did_you_mean, ["abcd1234", "abcd1234+77aa"]);
    for too_short_or_none in ["code:abc", "code:ffff"] {
        let none = compared(too_short_or_none).await.unwrap_err();
        assert!(none.message.contains("started at 2026-") && none.message.contains('T'), "{}", none.message);
    }
    home.engine.close().await.unwrap();
}
