//! `find`: traces by filter, newest first.

use std::collections::BTreeSet;

use kino_model::{DurationNanos, RunId, UnixNanos};
use kino_store::TraceRow;
use kino_store::snapshot::{Operation, TraceFilter};
use kino_text::suggest;
use kino_wire::Problem;
use kino_wire::ask::UnknownName;
use kino_wire::find::{DEFAULT_LIMIT, Find, FindItem, FindQuestion, MAX_LIMIT};

use crate::error::OrProblem;
use crate::limit::limit;
use crate::runs::RunRecords;
use crate::{Engine, scope};

impl Engine {
    pub(crate) async fn find(&self, question: FindQuestion) -> Result<Find, Problem> {
        let limit = limit(question.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
        let filter = self.filter(&question).await?;
        let found = self.snapshot().find(&filter, limit, question.cursor.as_deref()).await.or_problem()?;
        let (mut unknown_service, mut unknown_name) = (None, None);
        if found.rows.is_empty() {
            self.check_run(filter.run_ids.as_deref()).await?;
            unknown_service = self.unknown_service(question.service.as_deref(), filter.project.as_deref()).await?;
            unknown_name = self.unknown_name(question.name.as_deref(), filter.project.as_deref()).await?;
        }
        let recorded = self.inner.runs.recorded(found.rows.iter().filter_map(|row| row.run_id.as_deref())).await?;
        Ok(Find {
            schema: Find::SCHEMA.to_owned(),
            items: found.rows.into_iter().map(|row| item(row, &recorded)).collect(),
            more: found.next.is_some(),
            cursor: found.next,
            unknown_service,
            unknown_name,
        })
    }

    /// Says so where no service of these projects is called as the one that a question names.
    pub(crate) async fn unknown_service(
        &self,
        service: Option<&str>,
        project: Option<&str>,
    ) -> Result<Option<UnknownName>, Problem> {
        self.unknown(service, project, |operation| &operation.service).await
    }

    /// Says so where no span of these projects is called as the one that a question names.
    async fn unknown_name(&self, name: Option<&str>, project: Option<&str>) -> Result<Option<UnknownName>, Problem> {
        self.unknown(name, project, |operation| &operation.name).await
    }

    async fn unknown(
        &self,
        name: Option<&str>,
        project: Option<&str>,
        of: impl Fn(&Operation) -> &str,
    ) -> Result<Option<UnknownName>, Problem> {
        let Some(name) = name else { return Ok(None) };
        let known = self.snapshot().operations(project).await.or_problem()?;
        let names: BTreeSet<&str> = known.operations.iter().map(of).collect();
        // Beyond the bound of operations names are counted together.
        let may_be_known = known.other.count > 0 || names.contains(name);
        Ok((!may_be_known).then(|| UnknownName { did_you_mean: suggest::nearest(name, names) }))
    }

    /// Fails where a question that found nothing names a run that was not recorded, and that no trace names either.
    pub(crate) async fn check_run(&self, run_ids: Option<&[String]>) -> Result<(), Problem> {
        let Some([id]) = run_ids else { return Ok(()) };
        let named = TraceFilter { run_ids: Some(vec![id.clone()]), ..TraceFilter::default() };
        if self.inner.runs.get(id).await?.is_some()
            || !self.snapshot().find(&named, 1, None).await.or_problem()?.rows.is_empty()
        {
            return Ok(());
        }
        Err(RunRecords::none_called(id))
    }

    /// The store's filter for a question. A run is found by a unique prefix where it was recorded, by its whole id
    /// where it was not, and is never scoped.
    pub(crate) async fn filter(&self, question: &FindQuestion) -> Result<TraceFilter, Problem> {
        let run_id = match &question.run_id {
            Some(run_id) => Some(self.inner.runs.id_of(run_id).await?),
            None => None,
        };
        Ok(TraceFilter {
            service: question.service.clone(),
            name: question.name.clone(),
            min_duration: question.min_duration_nanos.map(DurationNanos),
            since: question.since_unix_nanos.map(UnixNanos),
            until: question.until_unix_nanos.map(UnixNanos),
            error: question.error,
            attributes: question.attributes.clone(),
            project: if run_id.is_some() { None } else { scope::project(&question.scope) },
            run_ids: run_id.map(|run_id| vec![run_id]),
            ..TraceFilter::default()
        })
    }
}

fn item(row: TraceRow, recorded: &BTreeSet<RunId>) -> FindItem {
    FindItem {
        run_recorded: row.run_id.as_ref().and_then(|id| id.parse().ok()).is_some_and(|id| recorded.contains(&id)),
        trace_id: row.trace_id,
        root_service: row.root_service,
        root_name: row.root_name,
        start_unix_nanos: row.start.0,
        duration_nanos: row.duration.map(|DurationNanos(nanos)| nanos),
        span_count: row.span_count,
        error_count: row.error_count,
        run_id: row.run_id,
    }
}
