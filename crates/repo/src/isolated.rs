//! A git directory of our own over a repository's objects, through which git reads and writes files of a worktree.
//!
//! ```text
//! the repository's .git                              ours, in the scratch folder
//!   objects ─────────── GIT_OBJECT_DIRECTORY ──────►   (none)
//!   index ──────────────────── copied ─────────────►   index
//!   info/{exclude,attributes,sparse-checkout} ── copied ──► info/
//!   config ──── the keys of SETTINGS, and no filters ──► config
//!   hooks, filters, drivers, monitors, remotes' programs, modules ── not taken
//! ```
//!
//! Git executes what configuration names: filters, drivers, hooks, monitors. Here it finds the user's own (system and
//! global) and ours, never the repository's, whatever it names and in whichever file it is included from. Attributes of
//! the worktree still choose among the filters that the user's own configuration defines, as git-lfs needs it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, Git};

/// What these folders begin with; the process that made one follows.
pub(crate) const PREFIX: &str = "git.";
/// No real configuration is longer.
const CONFIG_BYTES_MAX: usize = 4 << 20;
/// No real list of patterns is longer.
const PATTERNS_BYTES_MAX: u64 = 4 << 20;
/// What is taken over from the repository's configuration: how bytes become files. Each value is one plain word.
const SETTINGS: [&str; 11] = [
    "core.autocrlf",
    "core.eol",
    "core.filemode",
    "core.symlinks",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.checkstat",
    "core.trustctime",
    "core.sparsecheckout",
    "core.sparsecheckoutcone",
    "extensions.objectformat",
];
/// The scopes that are the user's own; any other is the repository's.
const OWN_SCOPES: [&str; 3] = ["system", "global", "command"];
/// What of a filter is executed.
const FILTER_PROGRAMS: [&str; 3] = ["clean", "smudge", "process"];
/// The longest value that is taken over, a remote's address among them.
const VALUE_BYTES_MAX: usize = 512;

/// The git directory; removed when dropped.
#[derive(Debug)]
pub(crate) struct IsolatedGitDir {
    git: Git,
    folder: PathBuf,
    worktree: PathBuf,
    /// The worktree's own git directory, which holds its index.
    git_dir: PathBuf,
    objects: PathBuf,
    index: PathBuf,
    /// What the repository's configuration names and does not get.
    pub(crate) refused: Refused,
}

/// What of a repository's configuration is without effect, for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Filters that only the repository's configuration defines.
    pub(crate) filters: BTreeSet<String>,
    /// Whether objects may be missing that git would fetch.
    pub(crate) is_partial: bool,
    /// Whether it defines hooks, which versions of git that know such a section execute whatever `core.hooksPath` says.
    pub(crate) hooks: bool,
}

impl IsolatedGitDir {
    /// Makes one for `worktree`, at `commit`, below `scratch`. `None` where git does not answer or the disk fails.
    pub(crate) fn open(git: &Git, worktree: &Path, commit: &str, scratch: &Path) -> Option<Self> {
        let places = git.command(worktree, &["rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"]);
        let places = command::text(places, CONFIG_BYTES_MAX)?;
        let mut places = places.lines().map(PathBuf::from);
        let (git_dir, common_dir) = (places.next()?, places.next()?);
        let (config, refused) = configuration(git, worktree)?;
        let folder = scratch.join(format!("{PREFIX}{}", std::process::id()));
        // Left by a process of the same number.
        drop(fs::remove_dir_all(&folder));
        let made = Self {
            git: git.clone(),
            index: folder.join("index"),
            objects: common_dir.join("objects"),
            worktree: worktree.to_owned(),
            folder,
            git_dir,
            refused,
        };
        made.write(&common_dir, commit, &config).ok()?;
        Some(made)
    }

