//! The Unix socket on which an engine answers its owner's commands, and its path.
//!
//! ```text
//!  $KINO_HOME/engine.sock                     where the home takes a socket
//!  $XDG_RUNTIME_DIR/kinescope/HASH.sock       else: a read-only home, a full disk, a path that is too long
//!  /run/user/UID/kinescope/HASH.sock          the same folder as a rule, for programs started without the variable
//!  /tmp/kinescope-UID/HASH.sock               where there is no such folder
//! ```
//!
//! HASH is of the home's path. A folder that does not belong to the user alone is neither used nor trusted, and both ends
//! ask the system for the user of the other: no token is needed, and so none is sent to another user's process.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use sha2::{Digest, Sha256};
use tokio::net::{UnixListener, UnixStream};

use crate::connections::{Listener, Peer};
use crate::keys::to_hex;

/// The socket's name in a home.
const SOCKET_FILE: &str = "engine.sock";
/// How often an engine checks that its socket still has its name.
const NAME_EVERY: Duration = Duration::from_secs(2);
/// Bytes of the hash that names a home in a folder for all homes.
const HASH_BYTES: usize = 16;

/// The paths that the socket of a home may have, in the order in which they are tried.
#[derive(Clone, Debug)]
pub struct SocketPlaces {
    home: PathBuf,
    /// Folders for the sockets of all homes.
    shared: Vec<SharedFolder>,
    name: String,
}

#[derive(Clone, Debug)]
struct SharedFolder {
    folder: PathBuf,
    /// Whether the folder above must be the user's own; `/tmp` is everyone's.
    above_is_own: bool,
}

/// A socket that an engine listens on.
#[derive(Debug)]
pub(crate) struct BoundSocket {
    pub(crate) path: PathBuf,
    listener: StdListener,
    /// A lock for as long as the socket is this engine's: the lock of a read-only home does not exclude other engines.
    lock: Option<File>,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another engine answers on it.
    #[error("another engine serves this home at {}", .0.display())]
    InUse(PathBuf),
    /// It can be made at none of the paths.
    #[error("no place takes the socket for commands: {0}; set XDG_RUNTIME_DIR to a folder of yours with mode 0700")]
    NoPlace(String),
}

impl SocketPlaces {
    /// Returns the paths for `home`; `runtime` is `XDG_RUNTIME_DIR`.
    pub fn of(home: &Path, runtime: Option<&Path>) -> Self {
        let user = user();
        let canonical = home.canonicalize().unwrap_or_else(|_| home.to_path_buf());
        let hash = Sha256::digest(canonical.as_os_str().as_encoded_bytes());
        let name = to_hex(&hash[..HASH_BYTES]);
        let system = PathBuf::from(format!("/run/user/{user}"));
        let mut own: Vec<PathBuf> =
            runtime.filter(|folder| folder.is_absolute()).map(Path::to_owned).into_iter().collect();
        if !own.contains(&system) {
            own.push(system);
        }
        let mut shared: Vec<SharedFolder> = own
            .into_iter()
            .map(|folder| SharedFolder { folder: folder.join("kinescope"), above_is_own: true })
            .collect();
        shared.push(SharedFolder { folder: PathBuf::from(format!("/tmp/kinescope-{user}")), above_is_own: false });
        Self { home: home.to_path_buf(), shared, name }
    }

    /// Connects to the engine of the home, if one of this user listens.
    ///
    /// # Errors
    /// Why the last socket that exists cannot be used, or that none exists.
    pub fn connect(&self) -> io::Result<StdStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no engine listens for this home");
        for path in self.paths() {
            match connect(&path) {
                Ok(stream) => return Ok(stream),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn paths(&self) -> impl Iterator<Item = PathBuf> {
        let trusted = self.shared.iter().filter(|shared| shared.check().is_ok());
        let shared = trusted.map(|shared| shared.folder.join(format!("{}.sock", self.name)));
        std::iter::once(self.home.join(SOCKET_FILE)).chain(shared)
    }

    /// Makes the socket at the first path that allows it. The caller owns the home's lock.
    pub(crate) fn bind(&self) -> Result<BoundSocket, SocketError> {
        let path = self.home.join(SOCKET_FILE);
        let mut refusals = match bind(&path) {
            Ok(listener) => return Ok(BoundSocket { path, listener, lock: None }),
            Err(error) => vec![format!("{}: {error}", path.display())],
        };
        for shared in &self.shared {
            let path = shared.folder.join(format!("{}.sock", self.name));
            let bound = shared.make().and_then(|()| lock(&path.with_extension("lock")));
            match bound.and_then(|lock| Ok((bind(&path)?, lock))) {
                Ok((listener, lock)) => return Ok(BoundSocket { path, listener, lock: Some(lock) }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(SocketError::InUse(path)),
                Err(error) => refusals.push(format!("{}: {error}", path.display())),
            }
        }
        Err(SocketError::NoPlace(refusals.join("; ")))
    }
}

impl SharedFolder {
    /// Makes the folder; fails for one that another user could have prepared.
    fn make(&self) -> io::Result<()> {
        if let Some(above) = self.folder.parent().filter(|_| self.above_is_own) {
            must_be_own(above, 0o022)?;
        }
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        self.check()
    }

    fn check(&self) -> io::Result<()> {
        must_be_own(&self.folder, 0o077)
    }
}

/// Fails where the path is not a folder, belongs to another user, or has one of the `forbidden` mode bits. Links are not
/// followed.
fn must_be_own(folder: &Path, forbidden: u32) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    let refuse =
        |why: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} {why}", folder.display())));
    if !found.is_dir() {
        refuse("is not a folder".to_owned())
    } else if found.uid() != user() {
        refuse(format!("belongs to user {}", found.uid()))
    } else if found.mode() & forbidden != 0 {
        refuse(format!("is open to other users (mode {:04o})", found.mode() & 0o7777))
    } else {
        Ok(())
    }
}

fn connect(path: &Path) -> io::Result<StdStream> {
    let found = fs::symlink_metadata(path)?;
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} {why}", path.display())));
    if !found.file_type().is_socket() {
        return refuse("is not a socket");
    }
    if found.uid() != user() {
        return refuse("belongs to another user");
    }
    // An engine that has stopped accepting must not block its callers: connecting fails where it would wait.
    let kind = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let stream = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, kind, None)?;
    rustix::net::connect(&stream, &SocketAddrUnix::new(path)?)?;
    let stream = StdStream::from(stream);
    stream.set_nonblocking(false)?;
    if peer(&stream)? == user() { Ok(stream) } else { refuse("is another user's") }
}

