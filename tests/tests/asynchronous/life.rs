//! Everything that the fronts can do, on `diesel-async`, behind the one bound.

use std::time::Duration;

use diesel::prelude::*;
use versioned_core::async_prelude::*;
use versioned_core::parked;
use versioned_core::positions::{forget_async, purge_tombstones_async, rebuild_async};
use versioned_core::version::Token;
use versioned_core::{Changes, ConflictKind, Error, Event, Op, Outcome, Result};

use super::{Copy, Newest, Ticket, tickets};

/// An owner's life. Its future is `Send`, whatever the connection: the scenarios spawn it.
pub(crate) async fn owner<C>(conn: &mut C) -> Result<()>
where
    C: AsyncConnection,
    Ticket: Owner<C::Backend>,
    diesel::dsl::Eq<tickets::price, i64>: Changes<Ticket, C::Backend>,
{
    let mut ticket = Ticket {
        id: 7,
        price: 20,
        version: 0,
    };
    assert_eq!(ticket.insert(conn).await?.version(), 1);
    let mut stale = ticket.clone();
    ticket.price = 25;
    let change = ticket.save(conn).await?;
    assert_eq!((change.op(), change.version()), (Op::Updated, 2));

    for _ in 0..2 {
        match stale.save(conn).await {
            Err(Error::Conflict(conflict)) => {
                assert_eq!(conflict.kind(), ConflictKind::Stale);
                assert_eq!(
                    (conflict.table(), conflict.id()),
                    (Some("tickets"), Some("7"))
                );
                assert_eq!(conflict.expected(), Some(Token::Number(1)));
                assert_eq!(conflict.found(), Some(Token::Number(2)));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stale.version, 1);
    assert!(stale.verify(conn).await.unwrap_err().is_conflict());
    assert!(stale.delete(conn).await.unwrap_err().is_conflict());
    stale.reload(conn).await?;
    assert_eq!(stale, ticket);

    ticket.touch(conn).await?;
    ticket.verify(conn).await?;
    let saved = Ticket::update_with(&7, conn, async |ticket: &mut Ticket| {
        tokio::task::yield_now().await;
        ticket.price += 1;
        Ok(())
    })
    .await?;
    assert_eq!((saved.price, saved.version), (26, 4));
    assert_eq!(Ticket::find(&7, conn).await?, saved);
    assert_eq!(Ticket::at(7, 4).touch(conn).await?.version, 5);
    let updated = Ticket::at(7, 5)
        .update(tickets::price.eq(30_i64), conn)
        .await?;
    assert_eq!(
        updated,
        Ticket {
            id: 7,
            price: 30,
            version: 6
        }
    );
    assert!(
        Ticket::at(7, 5)
            .update(tickets::price.eq(31_i64), conn)
            .await
            .unwrap_err()
            .is_conflict()
    );

    ticket.reload(conn).await?;
    let rolled_back = transaction(conn, &mut ticket, async |conn, ticket| {
        ticket.price = 99;
        ticket.save(conn).await?;
        assert_eq!(ticket.version, 7);
        Err::<(), _>(Error::other("no"))
    })
    .await;
    assert!(
        matches!(rolled_back, Err(Error::Other(_))),
        "{rolled_back:?}"
    );
    assert_eq!(ticket.version, 6);
    transaction(conn, &mut ticket, async |conn, ticket| {
        ticket.save(conn).await?;
        let inner = transaction(conn, &mut *ticket, async |conn, ticket| {
            ticket.save(conn).await?;
            Err::<(), _>(Error::other("no"))
        })
        .await;
        assert!(inner.is_err());
        ticket.save(conn).await?;
        Ok::<_, Error>(())
    })
    .await?;
    assert_eq!(ticket.version, 8);
    assert_eq!(Ticket::find(&7, conn).await?, ticket);

    assert_eq!(Ticket::at(7, 8).delete(conn).await?, 9);
    match ticket.save(conn).await {
        Err(Error::Conflict(conflict)) => assert_eq!(conflict.kind(), ConflictKind::Deleted),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        Ticket::find(&7, conn).await,
        Err(Error::NotFound { .. })
    ));
    Ticket {
        id: 8,
        price: 1,
        version: 3,
    }
    .import(conn)
    .await?;
    let page = Ticket::snapshot(None, 10, conn).await?;
    assert_eq!(page.len(), 1);
    assert_eq!((page[0].version, page[0].op), (3, Op::Snapshot));
    assert!(Ticket::snapshot(page.last(), 10, conn).await?.is_empty());
    assert_eq!(Ticket::at(8, 3).delete(conn).await?, 4);
    Ok(())
}

/// A replica's life.
pub(crate) async fn dependent<C>(conn: &mut C) -> Result<()>
where
    C: AsyncConnection,
    Copy: Dependent<C::Backend>,
    Newest: Dependent<C::Backend>,
{
    let at = |version| Event {
        entity: "tickets".into(),
        key: "7".into(),
        version,
        op: Op::Updated,
        at: String::new(),
        data: Some(Copy {
            id: 7,
            price: version * 10,
            version,
        }),
        trace: None,
        metadata: None,
    };
    assert_eq!(Copy::apply(&at(3), conn).await?, Outcome::Parked);
    assert_eq!(Copy::apply(&at(1), conn).await?, Outcome::Applied);
    let outcome = Copy::apply_with(&at(2), conn, async |conn: &mut C, event: &Event<Copy>| {
        let row = Copy::find(&7, conn).await?;
        assert_eq!(row.version, event.version);
        Ok(())
    })
    .await?;
    assert_eq!(outcome, Outcome::Applied);
    assert_eq!(
        Copy::find(&7, conn).await?,
        Copy {
            id: 7,
            price: 30,
            version: 3
        }
    );
    let refused = Copy::apply_with(&at(4), conn, async |_: &mut C, _: &Event<Copy>| {
        Err(Error::other("no"))
    })
    .await;
    assert!(matches!(refused, Err(Error::Other(_))), "{refused:?}");
    assert_eq!(Copy::find_by_event(&at(4), conn).await?.version, 3);
    assert_eq!(
        Copy::apply_all(&[at(5), at(4)], conn).await?,
        [Outcome::Applied; 2]
    );
    let deleted = Event {
        op: Op::Deleted,
        data: None,
        ..at(6)
    };
    assert_eq!(Copy::apply(&deleted, conn).await?, Outcome::Applied);
    assert_eq!(
        Copy::apply(&at(5), conn).await?,
        Outcome::Duplicate { current: 6 }
    );
    assert!(matches!(
        Copy::find(&7, conn).await,
        Err(Error::NotFound { .. })
    ));
    let newest = |version| Event {
        entity: "tickets".into(),
        key: "8".into(),
        version,
        op: Op::Snapshot,
        at: String::new(),
        data: Some(Newest {
            id: 8,
            price: version,
            version,
        }),
        trace: None,
        metadata: None,
    };
    let outcomes = Newest::apply_all(&[newest(2), newest(9)], conn).await?;
    assert_eq!(outcomes.last(), Some(&Outcome::Applied));
    assert_eq!(<Newest as DependentDsl>::find(&8, conn).await?.version, 9);
    Ok(())
}

/// What a replica can forget: old deletions, and everything.
pub(crate) async fn forgetful<C>(conn: &mut C) -> Result<()>
where
    C: AsyncConnection,
    Copy: Dependent<C::Backend>,
{
    let event = |id: i64, version| Event {
        entity: "tickets".into(),
        key: id.to_string(),
        version,
        op: Op::Updated,
        at: String::new(),
        data: Some(Copy {
            id,
            price: 20,
            version,
        }),
        trace: None,
        metadata: None,
    };
    let deleted = Event {
        op: Op::Deleted,
        data: None,
        ..event(7, 2)
    };
    let outcomes = Copy::apply_all(&[event(7, 1), deleted], conn).await?;
    assert_eq!(outcomes, [Outcome::Applied; 2]);
    let hour = Duration::from_hours(1);
    assert_eq!(purge_tombstones_async::<Copy, _>(hour, conn).await?, 0);
    assert_eq!(
        Copy::apply(&event(7, 1), conn).await?,
        Outcome::Duplicate { current: 2 }
    );
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(
        purge_tombstones_async::<Copy, _>(Duration::ZERO, conn).await?,
        1
    );
    assert_eq!(Copy::apply(&event(7, 1), conn).await?, Outcome::Applied);
    assert_eq!(
        purge_tombstones_async::<Copy, _>(Duration::ZERO, conn).await?,
        0
    );

    assert_eq!(Copy::apply(&event(8, 3), conn).await?, Outcome::Parked);
    // In a transaction that is rolled back, nothing is forgotten.
    let mut copy = Copy::find(&7, conn).await?;
    let rolled_back = transaction(conn, &mut copy, async |conn, _| {
        rebuild_async::<Copy, _>(conn).await?;
        Err::<(), _>(Error::other("no"))
    })
    .await;
    assert!(matches!(rolled_back, Err(Error::Other(_))));
    assert_eq!(Copy::find(&7, conn).await?.version, 1);

    rebuild_async::<Copy, _>(conn).await?;
    assert!(matches!(
        Copy::find(&7, conn).await,
        Err(Error::NotFound { .. })
    ));
    // Neither its position is known any more, nor what was parked.
    for (id, version) in [(7, 1), (8, 1), (8, 2)] {
        let outcome = Copy::apply(&event(id, version), conn).await?;
        assert_eq!(outcome, Outcome::Applied);
    }
    assert_eq!(Copy::find(&8, conn).await?.version, 2);

    assert_eq!(Copy::apply(&event(9, 3), conn).await?, Outcome::Parked);
    let waiting = parked::list_async::<Copy, _>(None, 10, conn).await?;
    let keys: Vec<_> = waiting.iter().map(|record| &*record.key).collect();
    assert_eq!(keys, ["9"]);
    for id in [8, 9] {
        forget_async::<Copy, _>(&id, conn).await?;
        assert_eq!(
            Copy::apply(&event(id, 3), conn).await?,
            Outcome::Duplicate { current: i64::MAX }
        );
    }
    assert!(matches!(
        Copy::find(&8, conn).await,
        Err(Error::NotFound { .. })
    ));
    assert_eq!(parked::list_async::<Copy, _>(None, 10, conn).await?, []);
    Ok(())
}
