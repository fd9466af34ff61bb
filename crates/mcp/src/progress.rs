//! `notifications/progress`, for a call whose client asked for them.

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};

/// Reports how far one call is.
pub(crate) struct Progress {
    /// Where the reports go; `None` where the client asked for none.
    client: Option<(Peer<RoleServer>, ProgressToken)>,
}

impl Progress {
    /// Of the call that `context` is about.
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Self {
        let token = context.meta.get_progress_token();
        Self { client: token.map(|token| (context.peer.clone(), token)) }
    }

    /// Reports `done` of `total`, with one sentence.
    pub(crate) async fn report(&self, done: u64, total: u64, message: String) {
        let Some((peer, token)) = &self.client else { return };
        let mut report = ProgressNotificationParam::new(token.clone(), done as f64);
        report.total = Some(total as f64);
        report.message = Some(message);
        // A client that does not read is found gone by its own end.
        peer.notify_progress(report).await.ok();
    }
}
