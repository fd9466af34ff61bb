//! The snapshot's files as DataFusion reads them: no other file can be reached, and no byte goes on unverified.
//!
//! ```text
//!  part asked for ─► whole blocks ─► read ─► each block's checksum compared ─► part
//! ```

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use anyhow::Context as _;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use datafusion::datasource::listing::ListingTableUrl;
use futures::stream::{self, BoxStream, StreamExt as _};
use kino_lake::group::{cut, whole_blocks};
use kino_wire::admin::LakeFile;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What errors call it.
const NAME: &str = "lake";

/// The files of one snapshot.
#[derive(Debug, Default)]
pub(crate) struct Lake {
    disk: LocalFileSystem,
    files: HashMap<Path, File>,
    damage: OnceLock<String>,
}

#[derive(Debug)]
struct File {
    bytes: u64,
    /// Four little-endian bytes a block; `None` for a file that was written before there were checksums.
    sums: Option<Vec<u8>>,
}

impl Lake {
    /// Lets these files be read.
    ///
    /// # Errors
    /// Where the snapshot does not say it in the form agreed on.
    pub(crate) fn of(files: &[LakeFile]) -> anyhow::Result<Self> {
        let file = |file: &LakeFile| {
            let path = ListingTableUrl::parse(&file.url)?.prefix().clone();
            let sums = file.blocks.as_ref().map(|sums| STANDARD.decode(sums)).transpose();
            let sums = sums.context("the snapshot's checksums are not base64")?;
            Ok((path, File { bytes: file.bytes, sums }))
        };
        let files = files.iter().map(file).collect::<anyhow::Result<_>>()?;
        Ok(Self { files, ..Self::default() })
    }

    /// The first damage that was met, in a sentence: whatever the query gave is no answer then.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    fn file(&self, path: &Path) -> Result<&File> {
        self.files.get(path).ok_or_else(|| Error::NotFound {
            path: path.to_string(),
            source: "the snapshot does not have this file".into(),
        })
    }

    /// An error that is not `NotFound`: DataFusion takes that for a folder without files, and answers without them.
    fn damaged(&self, path: &Path, why: &dyn fmt::Display) -> Error {
        let damage = format!("the file /{path} is damaged: {why}");
        Error::Generic { store: NAME, source: self.damage.get_or_init(|| damage).clone().into() }
    }

    async fn meta(&self, path: &Path, options: GetOptions) -> Result<ObjectMeta> {
        let file = self.file(path)?;
        let head = GetOptions { head: true, range: None, ..options };
        let meta = self.disk.get_opts(path, head).await.map_err(|error| self.damaged(path, &error))?.meta;
        if file.sums.is_some() && meta.size != file.bytes {
            return Err(self.damaged(path, &format!("it has {} bytes instead of {}", meta.size, file.bytes)));
        }
        Ok(meta)
    }

    async fn verified(&self, path: &Path, parts: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let file = self.file(path)?;
        let unreadable = |error| self.damaged(path, &error);
        let Some(sums) = &file.sums else { return self.disk.get_ranges(path, parts).await.map_err(unreadable) };
        let blocks = |part| whole_blocks(part, file.bytes).ok_or_else(|| self.damaged(path, &"its footer is wrong"));
        let blocks = parts.iter().map(blocks).collect::<Result<Vec<_>>>()?;
        let read = self.disk.get_ranges(path, &blocks).await.map_err(unreadable)?;
        let of_blocks = parts.iter().zip(&blocks).zip(&read);
        let verified = of_blocks.map(|((part, blocks), bytes)| cut(sums, part, blocks, bytes));
        verified
            .collect::<Result<_, _>>()
            .map_err(|at| self.damaged(path, &format!("its bytes from {at} on are not those that were written")))
    }
}

impl fmt::Display for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

#[async_trait]
impl ObjectStore for Lake {
    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let (range, head) = (options.range.clone(), options.head);
        let meta = self.meta(path, options).await?;
        let part = range.map_or(Ok(0..meta.size), |range| range.as_range(meta.size));
        let part = part.map_err(|error| self.damaged(path, &error))?;
        let read = if head { Vec::new() } else { self.verified(path, std::slice::from_ref(&part)).await? };
        let payload = GetResultPayload::Stream(stream::iter(read).map(Ok).boxed());
        Ok(GetResult { payload, meta, range: part, attributes: Attributes::default() })
    }

    async fn get_ranges(&self, path: &Path, parts: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.verified(path, parts).await
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter([Err(refused())]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        Err(refused())
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(refused())
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(refused())
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        stream::iter([Err(refused())]).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused())
    }
}

/// It is a list of files to read, and nothing else.
fn refused() -> Error {
    Error::NotSupported { source: "the files of a snapshot are only read, each by its name".into() }
}
