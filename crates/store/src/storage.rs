//! The lake's storage: `object_store`, plus the syncing that it leaves out for local folders.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::disk::Disk;
use crate::error::{OpenError, StoreError};
use kino_lake::group::LakeTable;
use kino_lake::paths::{BLOBS, INVENTORIES, MANIFESTS};

/// Where files go that do not come back, within the lake.
pub(crate) const ASIDE: &str = "aside";
/// What a local lake's URL begins with.
const FILE_SCHEME: &str = "file://";

/// Where the lake's files are.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) url: String,
    /// The folder, where the lake is one.
    local: Option<PathBuf>,
    disk: Arc<dyn Disk>,
}

impl Storage {
    /// Opens the lake, and makes its folders if `writable`.
    pub(crate) fn open(
        url: Option<&str>,
        home: &Path,
        disk: &Arc<dyn Disk>,
        writable: bool,
    ) -> Result<Self, OpenError> {
        let folder = match url {
            None => home.join("lake"),
            Some(url) => match url.strip_prefix(FILE_SCHEME) {
                Some(path) => PathBuf::from(path),
                None if !url.contains("://") => PathBuf::from(url),
                None => {
                    let source = object_store::Error::NotSupported { source: "only local folders are built in".into() };
                    return Err(OpenError::Lake { url: url.to_owned(), source });
                }
            },
        };
        let refuse = |source| OpenError::Home { path: folder.clone(), source };
        if writable {
            make_folders(disk.as_ref(), &folder).map_err(refuse)?;
            if let Some(parent) = folder.parent() {
                disk.sync_dir(parent).map_err(refuse)?;
            }
        }
        let folder = std::path::absolute(&folder).map_err(refuse)?;
        let url = format!("{FILE_SCHEME}{}", folder.display());
        let objects =
            LocalFileSystem::new_with_prefix(&folder).map_err(|source| OpenError::Lake { url: url.clone(), source })?;
        Ok(Self { objects: Arc::new(objects), url, local: Some(folder), disk: Arc::clone(disk) })
    }

    /// Makes the folders that are missing in the lake.
    pub(crate) fn make_folders(&self) -> io::Result<()> {
        self.local.as_ref().map_or(Ok(()), |folder| make_folders(self.disk.as_ref(), folder))
    }

    /// The folder, where the lake is one.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        self.local.clone()
    }

    /// Writes files and makes them durable. A file that is there already is never written over: that is an error.
    /// Where it fails, what it made is removed as far as that goes.
    pub(crate) async fn put_all(&self, files: Vec<(String, Bytes)>) -> Result<(), StoreError> {
        let names: BTreeSet<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(names.len(), files.len(), "each file of the lake is written once");
        assert!(files.iter().all(|(_, bytes)| !bytes.is_empty()), "a file of the lake has content");
        let Some(folder) = self.local.clone() else {
            for (path, bytes) in files {
                let path = object_store::path::Path::from(path);
                self.objects.put_opts(&path, PutPayload::from_bytes(bytes), PutMode::Create.into()).await?;
            }
            return Ok(());
        };
        let disk = Arc::clone(&self.disk);
        let written = tokio::task::spawn_blocking(move || {
            let mut made = Vec::new();
            let written = create_all(disk.as_ref(), &folder, &files, &mut made);
            if written.is_err() {
                for path in made {
                    if let Err(error) = disk.remove(&path) {
                        tracing::debug!(%error, "a file that was not completed stays");
                    }
                }
            }
            written
        });
        Ok(written.await.map_err(|_| StoreError::Worker)??)
    }

    /// The numbered files of the lake, by their folders. Nothing where the lake is no local folder.
    pub(crate) fn names(&self) -> io::Result<BTreeMap<&'static str, Vec<(u64, PathBuf)>>> {
        let mut names = BTreeMap::new();
        let Some(folder) = &self.local else { return Ok(names) };
        for name in folders() {
            let files = match self.disk.list(&folder.join(name)) {
                Ok(files) => files,
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                Err(error) => return Err(error),
            };
            let numbered = |path: PathBuf| Some((path.file_stem()?.to_str()?.parse().ok()?, path));
            names.insert(name, files.into_iter().filter_map(numbered).collect());
        }
        Ok(names)
    }

    /// Removes a file; one that is gone already is fine.
    pub(crate) async fn remove(&self, path: &str) -> Result<(), StoreError> {
        match self.objects.delete(&object_store::path::Path::from(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Part of a file.
    pub(crate) async fn read(&self, path: &str, range: std::ops::Range<u64>) -> Result<Bytes, StoreError> {
        Ok(self.objects.get_range(&object_store::path::Path::from(path), range).await?)
    }
}

/// The lake's folders of numbered files.
fn folders() -> impl Iterator<Item = &'static str> {
    LakeTable::ALL.map(LakeTable::name).into_iter().chain([BLOBS, MANIFESTS, INVENTORIES])
}

fn make_folders(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    folders().try_for_each(|name| disk.create_dir_all(&folder.join(name)))?;
    disk.sync_dir(folder)
}

/// Makes each file and syncs it, and then their folders.
fn create_all(disk: &dyn Disk, folder: &Path, files: &[(String, Bytes)], made: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut folders = BTreeSet::new();
    for (path, bytes) in files {
        let path = folder.join(path);
        let mut file = disk.create(&path)?;
        made.push(path.clone());
        file.append(bytes)?;
        file.sync()?;
        folders.extend(path.parent().map(Path::to_path_buf));
    }
    folders.iter().try_for_each(|folder| disk.sync_dir(folder))
}
