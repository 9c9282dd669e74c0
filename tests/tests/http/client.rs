//! The example service as a process, and the little of HTTP that it takes to talk to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// `axum_tickets`, which ends with this value.
pub(crate) struct Service {
    address: String,
    process: Child,
    // If nobody could read it any more, printing would fail.
    _output: BufReader<ChildStdout>,
}

impl Service {
    pub(crate) fn start(database: &Path) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_axum_tickets"))
            .args(["--port", "0", "--database"])
            .arg(database)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on http://")
            .expect("the service says where it is")
            .to_owned();
        Self {
            address,
            process,
            _output: output,
        }
    }

    /// One request, on a connection of its own.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[&[u8]], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: tickets\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        )
        .into_bytes();
        if !body.is_empty() {
            request.extend_from_slice(b"content-type: application/json\r\n");
        }
        for header in headers {
            request.extend_from_slice(header);
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body.as_bytes());
        stream.write_all(&request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        Answer::parse(&answer)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[], body)
    }

    pub(crate) fn put(&self, path: &str, tag: &str, body: &str) -> Answer {
        self.send("PUT", path, &[if_match(tag).as_bytes()], body)
    }

    pub(crate) fn delete(&self, path: &str, tag: &str) -> Answer {
        self.send("DELETE", path, &[if_match(tag).as_bytes()], "")
    }

    /// Takes the power away.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may have been killed.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

pub(crate) fn if_match(tag: &str) -> String {
    format!("if-match: {tag}")
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) tag: Option<String>,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (key, value) = line.split_once(": ")?;
                key.eq_ignore_ascii_case(name).then(|| value.to_owned())
            })
        };
        assert_ne!(header("transfer-encoding").as_deref(), Some("chunked"));
        Self {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            tag: header("etag"),
            location: header("location"),
            body: body.to_owned(),
        }
    }

    /// Status, tag and body.
    pub(crate) fn facts(&self) -> (u16, Option<&str>, &str) {
        (self.status, self.tag.as_deref(), &self.body)
    }
}
