//! `live`, `operations` and `services`: what a view that follows along asks for, cheap however much is stored.

use std::collections::BTreeMap;
use std::time::Duration;

use kino_model::UnixNanos;
use kino_store::snapshot::{Operation, OperationFilter};
use kino_wire::Problem;
use kino_wire::ask::Scope;
use kino_wire::explain::Quantiles;
use kino_wire::live::{
    DEFAULT_OPERATIONS, Live, LiveQuestion, MAX_OPERATIONS, OperationSummary, Operations, OperationsQuestion,
    ServiceSummary, Services, ServicesQuestion, WAIT_MILLIS_MAX,
};

use crate::error::OrProblem;
use crate::limit::limit;
use crate::{Engine, scope};

impl Engine {
    /// Answers once something changed, or the wait is over, or the engine is about to end.
    pub(crate) async fn live(&self, question: LiveQuestion) -> Result<Live, Problem> {
        let mut changes = self.inner.changes.subscribe();
        let now = *changes.borrow_and_update();
        if question.seen == Some(now) {
            let wait = Duration::from_millis(question.wait_millis.min(WAIT_MILLIS_MAX));
            tokio::select! {
                // The sender lives as long as the engine: an error cannot come.
                _ = changes.changed() => {}
                () = tokio::time::sleep(wait) => {}
                () = self.stop_requested() => {}
            }
        }
        let changes = *changes.borrow_and_update();
        Ok(Live { schema: Live::SCHEMA.to_owned(), changes })
    }

    /// Notifies the clients that wait for a change.
    pub(crate) fn changed(&self) {
        self.inner.changes.send_modify(|changes| *changes += 1);
    }

    pub(crate) async fn operations(&self, question: OperationsQuestion) -> Result<Operations, Problem> {
        let limit = limit(question.limit, DEFAULT_OPERATIONS, MAX_OPERATIONS)?;
        let known = self.known(&question.scope, question.since_unix_nanos, question.until_unix_nanos).await?;
        let mut operations = known.operations;
        operations.retain(|operation| {
            let of_service = question.service.as_ref().is_none_or(|service| *service == operation.service);
            of_service && operation.rollup.count > 0 && (!question.roots || operation.rollup.roots > 0)
        });
        operations.sort_by_key(|operation| std::cmp::Reverse(operation.rollup.total_nanos));
        let left_out = operations.len().saturating_sub(limit) as u64;
        operations.truncate(limit);
        let unknown_service = if operations.is_empty() {
            let project = scope::project(&question.scope);
            self.unknown_service(question.service.as_deref(), project.as_deref()).await?
        } else {
            None
        };
        Ok(Operations {
            schema: Operations::SCHEMA.to_owned(),
            items: operations.into_iter().map(summary).collect(),
            left_out,
            other_spans: known.other.count,
            not_looked_at: known.not_looked_at,
            unknown_service,
        })
    }

    pub(crate) async fn services(&self, question: ServicesQuestion) -> Result<Services, Problem> {
        let limit = limit(question.limit, DEFAULT_OPERATIONS, MAX_OPERATIONS)?;
        let known = self.known(&question.scope, question.since_unix_nanos, question.until_unix_nanos).await?;
        let mut services: BTreeMap<String, ServiceSummary> = BTreeMap::new();
        for operation in known.operations.into_iter().filter(|operation| operation.rollup.count > 0) {
            let service = services.entry(operation.service).or_default();
            service.operations += 1;
            service.spans += operation.rollup.count;
            service.roots += operation.rollup.roots;
            service.errors += operation.rollup.errors;
        }
        let mut items: Vec<_> =
            services.into_iter().map(|(service, counts)| ServiceSummary { service, ..counts }).collect();
        items.sort_by_key(|service| std::cmp::Reverse(service.spans));
        let left_out = items.len().saturating_sub(limit) as u64;
        items.truncate(limit);
        let (other_spans, not_looked_at) = (known.other.count, known.not_looked_at);
        Ok(Services { schema: Services::SCHEMA.to_owned(), items, left_out, other_spans, not_looked_at })
    }

    /// The operations of a scope, from rollups; of a window, from the spans that started within it.
    async fn known(
        &self,
        scope: &Scope,
        since: Option<i64>,
        until: Option<i64>,
    ) -> Result<kino_store::snapshot::Operations, Problem> {
        let (snapshot, project) = (self.snapshot(), scope::project(scope));
        if since.is_none() && until.is_none() {
            return snapshot.operations(project.as_deref()).await.or_problem();
        }
        let (since, until) = (since.map(UnixNanos), until.map(UnixNanos));
        let filter = OperationFilter { project, since, until, ..OperationFilter::default() };
        snapshot.operations_within(&filter).await.or_problem()
    }
}

fn summary(operation: Operation) -> OperationSummary {
    let at = |q| operation.quantile(q);
    let duration = match (at(0.5), at(0.95), at(0.99), at(1.0)) {
        (Some(p50_nanos), Some(p95_nanos), Some(p99_nanos), Some(max_nanos)) => {
            Some(Quantiles { p50_nanos, p95_nanos, p99_nanos, max_nanos })
        }
        _ => None,
    };
    OperationSummary {
        spans: operation.rollup.count,
        roots: operation.rollup.roots,
        errors: operation.rollup.errors,
        total_nanos: operation.rollup.total_nanos,
        duration,
        service: operation.service,
        name: operation.name,
    }
}
