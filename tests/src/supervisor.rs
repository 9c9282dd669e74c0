//! The process between the tests and a server, which sees to the end of the server.

use std::env;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::server::Starts;

/// Where to put a server's directory.
///
/// A new database is hundreds of files to PostgreSQL, which take ten times longer on a disk than in memory. But not where
/// memory is short (a container has 64 MB of it by default), nor against an explicit wish.
pub(crate) fn parent_directory() -> PathBuf {
    const MEMORY: &str = "/dev/shm";
    const ENOUGH_KIB: u64 = 2 * 1024 * 1024;
    let free_kib = || -> Option<u64> {
        let output = Command::new("df").args(["-Pk", MEMORY]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
    };
    if env::var_os("TMPDIR").is_none() && free_kib() >= Some(ENOUGH_KIB) {
        PathBuf::from(MEMORY)
    } else {
        env::temp_dir()
    }
}

/// A server to be started.
pub(crate) struct Task<'a> {
    /// Who runs it, where the tests run as root.
    pub(crate) account: &'a str,
    /// Its directory, which is made for it.
    pub(crate) dir: &'a Path,
    pub(crate) port: u16,
    /// A file of `tests/servers`.
    pub(crate) description: &'a str,
    pub(crate) starts: Starts,
    /// What the description reads besides `dir` and `port`.
    pub(crate) variables: &'a [(&'a str, &'a str)],
}

/// Starts a server under `supervise.sh`: it ends, and its directory goes, when the child's stdin is closed.
pub(crate) fn start(task: &Task<'_>, cpu: Option<&usize>) -> io::Result<Child> {
    let (ids, dir) = (ids(task.account)?, task.dir);
    let mut command = match cpu {
        None => Command::new("sh"),
        Some(cpu) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &cpu.to_string(), "sh"]);
            command
        }
    };
    command
        .args(["-c", include_str!("supervise.sh"), "supervise"])
        .arg(task.description)
        .arg(match task.starts {
            Starts::Once => "once",
            Starts::Again => "again",
        })
        .current_dir(dir)
        .env("dir", dir)
        .env("port", task.port.to_string())
        .env("HOME", dir)
        .envs(task.variables.iter().copied())
        // server.rs looks for `Address already in use` in the log.
        .env("LC_ALL", "C")
        .process_group(0)
        .stdin(Stdio::piped());
    if let Some((user, group)) = ids {
        command.uid(user).gid(group);
    }

    // The supervisor removes it; until there is one, a kill would leave it behind.
    DirBuilder::new().mode(0o700).create(dir)?;
    let mut spawn = || {
        if let Some((user, group)) = ids {
            chown(dir, Some(user), Some(group))?;
        }
        let log = File::create(dir.join("log"))?;
        command.stdout(log.try_clone()?).stderr(log).spawn()
    };
    spawn().inspect_err(|_| drop(fs::remove_dir_all(dir)))
}

/// The user and the group to change to: those of the server's own account, but only when we are root.
fn ids(account: &str) -> io::Result<Option<(u32, u32)>> {
    let id = |args: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(args).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"]) != Some(0) {
        return Ok(None);
    }
    [account, "nobody"]
        .iter()
        .find_map(|name| Some((id(&["-u", name])?, id(&["-g", name])?)))
        .map(Some)
        .ok_or_else(|| {
            let text = format!("it does not run as root, and there is no user `{account}`");
            io::Error::other(text)
        })
}
