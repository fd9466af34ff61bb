//! Plans and runs one query within its limits.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::TryStreamExt as _;

use kino_wire::Damage;

use crate::snapshot::Snapshot;
use crate::tables;

/// What a query may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Rows in the answer.
    pub rows: usize,
    /// Time from planning to the last row.
    pub time: Duration,
    /// Memory of sorts, joins and aggregations.
    pub memory_bytes: usize,
}

/// What a query gave.
#[derive(Debug)]
pub(crate) struct QueryAnswer {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows, at most as many as the limit.
    pub batches: Vec<RecordBatch>,
    /// Whether the query has more rows than these.
    pub more: bool,
    /// What the snapshot leaves out because it cannot be read, if anything.
    pub damage: Option<Damage>,
}

/// A file of the snapshot turned out to be damaged, so that there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damaged(String);

/// Runs `sql` over `snapshot`. Statements that would change or reach anything else are refused.
///
/// Time runs out whatever the query does: the clock is the calling thread's, because operators in tight loops give a
/// timer among the runtime's tasks no turn. What then still runs ends with the process.
pub(crate) fn run(snapshot: Snapshot, sql: String, limits: Limits) -> anyhow::Result<QueryAnswer> {
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let (done, waiting) = std::sync::mpsc::sync_channel(1);
    runtime.spawn(async move {
        let answer = async {
            let context = context(&limits)?;
            tables::register(&context, &snapshot)?;
            let answer = answer(&context, &sql, limits.rows).await;
            match snapshot.lake.damage() {
                Some(damage) => Err(Damaged(damage.to_owned()).into()),
                None => Ok(QueryAnswer { damage: snapshot.damage, ..answer? }),
            }
        };
        // No client waits any more where time has run out.
        let _unheard = done.send(answer.await).is_err();
    });
    let answer = waiting.recv_timeout(limits.time);
    runtime.shutdown_background();
    answer.unwrap_or_else(|_| {
        bail!(
            "the query took longer than {} s and was ended: narrow it (for instance by start_unix_nanos) or raise \
             --timeout",
            limits.time.as_secs()
        )
    })
}

fn context(limits: &Limits) -> anyhow::Result<SessionContext> {
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(limits.memory_bytes, 1.0).build_arc()?;
    let mut config = SessionConfig::new().with_information_schema(true);
    let parquet = &mut config.options_mut().execution.parquet;
    parquet.pushdown_filters = true;
    parquet.reorder_filters = true;
    // Text as text: the store's columns are plain UTF-8, and so the snapshot's schema says.
    parquet.schema_force_view_types = false;
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rule(Arc::new(tables::IdsInBinary))
        .build();
    Ok(SessionContext::new_with_state(state))
}

async fn answer(context: &SessionContext, sql: &str, rows_max: usize) -> anyhow::Result<QueryAnswer> {
    let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let query = context.sql_with_options(sql, read_only).await.context("failed to plan the query")?;
    let schema = Arc::clone(query.schema().inner());
    let mut stream = query.execute_stream().await.context("failed to start the query")?;
    let mut batches = Vec::new();
    let mut rows_left = rows_max;
    while let Some(batch) = stream.try_next().await.context("failed to run the query")? {
        if batch.num_rows() > rows_left {
            batches.push(batch.slice(0, rows_left));
            return Ok(QueryAnswer { schema, batches, more: true, damage: None });
        }
        rows_left -= batch.num_rows();
        batches.push(batch);
    }
    Ok(QueryAnswer { schema, batches, more: false, damage: None })
}
