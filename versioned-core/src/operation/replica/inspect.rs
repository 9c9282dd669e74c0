//! What operators see of all replicas of a database.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use crate::arrival::Arrival;
use crate::backlog::Count;
use crate::dialect::{AnyLetter, AnyParked, SqlFor as _};
use crate::error::Result;
use crate::event::time_of;
use crate::executor::Executor;
use crate::filter::Filter;
use crate::inspected::{Letter, LetterMessage, Parked, ParkedPlace};
use crate::operation::conditions::{number, unsigned};
use crate::operation::replica::arrival::arrival_at;
use crate::operation::replica::dead_letters::encoded::Encoded;
use crate::outbox::SupportedBackend;
use crate::runner::Runner;
use crate::statement::{
    AnyLetters, AnyParkedRecords, CountLetters, CountParked, DiscardLetters, Letters,
};

type Sql<C> = <<C as Runner>::Backend as SupportedBackend>::Sql;

/// Stands for a record without a position.
const NOTHING: i64 = i64::MIN;

/// Loads dead letters in the order of their arrival, after the one with the id `after`.
pub(crate) async fn letters<C>(
    filter: &Filter,
    after: i64,
    most: usize,
    conn: &mut C,
) -> Result<Vec<Letter>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let statement = AnyLetters::<Sql<C>> {
        filter,
        whole: false,
        after,
        limit: number(most),
        flavor: PhantomData,
    };
    let found = Sql::<C>::any_letters(conn, statement).await?;
    Ok(found.into_iter().map(|row| shown(row).0).collect())
}

/// Loads one dead letter with its message.
pub(crate) async fn letter<C>(id: i64, conn: &mut C) -> Result<Option<(Letter, LetterMessage)>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let filter = Filter::new().ids([id]);
    let statement = AnyLetters::<Sql<C>> {
        filter: &filter,
        whole: true,
        after: id.saturating_sub(1),
        limit: 1,
        flavor: PhantomData,
    };
    let found = Sql::<C>::any_letters(conn, statement).await?;
    Ok(found.into_iter().next().map(shown))
}

/// Counts dead letters, at most `most`.
pub(crate) async fn count_letters<C>(filter: &Filter, most: u64, conn: &mut C) -> Result<Count>
where
    C: Executor<Backend: SupportedBackend>,
{
    let statement = CountLetters::<Sql<C>> {
        filter,
        limit: i64::try_from(most).unwrap_or(i64::MAX),
        flavor: PhantomData,
    };
    let counted = Sql::<C>::number(conn, statement).await?;
    Ok(Count::up_to(most, counted.unwrap_or(0)))
}

/// Deletes dead letters, and returns their number.
pub(crate) async fn discard_letters<C>(ids: &[i64], conn: &mut C) -> Result<usize>
where
    C: Executor<Backend: SupportedBackend>,
{
    let flavor = PhantomData;
    Ok(conn
        .execute(DiscardLetters::<Sql<C>> { ids, flavor })
        .await?)
}

/// Loads records with parked events, after a place.
pub(crate) async fn parked<C>(
    filter: &Filter,
    after: Option<&ParkedPlace>,
    most: usize,
    conn: &mut C,
) -> Result<Vec<Parked>>
where
    C: Executor<Backend: SupportedBackend>,
{
    let statement = AnyParkedRecords::<Sql<C>> {
        filter,
        after: after.map(|place| [&*place.replica, &*place.entity, &*place.key]),
        nothing: NOTHING,
        limit: number(most),
        flavor: PhantomData,
    };
    let found = Sql::<C>::any_parked(conn, statement).await?;
    Ok(found.into_iter().map(waiting).collect())
}

/// Counts parked events, at most `most`.
pub(crate) async fn count_parked<C>(filter: &Filter, most: u64, conn: &mut C) -> Result<Count>
where
    C: Executor<Backend: SupportedBackend>,
{
    let statement = CountParked::<Sql<C>> {
        filter,
        limit: i64::try_from(most).unwrap_or(i64::MAX),
        flavor: PhantomData,
    };
    let counted = Sql::<C>::number(conn, statement).await?;
    Ok(Count::up_to(most, counted.unwrap_or(0)))
}

/// Looks once whether a replica has a version of a record.
pub(crate) async fn arrival<C>(
    replica: &str,
    entity: &str,
    key: &str,
    version: i64,
    conn: &mut C,
) -> Result<Arrival>
where
    C: Executor<Backend: SupportedBackend>,
{
    let of_record = Letters {
        key,
        ..Letters::named(replica, entity)
    };
    Ok(match arrival_at(of_record, version, conn).await? {
        ControlFlow::Break(arrival) => arrival,
        ControlFlow::Continue(current) => Arrival::TimedOut { current },
    })
}

fn shown(row: AnyLetter) -> (Letter, LetterMessage) {
    let (
        id,
        replica,
        entity,
        key,
        version,
        source,
        subject,
        message_key,
        headers,
        body,
        reason,
        attempts,
        first_at,
        last_at,
        blocks_parked,
        blocks_letters,
    ) = row;
    let encoded = Encoded {
        subject,
        message_key,
        headers,
        body,
    };
    let message = encoded.message();
    let letter = Letter {
        id,
        replica,
        entity,
        record: (!key.is_empty()).then_some((key, version)),
        source,
        subject: message.subject,
        reason: (!reason.is_empty()).then_some(reason),
        attempts: unsigned(attempts),
        first_at: time_of(first_at),
        last_at: time_of(last_at),
        blocks_parked: unsigned(blocks_parked),
        blocks_letters: unsigned(blocks_letters),
    };
    let message = LetterMessage {
        key: message.key,
        headers: message.headers,
        body: message.body,
    };
    (letter, message)
}

fn waiting(row: AnyParked) -> Parked {
    let (replica, entity, key, current, received, events, at, error, letter) = row;
    Parked {
        replica,
        entity,
        key,
        current: (current != NOTHING).then_some(current),
        received,
        events: unsigned(events),
        since: time_of(at),
        reason: (!error.is_empty()).then_some(error),
        letter: (letter > 0).then_some(letter),
    }
}
