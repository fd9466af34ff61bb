//! Parts of files in a local folder: read at once where the operating system has them in memory, which is the rule;
//! else everything that is missing is asked of the disk together, instead of one part after the other.

use std::path::PathBuf;

/// The folder of a local lake.
#[derive(Debug)]
pub(super) struct Folder(#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "read on Linux"))] PathBuf);

impl Folder {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::{self, IoSliceMut};
    use std::num::NonZeroU64;
    use std::ops::Range;
    use std::os::unix::fs::FileExt;

    use bytes::Bytes;
    use rustix::fs::Advice;
    use rustix::io::{Errno, ReadWriteFlags};

    use super::Folder;

    /// More than this is copied on a thread for such work, from memory or not.
    const AT_ONCE_BYTES_MAX: u64 = 1 << 20;

    impl Folder {
        /// These parts of the file at `path`; `None` where it cannot be read like this.
        pub(in crate::read) async fn ranges(&self, path: &str, ranges: &[Range<u64>]) -> Option<Vec<Bytes>> {
            let file = File::open(self.0.join(path)).ok()?;
            let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
            let at_once = bytes <= AT_ONCE_BYTES_MAX;
            let mut read: Vec<Option<Bytes>> =
                ranges.iter().map(|range| at_once.then(|| in_memory(&file, range)).flatten()).collect();
            if read.iter().all(Option::is_some) {
                return read.into_iter().collect();
            }
            let missing: Vec<usize> = (0..ranges.len()).filter(|part| read[*part].is_none()).collect();
            let wanted: Vec<Range<u64>> = missing.iter().map(|part| ranges[*part].clone()).collect();
            let rest = tokio::task::spawn_blocking(move || from_disk(&file, &wanted)).await.ok()?.ok()?;
            for (part, bytes) in missing.into_iter().zip(rest) {
                read[part] = Some(bytes);
            }
            read.into_iter().collect()
        }
    }

    /// A part of a file, if all of it can be had without waiting.
    fn in_memory(file: &File, range: &Range<u64>) -> Option<Bytes> {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).ok()?];
        let read = rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut bytes)], range.start, ReadWriteFlags::NOWAIT);
        read.is_ok_and(|length| length == bytes.len()).then(|| Bytes::from(bytes))
    }

    fn from_disk(file: &File, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        for range in ranges {
            let length = NonZeroU64::new(range.end - range.start);
            match rustix::fs::fadvise(file, range.start, length, Advice::WillNeed) {
                // Not every filesystem takes advice; the read itself says what is wrong.
                Ok(()) | Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let read = |range: &Range<u64>| {
            let mut bytes = vec![0; (range.end - range.start) as usize];
            file.read_exact_at(&mut bytes, range.start)?;
            Ok(Bytes::from(bytes))
        };
        ranges.iter().map(read).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[tokio::test]
        async fn parts_are_given_in_the_order_asked_and_a_part_beyond_the_end_is_not_made_up() {
            let folder = tempfile::tempdir().expect("a folder");
            let content: Vec<u8> = (0..3 * AT_ONCE_BYTES_MAX).map(|at| (at % 251) as u8).collect();
            std::fs::write(folder.path().join("file"), &content).expect("writes");
            let reader = Folder::new(folder.path().to_owned());
            for asked in [vec![5..9, 0..3, 1_000..1_000], vec![7..2 * AT_ONCE_BYTES_MAX + 1, 3..4]] {
                let read = reader.ranges("file", &asked).await.expect("reads");
                let expected = asked.iter().map(|range| &content[range.start as usize..range.end as usize]);
                assert!(read.iter().map(Bytes::as_ref).eq(expected), "{asked:?}");
            }
            let end = content.len() as u64;
            assert!(reader.ranges("file", std::slice::from_ref(&(end - 2..end + 1))).await.is_none());
            assert!(reader.ranges("nothing", std::slice::from_ref(&(0..1))).await.is_none());
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Folder {
    /// Elsewhere files are read as `object_store` reads them.
    #[expect(clippy::unused_async, reason = "it is asynchronous where it reads")]
    pub(super) async fn ranges(&self, _: &str, _: &[std::ops::Range<u64>]) -> Option<Vec<bytes::Bytes>> {
        None
    }
}
