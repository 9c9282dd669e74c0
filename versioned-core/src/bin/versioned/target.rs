//! The database that the caller names.
//!
//! A URL is read more strictly than the drivers read it. One that is wrong is never shown, because a
//! password may be at any place of it.

use std::env;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use crate::args::TargetArgs;
use crate::failure::{Exit, Failure, Outcome};
use crate::secrets::{Secrets, decoded};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Postgres,
    Mysql,
    Sqlite,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Mysql => "mysql",
            Self::Sqlite => "sqlite",
        }
    }

    /// The feature of this crate with which the tool knows it.
    pub(crate) fn feature(self) -> &'static str {
        match self {
            Self::Postgres => "cli-postgres",
            Self::Mysql => "cli-mysql",
            Self::Sqlite => "cli-sqlite",
        }
    }
}

/// A database, before it is connected to.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    /// What the driver gets, or the path of a file.
    pub(crate) url: String,
    /// What may be printed: `db1:5432`.
    pub(crate) host: Option<String>,
    pub(crate) secrets: Secrets,
}

/// Finds the URL: an argument, a file, or the environment.
pub(crate) fn find(args: &TargetArgs) -> Outcome<Target> {
    let named = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
    let url = if let Some(url) = &args.database_url {
        url.clone()
    } else if let Some(path) = &args.database_url_file {
        in_file(path)?
    } else if let Some(url) = named("VERSIONED_DATABASE_URL").or_else(|| named("DATABASE_URL")) {
        url
    } else {
        return Err(Failure::new(Exit::Usage, "no_database", "name a database")
            .hint("set VERSIONED_DATABASE_URL, or use --database-url-file or --database-url")
            .into());
    };
    usable(&url)
}

fn usable(url: &str) -> Outcome<Target> {
    read(url.trim()).map_err(|wrong| {
        let message = format!("fix the URL of the database: {wrong}");
        let hint =
            "in a password, write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25";
        Failure::new(Exit::Usage, "unusable_url", message)
            .hint(hint)
            .into()
    })
}

/// Finds the URL of the owner's database, if it has one of its own.
pub(crate) fn find_owner(file: Option<&Path>) -> Outcome<Option<Target>> {
    let named = env::var("VERSIONED_OWNER_DATABASE_URL").ok();
    let url = match file {
        Some(path) => Some(in_file(path)?),
        None => named.filter(|url| !url.trim().is_empty()),
    };
    url.map(|url| usable(&url)).transpose()
}

fn in_file(path: &Path) -> Outcome<String> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(path)
    };
    text.map_err(|error| {
        let message = format!("cannot read {}: {error}", path.display());
        Failure::new(Exit::Failed, "no_database", message).into()
    })
}

/// Reads a URL. An error shows nothing of it.
fn read(url: &str) -> Result<Target, String> {
    if url.is_empty() {
        return Err("it is empty".to_owned());
    }
    if url.chars().any(char::is_control) {
        return Err("it has a line break or another control character".to_owned());
    }
    match url.split_once("://") {
        Some(("postgres" | "postgresql", rest)) => server(Kind::Postgres, url, rest),
        Some(("mysql", rest)) => server(Kind::Mysql, url, rest),
        Some(("sqlite", path)) => file(path),
        Some(_) => Err("it begins with none of postgres://, mysql:// and sqlite://".to_owned()),
        None => path(url),
    }
}

/// Reads what follows the scheme: `user:password@host:port/database?key=value`.
fn server(kind: Kind, url: &str, rest: &str) -> Result<Target, String> {
    if rest.contains(char::is_whitespace) || rest.contains('#') {
        return Err("write spaces as %20 and # as %23".to_owned());
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let mut secrets = Secrets::default();
    secrets.add(password);
    for (part, name) in [
        (user, "user"),
        (password, "password"),
        (database, "database"),
    ] {
        if part.contains(['@', ':', '/']) || decoded(part).is_none() {
            return Err(format!(
                "the {name} has a character that must be written as %.."
            ));
        }
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err("the part behind ? must be key=value, separated by &".to_owned());
        };
        if !KEYS.contains(&key) {
            return Err("the part behind ? has a key that this tool does not know".to_owned());
        }
        if value.contains(['@', '?']) || decoded(value).is_none() {
            return Err("the part behind ? has a character that must be written as %..".to_owned());
        }
        // A short value is no secret, and is part of other words.
        if key == "password" || value.len() > 3 {
            secrets.add(value);
        }
    }
    Ok(Target {
        kind,
        url: url.to_owned(),
        host: Some(hosts(host)?),
        secrets,
    })
}

/// The parameters of the drivers.
const KEYS: &[&str] = &[
    // libpq.
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "gssencmode",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "options",
    "passfile",
    "password",
    "port",
    "require_auth",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
    // Diesel, for MySQL and MariaDB.
    "ssl_ca",
    "ssl_cert",
    "ssl_key",
    "ssl_mode",
    "unix_socket",
];

/// Reads `host:port`, of which libpq takes several.
fn hosts(hosts: &str) -> Result<String, String> {
    for host in hosts.split(',').filter(|host| !host.is_empty()) {
        let (name, port) = match host.strip_prefix('[') {
            Some(address) => {
                let Some((address, port)) = address.split_once(']') else {
                    return Err("an address in [ has no ]".to_owned());
                };
                if !address
                    .chars()
                    .all(|c| c.is_ascii_hexdigit() || c == ':' || c == '.')
                {
                    return Err("what is in [ ] is no address".to_owned());
                }
                ("", port.strip_prefix(':').unwrap_or(port))
            }
            None => host.split_once(':').unwrap_or((host, "")),
        };
        if !name.chars().all(is_plain) || decoded(name).is_none() {
            return Err("the host has a character that a host cannot have".to_owned());
        }
        if !port.is_empty() && port.parse::<u16>().is_err() {
            return Err("the port is no number".to_owned());
        }
    }
    let shown = decoded(hosts).unwrap_or_default();
    Ok(if shown.is_empty() {
        "localhost".to_owned()
    } else {
        shown
    })
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '%')
}

/// A path of an SQLite file, if it looks like one and not like a mistyped URL.
fn path(url: &str) -> Result<Target, String> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        return file(path);
    }
    let is_drive = |c: &str| c.len() == 1 && c.chars().all(|c| c.is_ascii_alphabetic());
    let is_url = match url.split_once(':') {
        Some((drive, _)) => !is_drive(drive),
        None => false,
    };
    if is_url || url.contains(['@', '=', '?', '#']) {
        return Err(
            "it has no scheme: begin it with postgres://, mysql:// or sqlite://".to_owned(),
        );
    }
    file(url)
}

fn file(path: &str) -> Result<Target, String> {
    if path.contains(['@', '?', '#']) {
        return Err("a path of SQLite cannot have @, ? and # here".to_owned());
    }
    if path.is_empty() || path.contains(":memory:") {
        return Err("name a file: a database in memory is of one process".to_owned());
    }
    Ok(Target {
        kind: Kind::Sqlite,
        url: path.to_owned(),
        host: None,
        secrets: Secrets::default(),
    })
}
