//! What a Linux program needs of the machine that it runs on: its shared libraries and the versions of their symbols.
//!
//! Reads the dynamic section, the table of needed versions (`.gnu.version_r`) and the name of the loader; never runs
//! the program. The oldest glibc that a program runs on is the newest `GLIBC_` version that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};
use object::elf::{DT_NEEDED, EM_AARCH64, EM_X86_64, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, StringTable};

/// A version of a library's symbols, as in `GLIBC_2.17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    /// The first number.
    pub major: u32,
    /// The second number; a third (`GLIBC_2.2.5`) is dropped, for packages do not name it.
    pub minor: u32,
}

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut numbers = text.split('.').map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self { major, minor }),
            _ => bail!("{text:?} is not a version such as 2.17"),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.major, self.minor)
    }
}

/// What a program needs of its machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// `x86_64` or `aarch64`.
    pub processor: &'static str,
    /// The path of the loader; `None` for a static program and for a library.
    pub loader: Option<String>,
    /// The shared libraries by file name.
    pub libraries: BTreeSet<String>,
    /// The symbol versions by library, such as `GLIBC_2.17` of `libc.so.6`.
    pub versions: BTreeMap<String, BTreeSet<String>>,
}

impl Needs {
    /// Reads an ELF file.
    ///
    /// # Errors
    ///
    /// Where the bytes are not a 64-bit ELF file for a processor that packages have a name for.
    pub(crate) fn read(bytes: &[u8]) -> anyhow::Result<Self> {
        let header = FileHeader64::<Endianness>::parse(bytes).context("not a 64-bit ELF file")?;
        let endian = header.endian()?;
        let processor = match header.e_machine(endian) {
            EM_X86_64 => "x86_64",
            EM_AARCH64 => "aarch64",
            other => bail!("no package has a name for the processor with ELF's number {other:?}"),
        };
        let mut needs = Self { processor, ..Self::default() };
        for segment in header.program_headers(endian, bytes)? {
            if let Some(loader) = segment.interpreter(endian, bytes)? {
                needs.loader = Some(text(loader)?);
            }
        }
        let sections = header.sections(endian, bytes)?;
        if let Some((entries, link)) = sections.dynamic(endian, bytes)? {
            let strings = sections.strings(endian, bytes, link)?;
            for entry in entries.iter().filter(|entry| entry.tag(endian) == DT_NEEDED) {
                needs.libraries.insert(string(strings, u32::try_from(entry.d_val(endian))?)?);
            }
        }
        if let Some((mut libraries, link)) = sections.gnu_verneed(endian, bytes)? {
            let strings = sections.strings(endian, bytes, link)?;
            while let Some((library, mut versions)) = libraries.next()? {
                let names = needs.versions.entry(text(library.file(endian, strings)?)?).or_default();
                while let Some(version) = versions.next()? {
                    names.insert(text(version.name(endian, strings)?)?);
                }
            }
        }
        Ok(needs)
    }

    /// The oldest glibc that has every symbol; `None` for a program that names no version of it.
    pub(crate) fn glibc(&self) -> Option<Version> {
        self.newest("GLIBC_")
    }

    /// The newest version with a prefix, over all libraries.
    pub(crate) fn newest(&self, prefix: &str) -> Option<Version> {
        let names = self.versions.values().flatten().filter_map(|name| name.strip_prefix(prefix));
        names.filter_map(|number| number.parse().ok()).max()
    }
}

fn string(strings: StringTable<'_>, offset: u32) -> anyhow::Result<String> {
    let Ok(bytes) = strings.get(offset) else { bail!("a name is outside of the table of strings") };
    text(bytes)
}

fn text(bytes: &[u8]) -> anyhow::Result<String> {
    Ok(std::str::from_utf8(bytes).context("a library's name is not text")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(versions: &[(&str, &[&str])]) -> Needs {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let versions = versions.iter().map(|(library, names)| ((*library).to_owned(), set(names))).collect();
        Needs { versions, ..Needs::default() }
    }

    #[test]
    fn the_oldest_glibc_is_the_newest_version_named() {
        let both = needs(&[("libc.so.6", &["GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.17"]), ("libm.so.6", &["GLIBC_2.27"])]);
        assert_eq!(both.glibc(), Some(Version { major: 2, minor: 27 }));
        assert_eq!(needs(&[("libgcc_s.so.1", &["GCC_3.0"])]).glibc(), None);
    }

    #[test]
    fn numbers_compare_as_numbers() {
        assert!("2.9".parse::<Version>().unwrap() < "2.17".parse().unwrap());
        assert!("PRIVATE".parse::<Version>().is_err());
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn the_needs_of_a_real_program_are_read() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let needs = Needs::read(&bytes).unwrap();
        assert!(needs.libraries.contains("libc.so.6"), "{needs:?}");
        assert!(needs.loader.as_deref().is_some_and(|loader| loader.contains("ld-linux")), "{needs:?}");
        assert!(needs.glibc() >= Some(Version { major: 2, minor: 2 }), "{needs:?}");
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(Needs::read(b"#!/bin/sh\n").is_err());
        assert!(Needs::read(b"\x7fELF").is_err());
    }
}
