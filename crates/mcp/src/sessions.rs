//! HTTP sessions, bounded in number: a client that opens one after another costs the others nothing.
//!
//! Over the bound, the session that was silent for the longest goes. Its client, should it come back, is answered 404,
//! which by the protocol means: initialize again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::Stream;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::WorkerTransport;
use rmcp::transport::common::server_side_http::{ServerSseMessage, SessionId};
use rmcp::transport::streamable_http_server::session::SessionManager;
use rmcp::transport::streamable_http_server::session::local::{
    LocalSessionManager, LocalSessionManagerError, LocalSessionWorker,
};

/// How long a session may be idle before it is dropped, so that clients that vanish do not add up.
const IDLE_MAX: Duration = Duration::from_mins(30);
/// Sessions at a time: each holds a task and a few buffers, and no developer runs this many assistants.
const SESSIONS_MAX: usize = 64;

/// The library's sessions in memory, and who spoke when.
#[derive(Debug)]
pub struct Sessions {
    local: LocalSessionManager,
    spoke: Mutex<Order>,
    bound: usize,
}

/// When each session spoke last, as a number that only grows.
#[derive(Debug, Default)]
struct Order {
    last: HashMap<SessionId, u64>,
    next: u64,
}

impl Order {
    fn note(&mut self, id: &SessionId) {
        self.next += 1;
        self.last.insert(id.clone(), self.next);
    }

    /// Takes out the session that was silent for the longest.
    fn take_most_silent(&mut self) -> Option<SessionId> {
        let id = self.last.iter().min_by_key(|(_, spoke)| **spoke).map(|(id, _)| id.clone())?;
        self.last.remove(&id);
        Some(id)
    }
}

impl Default for Sessions {
    fn default() -> Self {
        Self::bounded(SESSIONS_MAX)
    }
}

impl Sessions {
    fn bounded(bound: usize) -> Self {
        let mut local = LocalSessionManager::default();
        local.session_config.keep_alive = Some(IDLE_MAX);
        Self { local, spoke: Mutex::default(), bound }
    }

    fn order(&self) -> std::sync::MutexGuard<'_, Order> {
        self.spoke.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for one more: first what ended by itself goes, then the most silent.
    async fn make_room(&self) -> Result<(), LocalSessionManagerError> {
        let live = self.local.sessions.read().await.keys().cloned().collect::<std::collections::HashSet<_>>();
        self.order().last.retain(|id, _| live.contains(id));
        loop {
            let silent = {
                let mut order = self.order();
                if order.last.len() < self.bound {
                    return Ok(());
                }
                order.take_most_silent()
            };
            if let Some(id) = silent {
                self.local.close_session(&id).await?;
            }
        }
    }
}

impl SessionManager for Sessions {
    type Error = LocalSessionManagerError;
    type Transport = WorkerTransport<LocalSessionWorker>;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        self.make_room().await?;
        let (id, transport) = self.local.create_session().await?;
        self.order().note(&id);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.local.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        let known = self.local.has_session(id).await?;
        if known {
            self.order().note(id);
        }
        Ok(known)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.order().last.remove(id);
        self.local.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.local.create_stream(id, message).await
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.local.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.local.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.local.resume(id, last_event_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn over_the_bound_the_most_silent_session_goes() {
        let sessions = Sessions::bounded(2);
        let (first, _one) = sessions.create_session().await.unwrap();
        let (second, _two) = sessions.create_session().await.unwrap();
        assert!(sessions.has_session(&first).await.unwrap());
        let (third, _three) = sessions.create_session().await.unwrap();
        assert!(sessions.has_session(&first).await.unwrap(), "it spoke after the second");
        assert!(!sessions.has_session(&second).await.unwrap());
        assert!(sessions.has_session(&third).await.unwrap());
    }

    #[tokio::test]
    async fn a_closed_session_makes_room() {
        let sessions = Sessions::bounded(1);
        let (first, _one) = sessions.create_session().await.unwrap();
        sessions.close_session(&first).await.unwrap();
        let (second, _two) = sessions.create_session().await.unwrap();
        assert!(sessions.has_session(&second).await.unwrap());
        assert_eq!(sessions.order().last.len(), 1);
    }
}
