//! Bytes of lake files: the one place that reads them, and no byte leaves it unverified.
//!
//! ```text
//!  parts asked for ─► whole blocks ─► read ─► each block's checksum compared ─► parts
//! ```
//!
//! A file that was written before blocks had checksums is read whole once and compared with its checksum; its
//! block sums are computed then.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use rustix::io::Errno;

use super::folder::Folder;
use crate::group::{FileEntry, Sums, cut, whole_blocks};

/// More than this is verified on a thread for such work: a tenth of a millisecond of one core.
const INLINE_BYTES_MAX: u64 = 1 << 20;

/// Why bytes of a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// Bytes are not what was written.
    #[error("its bytes from {at} on are not those that were written")]
    Changed {
        /// Where.
        at: u64,
    },
    /// The file is longer or shorter.
    #[error("it has {found} bytes, the catalog says {expected}")]
    Length { found: u64, expected: u64 },
    /// Its footer speaks of bytes that it does not have.
    #[error("it has no bytes {} to {}", .0.start, .0.end)]
    Outside(Range<u64>),
    /// The file is gone, or its folder or disk does not give it.
    #[error("it cannot be read")]
    Unreadable(#[source] object_store::Error),
    /// The way to the file is at fault, or the moment.
    #[error("it cannot be reached")]
    Unreachable(#[source] object_store::Error),
    /// The runtime ends, and what was under way with it.
    #[error("the engine is stopping")]
    Stopping,
    /// Its content made the decoder panic.
    #[error("its content cannot be decoded: see the log for the panic before this")]
    Undecodable,
}

impl Fault {
    /// Whether the file itself is at fault.
    pub(crate) fn is_damage(&self) -> bool {
        !matches!(self, Self::Unreachable(_) | Self::Stopping)
    }
}

impl From<Fault> for ParquetError {
    fn from(fault: Fault) -> Self {
        Self::External(Box::new(fault))
    }
}

/// The files of one lake.
#[derive(Debug)]
pub(crate) struct Files {
    store: Arc<dyn ObjectStore>,
    folder: Option<Folder>,
    /// One file is read through at a time, and by one reader.
    learning: tokio::sync::Mutex<()>,
    /// Files whose block sums are new, and not yet in the catalog.
    learned: Mutex<Vec<FileEntry>>,
}

impl Files {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, folder: Option<PathBuf>) -> Self {
        let folder = folder.map(Folder::new);
        Self { store, folder, learning: tokio::sync::Mutex::default(), learned: Mutex::default() }
    }

    /// These parts of a file, as they were written.
    pub(super) async fn ranges(&self, file: &FileEntry, parts: &[Range<u64>]) -> Result<Vec<Bytes>, Fault> {
        let Some(sums) = self.sums(file).await? else { return self.read(file, parts).await };
        let blocks: Vec<Range<u64>> = parts
            .iter()
            .map(|part| whole_blocks(part, file.meta.bytes).ok_or_else(|| Fault::Outside(part.clone())))
            .collect::<Result<_, _>>()?;
        let read = self.read(file, &blocks).await?;
        let parts = parts.to_vec();
        let bytes = parts.iter().map(|part| part.end - part.start).sum::<u64>();
        let cut = move || {
            let of_blocks = parts.iter().zip(&blocks).zip(&read);
            let verified = of_blocks.map(|((part, blocks), bytes)| cut(&sums, part, blocks, bytes));
            verified.collect::<Result<Vec<_>, _>>().map_err(|at| Fault::Changed { at })
        };
        if bytes <= INLINE_BYTES_MAX {
            return cut();
        }
        tokio::task::spawn_blocking(cut).await.map_err(|_| Fault::Stopping)?
    }

    /// The sums of a file's blocks; `None` for a file of which the catalog has no checksum at all.
    pub(crate) async fn sums(&self, file: &FileEntry) -> Result<Option<Bytes>, Fault> {
        if let Some(sums) = file.meta.blocks.bytes() {
            return Ok(Some(sums.clone()));
        }
        if file.meta.checksum.is_none() {
            return Ok(None);
        }
        let _turn = self.learning.lock().await;
        if let Some(sums) = file.meta.blocks.bytes() {
            return Ok(Some(sums.clone()));
        }
        let sums = self.read_through(file).await?;
        if file.meta.blocks.learn(sums.clone()) {
            self.learned.lock().unwrap_or_else(PoisonError::into_inner).push(file.clone());
        }
        Ok(Some(sums))
    }

    /// Holds a whole file against what the catalog says of it, and gives the sums of its blocks.
    ///
    /// # Errors
    /// Where it is not what was written, or cannot be read.
    pub(crate) async fn read_through(&self, file: &FileEntry) -> Result<Bytes, Fault> {
        let of_store = |error| self.fault(error);
        let mut pieces = self.store.get(&Path::from(file.path.as_str())).await.map_err(of_store)?.into_stream();
        let (mut sums, mut sum, mut length) = (Sums::default(), 0, 0);
        while let Some(piece) = pieces.try_next().await.map_err(of_store)? {
            sums.add(&piece);
            sum = crc32c::crc32c_append(sum, &piece);
            length += piece.len() as u64;
        }
        if length != file.meta.bytes {
            return Err(Fault::Length { found: length, expected: file.meta.bytes });
        }
        let sums = sums.finish();
        if let Some(expected) = file.meta.blocks.bytes().filter(|expected| **expected != sums) {
            return Err(Fault::Changed { at: first_difference(expected, &sums) });
        }
        if file.meta.checksum.is_some_and(|expected| expected != sum) {
            return Err(Fault::Changed { at: 0 });
        }
        Ok(sums)
    }

    /// The files whose block sums were worked out since the last call.
    pub(crate) fn take_learned(&self) -> Vec<FileEntry> {
        std::mem::take(&mut *self.learned.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn read(&self, file: &FileEntry, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, Fault> {
        if let Some(folder) = &self.folder
            && let Some(read) = folder.ranges(&file.path, ranges).await
        {
            return Ok(read);
        }
        // It also knows best what is wrong with a file that could not be read.
        let path = Path::from(file.path.as_str());
        let read = self.store.get_ranges(&path, ranges).await.map_err(|error| self.fault(error))?;
        let wrong = ranges.iter().zip(&read).find(|(range, bytes)| range.end - range.start != bytes.len() as u64);
        wrong.map_or(Ok(()), |(range, _)| Err(Fault::Outside(range.clone())))?;
        Ok(read)
    }

    /// A local file that cannot be read is damaged, unless it is the machine that has too much to do.
    fn fault(&self, error: object_store::Error) -> Fault {
        let is_gone = matches!(error, object_store::Error::NotFound { .. });
        if is_gone || (self.folder.is_some() && !is_of_the_moment(&error)) {
            Fault::Unreadable(error)
        } else {
            Fault::Unreachable(error)
        }
    }
}

/// Returns the offset of the first block whose sums differ.
fn first_difference(one: &[u8], other: &[u8]) -> u64 {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    (same / size_of::<u32>()) as u64 * crate::group::BLOCK_BYTES
}

/// Whether the operating system had no descriptor, memory or thread left, or was interrupted.
fn is_of_the_moment(error: &(dyn std::error::Error + 'static)) -> bool {
    const OF_THE_MOMENT: [Errno; 5] = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::INTR, Errno::AGAIN];
    let mut error = Some(error);
    while let Some(now) = error {
        if let Some(io) = now.downcast_ref::<std::io::Error>()
            && let Some(code) = io.raw_os_error()
        {
            return OF_THE_MOMENT.iter().any(|known| known.raw_os_error() == code);
        }
        if now.downcast_ref::<tokio::task::JoinError>().is_some() {
            return true;
        }
        error = now.source();
    }
    false
}

/// A file as the Parquet reader wants it.
pub(super) struct Object<'a> {
    pub(super) files: &'a Files,
    pub(super) file: &'a FileEntry,
    pub(super) metadata: Option<Arc<ParquetMetaData>>,
}

impl AsyncFileReader for Object<'_> {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move {
            let mut read = self.files.ranges(self.file, std::slice::from_ref(&range)).await?;
            Ok(read.pop().ok_or(Fault::Outside(range))?)
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move { Ok(self.files.ranges(self.file, &ranges).await?) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        let metadata = self.metadata.clone();
        async move { metadata.ok_or_else(|| ParquetError::General("the footer is read beforehand".into())) }.boxed()
    }
}
