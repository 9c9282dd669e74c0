//! Logs whose beginning or end moves, and logs that are deleted.

use super::*;

/// The offsets of a group expire when it has no members for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_without_offsets_reads_from_the_beginning() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 2).await;
    send_version(&broker, &topic, 1..=20, 1).await;
    let running = Running::noting(consumer(&broker, &topic), db.url());
    all_committed(&broker, &topic).await;
    running.stop().await;
    broker.forget_group(&topic).await;
    send_version(&broker, &topic, 1..=20, 2).await;
    let running = Running::noting(consumer(&broker, &topic), db.url());
    all_committed(&broker, &topic).await;
    let figures = running.stop().await;
    assert_eq!(
        (figures.applied, figures.duplicates),
        (20, 20),
        "{figures:?}"
    );
    assert_eq!(rows(&mut conn), all_at(1..=20, 2));
    assert_eq!(noted(&mut conn).len(), 40);
}

/// Retention has deleted messages that the group had not read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_were_deleted_are_passed_over() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 1).await;
    send_version(&broker, &topic, 1..=10, 1).await;
    let running = Running::replica(consumer(&broker, &topic), db.url());
    all_committed(&broker, &topic).await;
    running.stop().await;
    send_version(&broker, &topic, 11..=30, 1).await;
    broker.delete_before(&topic, 0, 20).await;
    let running = Running::replica(consumer(&broker, &topic), db.url());
    all_committed(&broker, &topic).await;
    running.stop().await;
    let expected: Vec<_> = (1..=10).chain(21..=30).map(|id| (id, 1)).collect();
    assert_eq!(rows(&mut conn), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_missing_is_reported_and_read_when_it_is_there() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let topic = broker.name();
    let heard = Heard::default();
    let running = Running::replica(consumer(&broker, &topic).on_problem(heard.hook()), db.url());
    until("it is reported", async || !heard.all().is_empty()).await;
    let heard = heard.all();
    assert!(
        heard[0].contains("create the topic, which does not exist") && heard[0].contains(&topic),
        "{heard:?}"
    );
    broker.create_topic(&topic, 2, &[]).await;
    send_version(&broker, &topic, 1..=10, 1).await;
    until("all are applied", async || rows(&mut conn).len() == 10).await;
    running.stop().await;
}

/// The new log is shorter than the old one, or longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_made_again_is_read_from_its_beginning() {
    let broker = Broker::shared();
    for new in [5, 60] {
        for is_running in [true, false] {
            let (db, mut conn) = database();
            let (_, topic) = tickets_topic(&broker, 1).await;
            send_version(&broker, &topic, 1..=20, 1).await;
            let heard = Heard::default();
            let one = || consumer(&broker, &topic).on_problem(heard.hook());
            let mut running = Some(Running::replica(one(), db.url()));
            all_committed(&broker, &topic).await;
            if !is_running {
                running.take().unwrap().stop().await;
            }
            broker.delete_topic(&topic).await;
            broker.create_topic(&topic, 1, &[]).await;
            send_version(&broker, &topic, 101..=100 + new, 1).await;
            let running = running.unwrap_or_else(|| Running::replica(one(), db.url()));
            let all = usize::try_from(20 + new).unwrap();
            let end = Instant::now() + Duration::from_mins(1);
            while rows(&mut conn).len() < all {
                assert!(
                    Instant::now() < end,
                    "{new} {is_running}: {} of {all}, {:?}",
                    rows(&mut conn).len(),
                    heard.all()
                );
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            running.stop().await;
        }
    }
}

/// Keys move to other partitions, and their versions come out of order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_that_are_added_are_read_from_their_beginning() {
    let broker = Broker::shared();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 2).await;
    let first = Running::noting(consumer(&broker, &topic), db.url());
    let second = Running::noting(consumer(&broker, &topic), db.url());
    for version in 1..=10 {
        if version == 5 {
            broker.add_partitions(&topic, 5).await;
        }
        send_version(&broker, &topic, 1..=50, version).await;
    }
    until("all are applied", async || {
        rows(&mut conn) == all_at(1..=50, 10)
    })
    .await;
    all_committed(&broker, &topic).await;
    first.stop().await;
    second.stop().await;
    assert!(
        broker.watermarks(&topic)[2..]
            .iter()
            .any(|(_, _, high)| *high > 0)
    );
}

/// What was committed and what was not is read again, and nothing is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_and_comes_back() {
    let server = Broker::start();
    let broker = server.client();
    let (db, mut conn) = database();
    let (_, topic) = tickets_topic(&broker, 3).await;
    let heard = Heard::default();
    let running = Running::noting(consumer(&broker, &topic).on_problem(heard.hook()), db.url());
    for round in 0..3 {
        let ids = round * 100 + 1..=round * 100 + 100;
        send_all(&broker, &topic, ids.map(|id| event(Op::Updated, id, 1))).await;
        if round == 0 {
            until("some are applied", async || !rows(&mut conn).is_empty()).await;
        }
        server.down();
        tokio::time::sleep(Duration::from_secs(2)).await;
        server.up();
    }
    until("all are applied", async || rows(&mut conn).len() == 300).await;
    all_committed(&broker, &topic).await;
    running.stop().await;
    assert_eq!(noted(&mut conn).len(), 300);
    let heard = heard.all();
    assert!(!heard.is_empty() && heard.len() < 100, "{heard:?}");
}
