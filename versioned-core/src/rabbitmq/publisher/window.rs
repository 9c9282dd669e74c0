//! Sends some messages at once, and awaits their confirms.

use std::collections::HashSet;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};

use super::RabbitMqPublisher;
use crate::outbox::PublishError;
use crate::rabbitmq::line::Line;
use crate::rabbitmq::link::Failure;
use crate::rabbitmq::outgoing::Outgoing;

/// The time in which the confirms of a connection that was given up fail.
const GRACE: Duration = Duration::from_secs(1);

/// What became of messages.
pub(super) struct Window {
    /// In their order.
    pub(super) answers: Vec<Result<(), PublishError>>,
    /// Why the channel is of no more use.
    pub(super) failure: Option<Failure>,
}

/// A message, on its way.
type Confirm = BoxFuture<'static, lapin::Result<Confirmation>>;
/// What the broker said to a message that was sent.
type Outcome = lapin::Result<Confirmation>;

impl RabbitMqPublisher {
    /// Sends messages, except those that cannot be sent.
    pub(super) async fn send(
        &self,
        line: &mut Line,
        messages: Vec<Result<Outgoing, PublishError>>,
    ) -> Window {
        if messages.iter().all(Result::is_err) {
            return Window {
                answers: messages
                    .into_iter()
                    .map(|message| message.map(drop))
                    .collect(),
                failure: None,
            };
        }
        let (exchange, channel) = match self.channel(line).await {
            Ok(found) => found,
            Err(failure) => return Window::unsent(messages, failure),
        };
        let ids = messages.iter().map(|message| {
            let message = message.as_ref().map_err(PublishError::clone)?;
            Ok((message.id.clone(), message.routing_key.clone()))
        });
        let ids: Vec<_> = ids.collect();
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages.into_iter().flatten() {
            let mut confirm = publish(&channel, &exchange, message);
            // The client queues a message when it is first polled: the order is this one.
            let done = poll_fn(|context| Poll::Ready(confirm.poll_unpin(context))).await;
            confirms.push(match done {
                Poll::Ready(outcome) => futures_util::future::ready(outcome).boxed(),
                Poll::Pending => confirm,
            });
        }
        let (outcomes, failure) = self.outcomes(line, confirms).await;
        if failure.is_none() {
            line.give_back(channel);
        }
        answers(&exchange, ids, outcomes, failure)
    }

    async fn channel(&self, line: &mut Line) -> Result<(ShortString, Channel), Failure> {
        let exchange = ShortString::try_new(self.exchange.as_str())
            .map_err(|_| Failure::new("use a name of at most 255 bytes for the exchange"))?;
        let channel = line.channel(&self.servers, &exchange, self.timeout).await?;
        Ok((exchange, channel))
    }

    /// Awaits all confirms. No outcomes if some are unknown.
    ///
    /// The client gives a returned message to whichever confirm comes next. Only all confirms
    /// together tell which messages came back.
    async fn outcomes(
        &self,
        line: &mut Line,
        confirms: Vec<Confirm>,
    ) -> (Option<Vec<Outcome>>, Option<Failure>) {
        let mut confirms = join_all(confirms);
        if let Ok(outcomes) = tokio::time::timeout(self.timeout, &mut confirms).await {
            let failure = outcomes.iter().find_map(|outcome| outcome.as_ref().err());
            let failure = failure.map(|error| line.failed(Failure::of(error)));
            return (Some(outcomes), failure);
        }
        // Without the connection the confirms that are left fail, unless it is blocked and kept.
        let failure = line.failed(Failure::silence(self.timeout, "confirm the messages"));
        let outcomes = tokio::time::timeout(GRACE, confirms).await.ok();
        (outcomes, Some(failure))
    }
}

fn publish(channel: &Channel, exchange: &ShortString, message: Outgoing) -> Confirm {
    let (channel, exchange) = (channel.clone(), exchange.clone());
    let options = BasicPublishOptions {
        mandatory: true,
        immediate: false,
    };
    Box::pin(async move {
        let Outgoing {
            routing_key,
            properties,
            body,
            ..
        } = message;
        channel
            .basic_publish(exchange, routing_key, options, &body, properties)
            .await?
            .await
    })
}

impl Window {
    fn unsent(messages: Vec<Result<Outgoing, PublishError>>, failure: Failure) -> Self {
        let answer = |message: Result<Outgoing, PublishError>| match message {
            Ok(_) => Err(failure.unavailable()),
            Err(error) => Err(error),
        };
        Self {
            answers: messages.into_iter().map(answer).collect(),
            failure: Some(failure),
        }
    }
}

/// Puts the outcomes together with the messages that came back.
fn answers(
    exchange: &ShortString,
    ids: Vec<Result<(ShortString, ShortString), PublishError>>,
    outcomes: Option<Vec<Outcome>>,
    failure: Option<Failure>,
) -> Window {
    let returned: HashSet<ShortString> = outcomes.iter().flatten().filter_map(returned).collect();
    let unknown = || match &failure {
        Some(failure) => failure.unavailable(),
        None => PublishError::unavailable("the server did not confirm the message"),
    };
    let mut outcomes = outcomes.into_iter().flatten();
    let answers = ids.into_iter().map(|id| {
        let (id, routing_key) = id?;
        match outcomes.next() {
            _ if returned.contains(&id) => Err(PublishError::rejected(format_args!(
                "bind a queue for `{routing_key}` to the exchange `{exchange}`: the server returned the message"
            ))),
            Some(Ok(Confirmation::Ack(_))) => Ok(()),
            Some(Ok(Confirmation::Nack(_))) => Err(PublishError::unavailable(
                "look at the queues for this event: one is full, or has no leader (basic.nack)",
            )),
            Some(Ok(Confirmation::NotRequested) | Err(_)) | None => Err(unknown()),
        }
    });
    Window {
        answers: answers.collect(),
        failure,
    }
}

/// The id of the message that came back with this confirm.
fn returned(outcome: &Outcome) -> Option<ShortString> {
    let Ok(Confirmation::Ack(Some(message)) | Confirmation::Nack(Some(message))) = outcome else {
        return None;
    };
    let BasicReturnMessage { delivery, .. } = message;
    delivery.properties.message_id().clone()
}