    fn write(&self, common_dir: &Path, commit: &str, config: &str) -> io::Result<()> {
        for folder in ["refs", "info"] {
            fs::create_dir_all(self.folder.join(folder))?;
        }
        fs::write(self.folder.join("HEAD"), format!("{commit}\n"))?;
        fs::write(self.folder.join("config"), config)?;
        let info = [(common_dir, "exclude"), (common_dir, "attributes"), (&self.git_dir, "sparse-checkout")];
        for (from, name) in info {
            if let Some(patterns) = read_regular(&from.join("info").join(name))? {
                fs::write(self.folder.join("info").join(name), patterns)?;
            }
        }
        // Where git-lfs keeps what its pointers stand for.
        let lfs = common_dir.join("lfs");
        if lfs.is_dir() {
            symlink(lfs, self.folder.join("lfs"))?;
        }
        Ok(())
    }

    /// Copies the worktree's index, so that changing it here leaves the user's as it is.
    ///
    /// # Errors
    /// Where it cannot be copied. A repository without an index yet has nothing to copy.
    pub(crate) fn copy_index(&self) -> io::Result<()> {
        let original = self.git_dir.join("index");
        if !original.metadata().is_ok_and(|index| index.is_file()) {
            return Ok(());
        }
        fs::copy(&original, &self.index)?;
        // As old as the original: by that git finds which files may have changed within the clock's grain since.
        let modified = fs::metadata(&original)?.modified()?;
        File::options().write(true).open(&self.index)?.set_modified(modified)?;
        for entry in fs::read_dir(&self.git_dir)?.flatten() {
            // The larger part of an index that is split in two.
            if entry.file_name().as_encoded_bytes().starts_with(b"sharedindex.") {
                symlink(entry.path(), self.folder.join(entry.file_name()))?;
            }
        }
        Ok(())
    }

    /// A git command over the worktree's files and our copy of its index.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.git.command(&self.worktree, arguments);
        command.env("GIT_DIR", &self.folder).env("GIT_WORK_TREE", &self.worktree);
        command.env("GIT_OBJECT_DIRECTORY", &self.objects).env("GIT_INDEX_FILE", &self.index);
        command
    }

    /// The command that writes the commit's files into the worktree, and its index where git looks for it.
    pub(crate) fn check_out(&self) -> Command {
        let mut command = self.command(&["reset", "--hard", "--quiet", "--no-recurse-submodules"]);
        command.env("GIT_INDEX_FILE", self.git_dir.join("index"));
        command
    }
}

