//! Searches by attribute over files of many blocks give what a plain look at every span gives.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use kino_model::columns::promoted_span_column;
use kino_model::{Batch, Span, TraceId, UnixNanos, Value};
use kino_store::snapshot::TraceFilter;
use kino_store::{Store, StoreConfig};
use kino_testkit::{Random, Shop, TestClock};

const START: UnixNanos = UnixNanos(1_760_000_000_000_000_000);
/// Enough for two blocks in each file.
const SPANS: usize = 10_000;
/// Pairs that are asked for.
const ASKED: usize = 16;

/// Spans of a shop, each with an id of its own in the map, some with a rare word, some with a promoted column's value
/// under an older spelling or of another type.
fn spans(random: &mut Random) -> Vec<Span> {
    let mut shop = Shop::new(23, START);
    let mut spans: Vec<Span> = Vec::new();
    while spans.len() < SPANS {
        spans.extend(shop.next_trace());
    }
    for (number, span) in spans.iter_mut().enumerate() {
        span.attributes.push(("job.id".into(), Value::from(format!("job-{number}").as_str())));
        if random.below(3_000) == 0 {
            span.attributes.push(("weather".into(), Value::from("hail")));
        }
        if random.below(900) == 0 {
            span.attributes.retain(|(key, _)| key != "db.query.text");
            span.attributes.push(("db.statement".into(), Value::from(format!("SELECT {number}").as_str())));
        }
        if random.below(900) == 0 {
            span.attributes.retain(|(key, _)| key != "session.id");
            span.attributes.push(("session.id".into(), Value::Int(number as i64)));
        }
    }
    spans
}

fn spellings(key: &str) -> Vec<&str> {
    promoted_span_column(key).map_or_else(|| vec![key], |column| column.spellings.to_vec())
}

/// The traces with a span that has a text under a key, or whose resource has, by both.
type Seen = HashMap<(String, String), BTreeSet<TraceId>>;

fn seen(spans: &[Span]) -> Seen {
    let mut seen = Seen::new();
    for span in spans {
        for (key, value) in span.attributes.iter().chain(&span.resource.attributes) {
            seen.entry((key.to_string(), value.to_text())).or_default().insert(span.trace_id);
        }
    }
    seen
}

fn plain_look(seen: &Seen, key: &str, value: &str) -> BTreeSet<TraceId> {
    let under = |spelling: &str| seen.get(&(spelling.to_owned(), value.to_owned())).cloned().unwrap_or_default();
    spellings(key).into_iter().flat_map(under).collect()
}

async fn check(store: &Store, spans: &[Span], pairs: &[(String, String)]) {
    let snapshot = store.snapshot();
    let seen = seen(spans);
    for (key, value) in pairs {
        let filter = TraceFilter { attributes: vec![(key.clone(), value.clone())], ..TraceFilter::default() };
        let found = snapshot.trace_ids_of(&filter).await.expect("the files are readable");
        let set: BTreeSet<TraceId> = found.iter().copied().collect();
        assert_eq!(found.len(), set.len(), "{key} = {value}");
        assert!(set == plain_look(&seen, key, value), "{key} = {value}: {} traces", set.len());
    }
    // Two that hold together on one span, and one that is rare among those of an operation.
    let job = spans.iter().position(|span| span.attributes.iter().any(|(key, _)| key == "weather")).unwrap_or(7);
    let filter = TraceFilter {
        name: Some(spans[job].name.to_string()),
        attributes: vec![("job.id".into(), format!("job-{job}")), ("weather".into(), "hail".into())],
        ..TraceFilter::default()
    };
    let found = snapshot.trace_ids_of(&filter).await.expect("the files are readable");
    assert_eq!(found, [spans[job].trace_id]);
    let apart = TraceFilter {
        attributes: vec![("job.id".into(), "job-0".into()), ("weather".into(), "hail".into())],
        ..TraceFilter::default()
    };
    let weather = spans[0].attributes.iter().any(|(key, _)| key == "weather");
    let found = snapshot.trace_ids_of(&apart).await.expect("the files are readable");
    assert_eq!(found.is_empty(), !weather);
}

#[tokio::test]
async fn attributes_are_found_as_a_plain_look_finds_them() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let config = StoreConfig { compaction: false, ..StoreConfig::new(home.path()) };
    let (store, _) = Store::open(config, Arc::new(TestClock::at(START))).await.expect("a fresh store opens");
    let mut random = Random::new(5);
    let spans = spans(&mut random);
    let mut pairs: Vec<(String, String)> =
        vec![("weather".into(), "hail".into()), ("weather".into(), "sun".into()), ("job.id".into(), "job-".into())];
    while pairs.len() < ASKED {
        let span = &spans[random.below(spans.len() as u64) as usize];
        let (key, value) = &span.attributes[random.below(span.attributes.len() as u64) as usize];
        // Numbers and truth values by themselves; a key is asked for in any of its spellings.
        let spellings = spellings(key);
        let key = spellings[random.below(spellings.len() as u64) as usize];
        pairs.push((key.to_owned(), value.to_text()));
        pairs.push((key.to_owned(), format!("{} not so", value.to_text())));
    }
    for part in spans.chunks(spans.len() / 2 + 5) {
        store.append(Batch::from_rows(part, &[])).await.expect("the store takes it");
        store.flush().await.expect("the flush succeeds");
    }
    check(&store, &spans, &pairs).await;
    store.compact().await.expect("the merge succeeds");
    check(&store, &spans, &pairs).await;
    store.close().await.expect("the store closes");
}
