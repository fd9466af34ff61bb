//! Subscriptions to the findings' resources, and the notifications of their changes.
//!
//! There are two generations of the protocol: a session subscribes to single resources and is notified until it ends; a
//! later client opens a stream with a filter and is notified there. Both ask one question that waits for changes.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kino_wire::Backend;
use kino_wire::ask::{Scope, ask};
use kino_wire::insights::{FindingsChanged, MAX_WAIT_MILLIS};
use rmcp::model::{ResourceUpdatedNotificationParam, SubscriptionFilter};
use rmcp::service::SubscriptionContext;
use rmcp::{ErrorData, Peer, RoleServer};

use crate::tools::insights::{FINDINGS_URI, uri};

/// Before an engine that cannot be reached is asked again.
const RETRY: Duration = Duration::from_secs(5);
/// Resources that one session may subscribe to: more than there are findings.
const SUBSCRIPTIONS_MAX: usize = 2_000;

/// What one session has subscribed to.
#[derive(Clone, Default)]
pub(crate) struct Subscribed {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    uris: BTreeSet<String>,
    /// Whether a task already waits for changes for this session.
    followed: bool,
}

/// A notification to send.
#[derive(Clone, Debug, PartialEq, Eq)]
enum News {
    /// This resource reads differently.
    Updated(String),
    /// There are other resources than before.
    Listed,
}

impl Subscribed {
    /// Adds a resource; returns whether it is the session's first, so that [`Self::follow`] must be called.
    pub(crate) fn add(&self, uri: &str) -> Result<bool, ErrorData> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_ours(uri) {
            return Err(unknown());
        }
        if state.uris.len() >= SUBSCRIPTIONS_MAX {
            let message = format!("at most {SUBSCRIPTIONS_MAX} resources can be subscribed to");
            return Err(ErrorData::invalid_params(message, None));
        }
        state.uris.insert(uri.to_owned());
        Ok(!std::mem::replace(&mut state.followed, true))
    }

    pub(crate) fn remove(&self, uri: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).uris.remove(uri);
    }

    fn has(&self, uri: &str) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).uris.contains(uri)
    }

    /// Notifies the session of changes from now on, until it ends.
    pub(crate) async fn follow(self, backend: Arc<dyn Backend>, scope: Scope, peer: Peer<RoleServer>) {
        // Read before the subscription is confirmed, so that no change is missed in between.
        let after = now(backend.as_ref(), &scope).await;
        tokio::spawn(async move {
            let notify = |news| {
                let (peer, wanted) = (peer.clone(), self.clone());
                async move {
                    match news {
                        News::Updated(uri) if wanted.has(&uri) => {
                            peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await.is_ok()
                        }
                        News::Updated(_) => !peer.is_transport_closed(),
                        News::Listed => peer.notify_resource_list_changed().await.is_ok(),
                    }
                }
            };
            follow(backend.as_ref(), &scope, after, || peer.is_transport_closed(), notify).await;
        });
    }
}

/// Returns the part of a filter that this server can serve.
pub(crate) fn accepted(requested: &SubscriptionFilter) -> SubscriptionFilter {
    let mut accepted = SubscriptionFilter::new();
    accepted.resources_list_changed = requested.resources_list_changed;
    accepted.resource_subscriptions = requested
        .resource_subscriptions
        .as_ref()
        .map(|uris| uris.iter().filter(|uri| is_ours(uri)).take(SUBSCRIPTIONS_MAX).cloned().collect());
    accepted
}

/// Notifies a client on its stream until it hangs up.
pub(crate) async fn listen(backend: &dyn Backend, scope: &Scope, context: &SubscriptionContext) {
    let sink = context.sink();
    let notify = |news| async move {
        let accepted = sink.accepted();
        match news {
            News::Updated(uri) if accepted.resource_subscriptions.as_ref().is_some_and(|uris| uris.contains(&uri)) => {
                sink.notify_resource_updated(uri).await.is_ok()
            }
            News::Listed if accepted.resources_list_changed == Some(true) => {
                sink.notify_resource_list_changed().await.is_ok()
            }
            News::Updated(_) | News::Listed => true,
        }
    };
    tokio::select! {
        () = context.cancelled() => {}
        () = follow(backend, scope, None, || false, notify) => {}
    }
}

/// The number of the newest change; `None` where the engine cannot say.
async fn now(backend: &dyn Backend, scope: &Scope) -> Option<u64> {
    let question = FindingsChanged { after: None, wait_millis: 0, scope: scope.clone() };
    ask(backend, &question).await.ok().map(|changes| changes.sequence)
}

/// Waits for changes and sends notifications, until `notify` fails or `ended` returns true.
async fn follow<T: Future<Output = bool>>(
    backend: &dyn Backend,
    scope: &Scope,
    mut after: Option<u64>,
    ended: impl Fn() -> bool,
    notify: impl Fn(News) -> T,
) {
    while !ended() {
        let question = FindingsChanged { after, wait_millis: MAX_WAIT_MILLIS, scope: scope.clone() };
        let Ok(changes) = ask(backend, &question).await else {
            // The engine may come back, and its count continues from what is stored.
            tokio::time::sleep(RETRY).await;
            continue;
        };
        if after.is_some_and(|after| changes.sequence < after) {
            // Another engine, on another home.
            after = None;
            continue;
        }
        after = Some(changes.sequence);
        let mut news: Vec<News> = changes.items.iter().map(|item| News::Updated(uri(item.fingerprint))).collect();
        if !news.is_empty() || changes.removed {
            news.push(News::Updated(FINDINGS_URI.to_owned()));
            news.push(News::Listed);
        }
        for one in news {
            if !notify(one).await {
                return;
            }
        }
    }
}

/// Whether such a resource may exist.
fn is_ours(uri: &str) -> bool {
    let rest = uri.strip_prefix(FINDINGS_URI);
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('/').is_some_and(|name| crate::untrusted::word(name) == name)
    })
}

/// Says which resources there are.
pub(crate) fn unknown() -> ErrorData {
    let message = format!("no such resource: there are {FINDINGS_URI} and {FINDINGS_URI}/FINGERPRINT");
    ErrorData::resource_not_found(message, None)
}
