//! The publisher's connection and channel, made again after they failed.

use std::time::Duration;

use lapin::options::{ConfirmSelectOptions, ExchangeDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};
use tokio::time::Instant;

use super::link::{Failure, Link, within};
use super::pauses::pause;
use super::servers::Servers;

const BLOCKED: &str =
    "free memory or disk space of the server: it accepts no messages (connection.blocked)";

/// A connection of its own, and what is known of the last attempts.
#[derive(Default)]
pub(super) struct Line {
    link: Option<Link>,
    /// In confirm mode, without unconfirmed messages. It is away while a batch is published, and
    /// does not come back from one that was given up.
    channel: Option<Channel>,
    /// Counts the attempts to connect, for the next server.
    turn: usize,
    failures: u32,
    /// Nothing is tried before, and why.
    pause: Option<(Instant, Failure)>,
}

impl Line {
    /// Takes the channel, which is opened if there is none.
    pub(super) async fn channel(
        &mut self,
        servers: &Servers,
        exchange: &ShortString,
        time: Duration,
    ) -> Result<Channel, Failure> {
        let link = self.link(servers, time).await?;
        if let Some(channel) = self.channel.take() {
            if channel.status().connected() {
                self.link = Some(link);
                return Ok(channel);
            }
        }
        let opened = open(&link, exchange, time).await;
        let is_connected = link.is_connected();
        self.link = Some(link);
        match opened {
            Ok(channel) => {
                self.failures = 0;
                Ok(channel)
            }
            Err(failure) => {
                if failure.is_silence || !is_connected {
                    self.disconnect(&failure);
                }
                Err(failure)
            }
        }
    }

    /// Takes the connection, which is made if there is none.
    async fn link(&mut self, servers: &Servers, time: Duration) -> Result<Link, Failure> {
        if let Some(link) = self.link.take() {
            if link.is_connected() {
                if link.is_blocked() {
                    // A new connection would be blocked as well.
                    self.link = Some(link);
                    return Err(blocked());
                }
                return Ok(link);
            }
        }
        self.channel = None;
        if let Some((end, failure)) = &self.pause {
            if Instant::now() < *end {
                return Err(failure.clone());
            }
        }
        let turn = self.turn;
        self.turn = turn.wrapping_add(1);
        let Some(uri) = servers.of_turn(turn) else {
            return Err(Failure::new("name a server"));
        };
        match Link::open(uri, "versioned: publisher", time).await {
            Ok(link) => {
                self.turn = turn;
                Ok(link)
            }
            Err(failure) => {
                let failure = failure.advised(format_args!(
                    "check {}:{}, its virtual host `{}`, the user and the password",
                    uri.authority.host, uri.authority.port, uri.vhost
                ));
                self.wait(failure.clone());
                Err(failure)
            }
        }
    }

    /// Gives a channel back on which all messages were confirmed.
    pub(super) fn give_back(&mut self, channel: Channel) {
        self.channel = Some(channel);
    }

    /// After a failure on the channel, which is not given back. Returns the failure to report.
    pub(super) fn failed(&mut self, failure: Failure) -> Failure {
        match &self.link {
            Some(link) if link.is_connected() && link.is_blocked() => blocked(),
            Some(link) if link.is_connected() && !failure.is_silence => failure,
            _ => {
                self.disconnect(&failure);
                failure
            }
        }
    }

    pub(super) async fn close(self, time: Duration) {
        if let Some(link) = self.link {
            link.close(time).await;
        }
    }

    fn disconnect(&mut self, failure: &Failure) {
        self.link = None;
        self.turn = self.turn.wrapping_add(1);
        self.wait(failure.clone());
    }

    fn wait(&mut self, failure: Failure) {
        self.failures = self.failures.saturating_add(1);
        self.pause = Some((Instant::now() + pause(self.failures), failure));
    }
}

fn blocked() -> Failure {
    Failure::new(BLOCKED)
}

/// Opens a channel for an exchange that exists, in confirm mode.
async fn open(link: &Link, exchange: &ShortString, time: Duration) -> Result<Channel, Failure> {
    let channel = link.channel(time).await?;
    // The default exchange always exists, and cannot be asked for.
    if !exchange.as_str().is_empty() {
        let passive = ExchangeDeclareOptions {
            passive: true,
            ..ExchangeDeclareOptions::default()
        };
        // The server ignores the kind.
        let (kind, table) = (ExchangeKind::Topic, FieldTable::default());
        let declared = channel.exchange_declare(exchange.clone(), kind, passive, table);
        let declared = within(time, "look for the exchange", declared).await;
        declared.map_err(|failure| {
            failure.advised_if_missing(format_args!("create the exchange `{exchange}`"))
        })?;
    }
    let confirm = channel.confirm_select(ConfirmSelectOptions::default());
    within(time, "confirm messages", confirm).await?;
    Ok(channel)
}
