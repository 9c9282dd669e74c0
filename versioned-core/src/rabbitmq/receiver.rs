//! The messages of a queue, over any number of sessions.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::consumer::RabbitMq;
use super::message::Held;
use super::pauses::pause;
use super::session::{Event, Session};
use crate::consumer::{Incoming, Intake, report_broker};

/// How often to look whether the consumer is shutting down.
const LOOK: Duration = Duration::from_millis(50);

/// Opens a session after the other, until the consumer shuts down.
pub(super) struct Receiver<'c> {
    source: &'c RabbitMq,
    intake: Intake<'c>,
    session: Option<Session>,
    /// Counts the attempts to connect, for the next server.
    turn: usize,
    failures: u32,
}

impl<'c> Receiver<'c> {
    pub(super) fn new(source: &'c RabbitMq, intake: Intake<'c>) -> Self {
        Self {
            source,
            intake,
            session: None,
            turn: 0,
            failures: 0,
        }
    }

    /// The next message. `None` after the consumer began to shut down, and everything is settled.
    pub(super) async fn next(&mut self) -> Option<Incoming<Held>> {
        loop {
            let Some(session) = &mut self.session else {
                if is_over(self.intake.closing) {
                    return None;
                }
                self.open().await;
                continue;
            };
            match session.next(self.intake.closing).await {
                Event::Delivery(message) => return Some(Incoming::Delivery(message)),
                Event::Done => {
                    self.end().await;
                    return None;
                }
                Event::Lost(failure) => {
                    if session.has_settled() {
                        self.failures = 0;
                    }
                    self.end().await;
                    self.failed(&failure.text).await;
                }
            }
        }
    }

    async fn open(&mut self) {
        let Some(uri) = self.source.servers.of_turn(self.turn) else {
            return;
        };
        let RabbitMq { queue, timeout, .. } = self.source;
        // `RabbitMq::MOST_IN_HAND` fits.
        let prefetch = u16::try_from(self.intake.in_hand.max(1)).unwrap_or(u16::MAX);
        // Boxed, because it is rare, and would make the future of each consumer larger.
        let opening = Box::pin(Session::open(uri, queue, prefetch, *timeout));
        match opening.await {
            Ok(session) => self.session = Some(session),
            Err(failure) => {
                let text = format!(
                    "check {}:{}, virtual host `{}`: {}",
                    uri.authority.host, uri.authority.port, uri.vhost, failure.text
                );
                self.turn = self.turn.wrapping_add(1);
                self.failed(&text).await;
            }
        }
    }

    async fn end(&mut self) {
        if let Some(session) = self.session.take() {
            Box::pin(session.close()).await;
        }
    }

    /// Reports a failure, and waits until the next attempt, or the shutdown.
    async fn failed(&mut self, problem: &str) {
        if is_over(self.intake.closing) {
            return;
        }
        report_broker(self.intake.report, problem);
        self.failures = self.failures.saturating_add(1);
        let end = Instant::now() + pause(self.failures);
        while !is_over(self.intake.closing) && Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            tokio::time::sleep(left.min(LOOK)).await;
        }
    }
}

fn is_over(closing: &AtomicBool) -> bool {
    closing.load(Ordering::Relaxed)
}
