//! Finds the project of a program on this machine that sends spans without naming one.
//!
//! ```text
//!  peer's port ─► /proc/net/tcp: socket ─► /proc/PID/fd: process ─► its working directory ─► the common git directory
//! ```
//!
//! This works on Linux; elsewhere, and for processes of other users, the project stays unknown.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kino_model::Clock;

/// Connections in the cache; beyond it the cache is emptied.
const CACHED_MAX: usize = 1_024;
/// How long an entry is valid: a port may belong to another process later.
const VALID_NANOS: u64 = 30 * 1_000_000_000;

/// By a connection's address, when its project was found, in monotonic nanoseconds, and the project.
type Cache = BTreeMap<SocketAddr, (u64, Option<Arc<str>>)>;

/// Finds and caches the projects of senders.
#[derive(Clone, Debug)]
pub(crate) struct Senders {
    clock: Arc<dyn Clock>,
    cache: Arc<Mutex<Cache>>,
}

impl Senders {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, cache: Arc::default() }
    }

    /// Returns the project of the process at the other end of a connection; `None` where it is unknown. Takes some
    /// milliseconds for a connection that is not cached.
    pub(crate) async fn project(&self, peer: Option<SocketAddr>) -> Option<Arc<str>> {
        let peer = peer.filter(|peer| peer.ip().to_canonical().is_loopback())?;
        let now = self.clock.monotonic_nanos();
        if let Some((found, project)) = self.cache().get(&peer)
            && now.saturating_sub(*found) < VALID_NANOS
        {
            return project.clone();
        }
        let found = tokio::task::spawn_blocking(move || {
            let directory = working_directory(&process(socket(peer)?)?)?;
            Some(Arc::from(kino_repo::project::name_of(&directory)?))
        });
        let project: Option<Arc<str>> = found.await.ok().flatten();
        let mut cache = self.cache();
        if cache.len() >= CACHED_MAX {
            cache.clear();
        }
        cache.insert(peer, (now, project.clone()));
        project
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the inode of the socket whose local address is `peer`.
fn socket(peer: SocketAddr) -> Option<u64> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    tables.into_iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let local = address(fields.nth(1)?)?;
            let same = local.port() == peer.port() && local.ip().to_canonical() == peer.ip().to_canonical();
            same.then(|| fields.nth(7)?.parse().ok()).flatten().filter(|inode| *inode != 0)
        })
    })
}

/// Parses an address such as `0100007F:10DD`: words of 32 bits, each in the machine's byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let words: Option<Vec<[u8; 4]>> = ip
        .as_bytes()
        .chunks(8)
        .map(|word| Some(u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?.to_ne_bytes()))
        .collect();
    let bytes = words?.concat();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::from(four),
        Err(_) => IpAddr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?),
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// Returns the folder in `/proc` of the process that has the socket open.
fn process(inode: u64) -> Option<PathBuf> {
    let wanted = format!("socket:[{inode}]");
    let holds = |process: &Path| {
        let descriptors = fs::read_dir(process.join("fd")).ok()?;
        let mut links = descriptors.filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok());
        links.any(|link| link.as_os_str() == wanted.as_str()).then_some(())
    };
    let processes = fs::read_dir("/proc").ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let numbered = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.bytes().all(|digit| digit.is_ascii_digit()))
    };
    processes.filter(numbered).find(|process| holds(process).is_some())
}

fn working_directory(process: &Path) -> Option<PathBuf> {
    fs::read_link(process.join("cwd")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_system_are_read() {
        let ours = u32::from_ne_bytes([127, 0, 0, 1]);
        assert_eq!(address(&format!("{ours:08X}:10DD")).unwrap().to_string(), "127.0.0.1:4317");
        let words = [0, 0, u32::from_ne_bytes([0, 0, 255, 255]), ours].map(|word| format!("{word:08X}")).concat();
        let mapped = address(&format!("{words}:10DE")).unwrap();
        assert_eq!(mapped.ip().to_canonical().to_string(), "127.0.0.1");
        assert!(address("127.0.0.1:80").is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_behind_a_connection_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let found = process(socket(client.local_addr().unwrap()).unwrap()).unwrap();
        assert_eq!(found.file_name().unwrap().to_str().unwrap(), std::process::id().to_string());
    }
}