#[cfg(target_os = "linux")]
fn peer(stream: &StdStream) -> io::Result<u32> {
    Ok(rustix::net::sockopt::socket_peercred(stream)?.uid.as_raw())
}

/// Elsewhere the system is not asked for the other end's user: the owner of socket and folder was checked.
#[cfg(not(target_os = "linux"))]
fn peer(_: &StdStream) -> io::Result<u32> {
    Ok(user())
}

/// Listens at `path`; replaces the socket of an engine that is gone.
fn bind(path: &Path) -> io::Result<StdListener> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else has this name")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = StdListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Acquires a lock that ends with the process.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] where another process has it.
fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path)?;
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

impl BoundSocket {
    /// Returns the listener, and what removes the socket at the end.
    pub(crate) fn split(self) -> io::Result<(OwnerSocket, Remover)> {
        let folder = identity(self.path.parent().unwrap_or(&self.path))?;
        let socket = Mutex::new(identity(&self.path)?);
        let name = Arc::new(Name { path: self.path, folder, socket });
        let listener = tokio::sync::Mutex::new(UnixListener::from_std(self.listener)?);
        Ok((OwnerSocket { listener, name: Arc::clone(&name) }, Remover { name, _lock: self.lock }))
    }
}

/// The identity of a file or folder under any name: device and inode.
type Identity = (u64, u64);

