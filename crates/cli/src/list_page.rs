//! Which list of an explained trace is paged through, and from where.

use clap::{Args, ValueEnum};
use kino_model::TraceId;
use kino_wire::explain::{DEFAULT_PAGE, ExplainList, ExplainTraceQuestion};

/// A page of one list of an explained trace.
#[derive(Debug, Args)]
pub(crate) struct ListPage {
    /// One list of a trace's answer, page by page, instead of what matters most of each.
    #[arg(long, value_enum, value_name = "LIST", conflicts_with = "system")]
    pub(crate) list: Option<List>,
    /// Skip this many entries of the list.
    #[arg(long, value_name = "N", requires = "list", default_value_t = 0)]
    offset: u64,
    /// At most this many entries of the list.
    #[arg(long, value_name = "N", requires = "list", default_value_t = DEFAULT_PAGE as u64)]
    limit: u64,
}

/// The lists of an explained trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum List {
    /// Every segment, in time order.
    CriticalPath,
    /// Time by operation.
    Breakdown,
    /// What is wrong.
    Findings,
    /// Spans without a known parent, besides the root.
    OtherRoots,
}

impl ListPage {
    /// The question about a trace, or about the part of it below a span, that these arguments make.
    pub(crate) fn question(&self, trace_id: TraceId, span: Option<String>) -> ExplainTraceQuestion {
        let list = self.list.map(|list| match list {
            List::CriticalPath => ExplainList::CriticalPath,
            List::Breakdown => ExplainList::Breakdown,
            List::Findings => ExplainList::Findings,
            List::OtherRoots => ExplainList::OtherRoots,
        });
        match list {
            None => ExplainTraceQuestion { span, ..ExplainTraceQuestion::overview(trace_id) },
            list => ExplainTraceQuestion {
                list,
                span,
                offset: self.offset,
                limit: self.limit,
                ..ExplainTraceQuestion::overview(trace_id)
            },
        }
    }
}