impl Drop for IsolatedGitDir {
    fn drop(&mut self) {
        // What is left where this fails is swept later.
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Our configuration for a worktree, and what of its own is refused. `None` where git cannot list it by scope.
pub(crate) fn configuration(git: &Git, worktree: &Path) -> Option<(String, Refused)> {
    let listed = command::text(git.command(worktree, &["config", "--list", "--show-scope", "-z"]), CONFIG_BYTES_MAX)?;
    Some(take_over(&listed))
}

/// A regular file's content; `None` where there is none. Anything else could block, or have no end.
fn read_regular(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if !path.metadata().is_ok_and(|file| file.is_file() && file.len() <= PATTERNS_BYTES_MAX) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(PATTERNS_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Our configuration, from what `git config --list --show-scope -z` lists, and what of it is refused.
fn take_over(listed: &str) -> (String, Refused) {
    let mut config = "[core]\n\tbare = false\n".to_owned();
    let (mut refused, mut own) = (Refused::default(), BTreeSet::new());
    let mut parts = listed.split('\0');
    while let (Some(scope), Some(entry)) = (parts.next(), parts.next()) {
        let (key, value) = entry.split_once('\n').unwrap_or((entry, "true"));
        let Some((section, name)) = key.rsplit_once('.') else { continue };
        let is_own = OWN_SCOPES.contains(&scope);
        if let Some(filter) = section.strip_prefix("filter.")
            && FILTER_PROGRAMS.contains(&name)
        {
            let filters = if is_own { &mut own } else { &mut refused.filters };
            filters.insert(filter.to_owned());
        }
        if is_own {
            continue;
        }
        refused.hooks |= section.starts_with("hook.");
        refused.is_partial |= name == "promisor" || key == "extensions.partialclone";
        if SETTINGS.contains(&key) && is_word(value) {
            config.extend(["[", section, "]\n\t", name, " = ", value, "\n"]);
        }
        if key == "extensions.objectformat" {
            config.push_str("[core]\n\trepositoryformatversion = 1\n");
        }
        // Where git-lfs may find what is not here yet. Git itself may use no protocol.
        if let Some(remote) = section.strip_prefix("remote.")
            && name == "url"
            && is_word(remote)
            && is_address(value)
        {
            config.extend(["[remote \"", remote, "\"]\n\turl = ", value, "\n"]);
        }
    }
    refused.filters.retain(|filter| !own.contains(filter));
    (config, refused)
}

/// Whether text is one plain word, which no reader takes for anything else.
pub(crate) fn is_word(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.len() <= VALUE_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(is_plain)
}

/// Whether text is an address over HTTPS or SSH, of a host that cannot be taken for an option.
fn is_address(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@:/._~-+%".contains(&byte);
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("ssh://"));
    let is_short_form = text.split_once(':').is_some_and(|(host, path)| host.contains('@') && !path.starts_with(':'));
    let host = rest.unwrap_or(text);
    let host = host.split_once('@').map_or(host, |(_, host)| host);
    (rest.is_some() || is_short_form)
        && text.len() <= VALUE_BYTES_MAX
        && text.bytes().all(is_plain)
        && !text.starts_with('-')
        && host.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// Removes what processes left that were killed.
pub(crate) fn sweep(scratch: &Path, prefixes: &[&str], lives: impl Fn(i32) -> bool) {
    let Ok(entries) = fs::read_dir(scratch) else { return };
    for entry in entries.flatten() {
        let name: OsString = entry.file_name();
        let pid = name.to_str().and_then(|name| prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)));
        if pid.and_then(|pid| pid.parse().ok()).is_some_and(|pid| !lives(pid)) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_repositorys_configuration_only_plain_settings_are_taken_over() {
        let listed = [
            ("global", "filter.lfs.smudge\ngit-lfs smudge -- %f"),
            ("local", "filter.lfs.smudge\nevil"),
            ("local", "filter.crypt.clean\nevil"),
            ("worktree", "filter.a.b.process\nevil"),
            ("local", "core.autocrlf\ninput"),
            ("local", "core.symlinks"),
            ("local", "core.eol\nlf\n[core]\n\tfsmonitor = evil"),
            ("local", "core.fsmonitor\nevil"),
            ("global", "core.filemode\nfalse"),
            ("local", "remote.origin.url\ngit@github.com:a/b.git"),
            ("local", "remote.origin.uploadpack\nevil"),
            ("local", "remote.x\"]\n\turl = y.url\nhttps://example.com"),
            ("local", "extensions.objectformat\nsha256"),
            ("submodule", "filter.unknown.clean\nevil"),
            ("local", "hook.own.command\nevil"),
        ];
        let listed: String = listed.iter().flat_map(|(scope, entry)| [*scope, "\0", *entry, "\0"]).collect();
        let (config, refused) = take_over(&listed);
        let filters: Vec<&str> = refused.filters.iter().map(String::as_str).collect();
        assert_eq!(filters, ["a.b", "crypt", "unknown"]);
        assert!(refused.hooks && !refused.is_partial);
        let expected = "[core]\n\tbare = false\n[core]\n\tautocrlf = input\n[core]\n\tsymlinks = true\n\
                        [remote \"origin\"]\n\turl = git@github.com:a/b.git\n[extensions]\n\tobjectformat = sha256\n\
                        [core]\n\trepositoryformatversion = 1\n";
        assert_eq!(config, expected);
    }

    #[test]
    fn only_addresses_over_https_and_ssh_are_addresses() {
        for address in
            ["https://github.com/a/b.git", "ssh://git@host:22/a", "git@host:a/b", "https://u@h.example/a%20b"]
        {
            assert!(is_address(address), "{address}");
        }
        for other in [
            "ext::sh -c evil",
            "ssh://-oProxyCommand=evil/a",
            "git@-oProxyCommand=evil:a",
            "-oX@host:a",
            "file:///a",
            "/a/b",
            "git@host::a",
            "https://a b",
            "https://h/\";evil",
            "",
        ] {
            assert!(!is_address(other), "{other}");
        }
    }
}