fn identity(path: &Path) -> io::Result<Identity> {
    fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

/// The name by which commands find an engine's socket.
#[derive(Debug)]
struct Name {
    path: PathBuf,
    /// The folder in which it was made: another of the same name may be another engine's.
    folder: Identity,
    /// The socket that has the name.
    socket: Mutex<Identity>,
}

impl Name {
    fn socket(&self) -> MutexGuard<'_, Identity> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the socket again where its file was removed; returns `None` where it exists, or the folder was replaced.
    fn rebind(&self) -> io::Result<Option<StdListener>> {
        let is_gone = identity(&self.path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if !is_gone || identity(self.path.parent().unwrap_or(&self.path))? != self.folder {
            return Ok(None);
        }
        let listener = bind(&self.path)?;
        *self.socket() = identity(&self.path)?;
        Ok(Some(listener))
    }
}

/// Removes the socket when it is dropped, unless another engine has its name by then.
#[derive(Debug)]
pub(crate) struct Remover {
    name: Arc<Name>,
    _lock: Option<File>,
}

impl Drop for Remover {
    fn drop(&mut self) {
        let path = &self.name.path;
        if identity(path).is_ok_and(|found| found != *self.name.socket()) {
            return;
        }
        if let Err(error) = fs::remove_file(path) {
            tracing::debug!(%error, path = %path.display(), "the socket could not be removed");
        }
    }
}

/// Accepts connections of this user alone.
#[derive(Debug)]
pub(crate) struct OwnerSocket {
    listener: tokio::sync::Mutex<UnixListener>,
    name: Arc<Name>,
}

impl OwnerSocket {
    /// Accepts the next connection; meanwhile makes the socket again whenever its file was removed.
    async fn accept_here(&self) -> io::Result<UnixStream> {
        let mut listener = self.listener.lock().await;
        loop {
            tokio::select! {
                accepted = listener.accept() => return accepted.map(|(stream, _)| stream),
                () = tokio::time::sleep(NAME_EVERY) => match self.name.rebind() {
                    Ok(Some(bound)) => {
                        tracing::warn!(path = %self.name.path.display(), "the socket was removed; made it again");
                        *listener = UnixListener::from_std(bound)?;
                    }
                    Ok(None) => {}
                    Err(error) => tracing::debug!(%error, "the socket is gone and cannot be made again"),
                },
            }
        }
    }
}

impl Listener for OwnerSocket {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, Option<Peer>)> {
        loop {
            let stream = self.accept_here().await?;
            let peer = stream.peer_cred()?.uid();
            if peer == user() {
                return Ok((stream, None));
            }
            tracing::warn!(user = peer, "another user's connection to the socket was closed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(home: &Path, runtime: &Path) -> SocketPlaces {
        let mut places = SocketPlaces::of(home, Some(runtime));
        // Only the folder of this test: the others are real ones.
        places.shared.truncate(1);
        places
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn the_socket_is_in_the_home_and_replaces_one_of_a_dead_engine() {
        let (home, runtime) = (folder(), folder());
        let places = places(home.path(), runtime.path());
        let bound = places.bind().unwrap();
        assert_eq!(bound.path, home.path().join(SOCKET_FILE));
        assert_eq!(fs::metadata(&bound.path).unwrap().mode() & 0o777, 0o600);
        places.connect().unwrap();
        drop(bound);
        assert_eq!(places.connect().unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let _again = places.bind().unwrap();
        places.connect().unwrap();
    }

    #[tokio::test]
    async fn a_removed_socket_is_made_again() {
        let (home, runtime) = (folder(), folder());
        let places = places(home.path(), runtime.path());
        let (socket, remover) = places.bind().unwrap().split().unwrap();
        let accepting = tokio::spawn(async move { socket.accept().await.map(|_| ()) });
        fs::remove_file(home.path().join(SOCKET_FILE)).unwrap();
        while places.connect().is_err() {
            tokio::time::sleep(NAME_EVERY / 10).await;
        }
        accepting.await.unwrap().unwrap();
        drop(remover);
        assert!(!home.path().join(SOCKET_FILE).exists());
    }

    #[tokio::test]
    async fn an_engine_that_ends_leaves_the_socket_of_its_successor() {
        let (above, runtime) = (folder(), folder());
        let home = above.path().join("home");
        fs::create_dir(&home).unwrap();
        let places = places(&home, runtime.path());
        let (_socket, remover) = places.bind().unwrap().split().unwrap();
        fs::rename(&home, above.path().join("away")).unwrap();
        fs::create_dir(&home).unwrap();
        assert!(remover.name.rebind().unwrap().is_none(), "the home is another's");
        let successor = places.bind().unwrap();
        drop(remover);
        places.connect().unwrap();
        drop(successor);
    }

    #[test]
    fn a_home_that_takes_none_has_its_socket_in_the_runtime_folder_once() {
        let (home, runtime) = (folder(), folder());
        // Too long for a socket's address, as a home may be.
        let home = home.path().join("long".repeat(30));
        fs::create_dir(&home).unwrap();
        let places = places(&home, runtime.path());
        let bound = places.bind().unwrap();
        assert_eq!(bound.path.parent().unwrap(), runtime.path().join("kinescope"));
        places.connect().unwrap();
        assert!(matches!(places.bind(), Err(SocketError::InUse(_))));
        let other = SocketPlaces::of(runtime.path(), Some(runtime.path()));
        assert_ne!(other.name, places.name);
        drop(bound);
        places.bind().unwrap();
    }

    #[test]
    fn folders_that_others_may_have_prepared_are_neither_used_nor_asked() {
        let (home, runtime) = (folder(), folder());
        let home = home.path().join("long".repeat(30));
        fs::create_dir(&home).unwrap();
        let places = places(&home, runtime.path());
        let shared = runtime.path().join("kinescope");

        let elsewhere = folder();
        std::os::unix::fs::symlink(elsewhere.path(), &shared).unwrap();
        assert!(matches!(places.bind(), Err(SocketError::NoPlace(why)) if why.contains("is not a folder")));
        fs::remove_file(&shared).unwrap();

        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(places.bind(), Err(SocketError::NoPlace(why)) if why.contains("0755")));
        let _trap = StdListener::bind(shared.join(format!("{}.sock", places.name))).unwrap();
        assert_eq!(places.connect().unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::set_permissions(&shared, fs::Permissions::from_mode(0o700)).unwrap();
        places.connect().unwrap();

        fs::set_permissions(runtime.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(places.bind(), Err(SocketError::NoPlace(why)) if why.contains("0777")));
    }

    #[test]
    fn a_socket_of_another_user_is_not_asked() {
        let home = folder();
        let path = home.path().join(SOCKET_FILE);
        let _trap = StdListener::bind(&path).unwrap();
        let places = places(home.path(), home.path());
        places.connect().unwrap();
        // Only a privileged user can give a socket away; for others there is nothing more to try.
        if std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() {
            assert_eq!(places.connect().unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
    }
}
