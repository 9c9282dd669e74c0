//! Events that are too large for something.

use versioned_core::format::{Binding, Encode, Encoded};
use versioned_core::outbox::{PublishError, Publisher as _};
use versioned_tests::rabbitmq::Broker;

use super::*;

#[track_caller]
fn rejected(answer: &Result<(), PublishError>, reason: &str) {
    match answer {
        Err(PublishError::Rejected(text)) => assert!(text.contains(reason), "{text}"),
        other => panic!("{other:?} instead of: {reason}"),
    }
}

/// The client panics at such texts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_of_more_than_255_bytes_are_rejected_alone() {
    let topology = Topology::quorum(rabbitmq::shared()).await;
    let publisher = publisher(rabbitmq::shared(), &topology.name);
    let longest = "x".repeat(255 - "tickets.".len());
    let rows = [
        row("1", 1),
        row(&format!("{longest}x"), 1),
        // The key is short enough, and the id with its version is not.
        row(&longest, 1),
        row(&longest[..240], 1),
        OutboxRow {
            entity: "x".repeat(256),
            ..row("2", 1)
        },
        row("2", 1),
    ];
    let answers = publisher.publish(&rows).await;
    rejected(
        &answers[1],
        "use shorter keys, the message id has 258 bytes",
    );
    rejected(
        &answers[2],
        "use shorter keys, the message id has 257 bytes",
    );
    rejected(&answers[4], "bytes and may have 255");
    for number in [0, 3, 5] {
        assert_eq!(answers[number], Ok(()), "{number}");
    }
    assert_eq!(topology.messages().await.len(), 3);
}

/// A form whose headers and routing key are as long as the key says.
struct Long;

impl Encode for Long {
    fn encode(&self, row: &OutboxRow, _: Binding) -> Result<Encoded, String> {
        let (what, size) = row.key.split_once(' ').ok_or("no size")?;
        let text = "x".repeat(size.parse().map_err(|_| "no size")?);
        let mut encoded = Encoded::new("{}");
        match what {
            "value" => encoded.headers.push(("name".to_owned(), text)),
            "name" => encoded.headers.push((text, "value".to_owned())),
            "type" => encoded.headers.push(("Content-Type".to_owned(), text)),
            "subject" => encoded.subject = Some(text),
            _ => encoded.body = Some(text.into_bytes()),
        }
        Ok(encoded)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_and_bodies_have_a_budget() {
    let topology = Topology::quorum(rabbitmq::shared()).await;
    let publisher = publisher(rabbitmq::shared(), &topology.name).format(Long);
    let cases = [
        (
            "value 130000",
            Some("use shorter headers: they have 130004 bytes"),
        ),
        ("value 60000", None),
        ("name 256", Some("the name of a header has 256 bytes")),
        ("name 255", None),
        ("type 256", Some("the content type has 256 bytes")),
        ("subject 256", Some("the routing key has 256 bytes")),
        ("subject 255", None),
        (
            "body 16777217",
            Some("the message has 16777217 bytes and may have 16777216"),
        ),
        ("body 16777216", None),
        ("body 0", None),
    ];
    let rows: Vec<_> = cases.iter().map(|(key, _)| row(key, 1)).collect();
    let answers = publisher.publish(&rows).await;
    for ((key, reason), answer) in cases.iter().zip(&answers) {
        match reason {
            None => assert_eq!(*answer, Ok(()), "{key}"),
            Some(reason) => rejected(answer, reason),
        }
    }
    assert_eq!(topology.messages().await.len(), 5);

    let small = publisher.largest_body(10);
    let answers = small.publish(&[row("body 11", 1), row("body 10", 1)]).await;
    rejected(&answers[0], "the message has 11 bytes and may have 10");
    assert_eq!(answers[1], Ok(()));
}

/// The server closes the channel over the message, with everything on it, and says not which one it
/// was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_only_the_server_finds_too_large_is_rejected_alone() {
    let broker = Broker::with_settings("{max_message_size, 10000}");
    let topology = Topology::quorum(&broker.url()).await;
    let publisher = publisher(&broker.url(), &topology.name).format(Long);
    let rows: Vec<_> = (0..20)
        .map(|number| {
            row(
                &format!("body {}", if number == 9 { 10_001 } else { number }),
                1,
            )
        })
        .collect();
    let answers = publisher.publish(&rows).await;
    assert!(answers.iter().any(Result::is_err), "the server took it");
    assert!(
        answers
            .iter()
            .all(|answer| !matches!(answer, Err(PublishError::Rejected(_)))),
        "{answers:?}"
    );
    let answers = publisher.publish(&rows).await;
    rejected(&answers[9], "larger than");
    let others = answers
        .iter()
        .enumerate()
        .filter(|(number, _)| *number != 9);
    for (number, answer) in others {
        assert_eq!(*answer, Ok(()), "{number}");
    }
    let stored = topology.ids().await;
    for row in rows.iter().filter(|row| row.key != "body 10001") {
        assert!(stored.contains(&row.message_id()), "{row:?}");
    }
}
