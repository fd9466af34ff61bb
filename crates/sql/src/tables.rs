//! The tables as SQL sees them: files and rows together, ids as text.

use std::sync::Arc;

use arrow_schema::DataType;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF, ident};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};
use datafusion::prelude::{DataFrame, SessionContext};

use crate::hex::{Counts, HexId, compare_in_binary};
use object_store::ObjectStore;

use crate::lake::Lake;
use crate::snapshot::{Snapshot, TableSnapshot};

/// Registers a view for each table of the snapshot.
pub(crate) fn register(context: &SessionContext, snapshot: &Snapshot) -> Result<()> {
    let counts = (!snapshot.replaced_traces.is_empty())
        .then(|| Arc::new(Counts::udf(Arc::new(snapshot.replaced_traces.clone()))));
    let hex = Arc::new(HexId::udf());
    for (name, table) in &snapshot.tables {
        let whole = files_and_rows(context, table, &snapshot.lake, counts.as_ref())?;
        let columns = table.schema.fields().iter().map(|field| match field.data_type() {
            DataType::FixedSizeBinary(_) => hex.call(vec![ident(field.name())]).alias(field.name()),
            _ => ident(field.name()),
        });
        context.register_table(name.as_str(), whole.select(columns)?.into_view())?;
    }
    Ok(())
}

fn files_and_rows(
    context: &SessionContext,
    table: &TableSnapshot,
    lake: &Arc<Lake>,
    counts: Option<&Arc<ScalarUDF>>,
) -> Result<DataFrame> {
    let rows = MemTable::try_new(Arc::clone(&table.schema), vec![table.rows.clone()])?;
    let rows = context.read_table(Arc::new(rows))?;
    if table.files.is_empty() {
        return Ok(rows);
    }
    let urls = table.files.iter().map(ListingTableUrl::parse).collect::<Result<Vec<_>>>()?;
    for url in &urls {
        context.register_object_store(url.object_store().as_ref(), Arc::clone(lake) as Arc<dyn ObjectStore>);
    }
    let options = ListingOptions::new(Arc::new(ParquetFormat::default().with_enable_pruning(true)))
        .with_file_extension(".parquet");
    let listing = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options)
        .with_schema(Arc::clone(&table.schema));
    let mut files = context.read_table(Arc::new(ListingTable::try_new(listing)?))?;
    if let Some(counts) = counts {
        files = files.filter(counts.call(vec![ident("trace_id")]))?;
    }
    files.union(rows)
}

/// Compares ids in binary wherever a query compares their text: see [`compare_in_binary`].
#[derive(Debug)]
pub(crate) struct IdsInBinary;

impl OptimizerRule for IdsInBinary {
    fn name(&self) -> &'static str {
        "ids_in_binary"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up(rewrite_expressions)
    }
}

fn rewrite_expressions(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expression| {
        let name = names.save(&expression);
        let rewritten = expression.transform_up(|inner: Expr| {
            Ok(compare_in_binary(&inner).map_or_else(|| Transformed::no(inner), Transformed::yes))
        })?;
        Ok(rewritten.update_data(|expression| name.restore(expression)))
    })
}
