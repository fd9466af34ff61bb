//! The files of a package, in one order whatever made them, and the tar archive of them.
//!
//! The same files and the same time give the same bytes: entries are sorted by path and belong to root, and nothing
//! of the machine (owner, clock, umask) is written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Context;
use flate2::{Compression, GzBuilder};

use super::release::Release;

/// Mode of a folder and of a program.
pub(crate) const PROGRAM: u32 = 0o755;
/// Mode of a file that is read.
pub(crate) const DOCUMENT: u32 = 0o644;

#[derive(Debug, Clone)]
pub(crate) enum TreeEntry<'a> {
    /// A file with its mode.
    File(Cow<'a, [u8]>, u32),
    /// A folder with its mode.
    Folder(u32),
}

/// Files by path, without a leading slash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree<'a> {
    entries: BTreeMap<String, TreeEntry<'a>>,
}

impl<'a> Tree<'a> {
    /// Adds a document.
    pub(crate) fn document(&mut self, path: impl Into<String>, bytes: impl Into<Cow<'a, [u8]>>) {
        self.entries.insert(path.into(), TreeEntry::File(bytes.into(), DOCUMENT));
    }

    /// Adds a program.
    pub(crate) fn program(&mut self, path: impl Into<String>, bytes: impl Into<Cow<'a, [u8]>>) {
        self.entries.insert(path.into(), TreeEntry::File(bytes.into(), PROGRAM));
    }

    /// Adds a folder.
    pub(crate) fn folder(&mut self, path: impl Into<String>, mode: u32) {
        self.entries.insert(path.into(), TreeEntry::Folder(mode));
    }

    /// Adds the folders above every entry, which Debian's tools and images expect to be there.
    pub(crate) fn with_parents(mut self) -> Self {
        let paths: Vec<String> = self.entries.keys().cloned().collect();
        for path in paths {
            for (slash, _) in path.match_indices('/') {
                self.entries.entry(path[..slash].to_owned()).or_insert(TreeEntry::Folder(PROGRAM));
            }
        }
        self
    }

    /// The entries by path.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &TreeEntry<'a>)> {
        self.entries.iter().map(|(path, entry)| (path.as_str(), entry))
    }

    /// Writes a tar archive, every path behind `prefix`, every time `seconds` since 1970.
    ///
    /// # Errors
    ///
    /// Where `to` cannot be written.
    pub(crate) fn write_tar<W: Write>(&self, to: W, prefix: &str, seconds: u64) -> anyhow::Result<W> {
        let mut archive = tar::Builder::new(to);
        for (path, entry) in &self.entries {
            let mut header = tar::Header::new_gnu();
            header.set_mtime(seconds);
            header.set_uid(0);
            header.set_gid(0);
            let name = format!("{prefix}{path}");
            let outcome = match entry {
                TreeEntry::File(bytes, mode) => {
                    header.set_entry_type(tar::EntryType::Regular);
                    header.set_mode(*mode);
                    header.set_size(bytes.len() as u64);
                    archive.append_data(&mut header, &name, bytes.as_ref())
                }
                TreeEntry::Folder(mode) => {
                    header.set_entry_type(tar::EntryType::Directory);
                    header.set_mode(*mode);
                    header.set_size(0);
                    archive.append_data(&mut header, format!("{name}/"), std::io::empty())
                }
            };
            outcome.with_context(|| format!("failed to archive {name}"))?;
        }
        Ok(archive.into_inner()?)
    }

    /// The tar archive in memory.
    pub(crate) fn tar(&self, prefix: &str, seconds: u64) -> anyhow::Result<Vec<u8>> {
        self.write_tar(Vec::new(), prefix, seconds)
    }

    /// The tar archive in memory, compressed, at the time of the release.
    pub(crate) fn tar_gz(&self, prefix: &str, release: &Release) -> anyhow::Result<Vec<u8>> {
        Ok(self.write_tar(gzip(Vec::new(), release.compression), prefix, release.seconds)?.finish()?)
    }
}

/// Compresses without the time, the name or the operating system that gzip could note.
fn gzip<W: Write>(to: W, compression: Compression) -> flate2::write::GzEncoder<W> {
    /// gzip's number for an unknown operating system.
    const UNKNOWN_SYSTEM: u8 = 255;
    GzBuilder::new().mtime(0).operating_system(UNKNOWN_SYSTEM).write(to, compression)
}

/// The bytes, compressed.
pub(crate) fn gzipped(bytes: &[u8], compression: Compression) -> anyhow::Result<Vec<u8>> {
    let mut encoder = gzip(Vec::new(), compression);
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_sorted_and_belong_to_root_at_one_time() {
        let mut tree = Tree::default();
        tree.program("usr/bin/kino", b"program".as_slice());
        tree.document("usr/a", b"document".as_slice());
        let bytes = tree.with_parents().tar("./", 1_700_000_000).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let seen: Vec<_> = archive.entries().unwrap().map(Result::unwrap).collect();
        let shown = seen.iter().map(|entry| {
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 1_700_000_000));
            format!("{} {:o}", entry.path().unwrap().display(), header.mode().unwrap())
        });
        assert_eq!(shown.collect::<Vec<_>>(), ["usr/ 755", "usr/a 644", "usr/bin/ 755", "usr/bin/kino 755"]);
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes() {
        let make = || {
            let mut tree = Tree::default();
            tree.document("b", vec![7; 100_000]);
            tree.document("a", b"text".as_slice());
            tree.tar_gz("x/", &super::super::release::example()).unwrap()
        };
        assert_eq!(make(), make());
    }
}
