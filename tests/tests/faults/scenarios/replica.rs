//! What a dependent does. An event whose outcome was not heard is delivered again, and changes nothing more than once.

use std::time::Duration;

use versioned_core::{Event, Op, Outcome};

use super::super::front;
use super::super::trial::{Seen, same};
use super::super::world::World;
use super::*;

/// A copy of tickets, with what `#[versioned(..)]` says.
pub(in super::super) trait Copied:
    Dependent<Backend> + Clone + Debug + 'static
{
    const NAME: &'static str;

    fn new(id: i64, version: i64) -> Self;
}

macro_rules! copies {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = copies)]
        #[versioned(dependent, entity = "tickets" $($keys)*)]
        pub(in super::super) struct $name {
            id: i64,
            price: i64,
            version: i64,
        }

        impl Copied for $name {
            const NAME: &'static str = stringify!($name);

            fn new(id: i64, version: i64) -> Self {
                Self { id, price: 10 * version, version }
            }
        }
    )*};
}

copies! {
    SequentialPark(, gap = "park");
}

other_copies! {
    copies! {
        SequentialPosition();
        LatestPosition(, policy = "latest");
        SequentialRow(, guard = "row");
        LatestRow(, policy = "latest", guard = "row");
    }
}

fn event<T: Copied>(op: Op, id: i64, version: i64) -> Event<T> {
    Event {
        entity: "tickets".into(),
        key: id.to_string(),
        version,
        op,
        at: String::new(),
        data: (op != Op::Deleted).then(|| T::new(id, version)),
        trace: None,
        metadata: None,
    }
}

fn updated<T: Copied>(version: i64) -> Event<T> {
    event(Op::Updated, 1, version)
}

/// What the consumer heard.
type Heard = Vec<Outcome>;

/// A replica of record 1 that got these versions, in this order.
fn at<T: Copied>(versions: &[i64], conn: &mut Conn) -> Heard {
    for &version in versions {
        let _ = T::apply(&updated::<T>(version), conn).unwrap();
    }
    Heard::new()
}

fn apply<T: Copied>(event: &Event<T>, heard: &mut Heard, conn: &mut Line) -> Result<(), Error> {
    *heard = vec![T::apply(event, conn)?];
    Ok(())
}

/// Each event has its effect: a row, without a key, which nothing keeps from being there twice.
fn apply_with<T: Copied>(
    event: &Event<T>,
    heard: &mut Heard,
    conn: &mut Line,
) -> Result<(), Error> {
    let outcome = T::apply_with(event, conn, |conn, event| {
        diesel::insert_into(effects::table)
            .values((effects::number.eq(1), effects::event.eq(event.id())))
            .execute(conn)?;
        Ok(())
    })?;
    *heard = vec![outcome];
    Ok(())
}

fn try_all<T: Copied>(operations: &[(&str, Prepare<Heard>, Run<Heard>)], trials: &mut Trials) {
    for &(name, prepare, run) in operations {
        trials.of(&Operation {
            name: format!("{} {name}", T::NAME),
            prepare,
            run,
            judge: applied_or_parked,
            settle: None,
        });
    }
}

/// As `all_or_nothing`; or a parked event was refused when it had its turn, and stays parked with all behind it: the row, the
/// position and the effects are those of the events before it.
fn applied_or_parked(seen: &Seen<Heard>, good: &Seen<Heard>) -> Result<(), String> {
    let ((heard, world), (_, all)) = (&seen.after, &good.after);
    let refused = seen.struck.as_ref().map(|struck| struck.statement.as_str());
    let of_a_row = refused.is_some_and(|sql| sql.contains("copies") || sql.contains("effects"));
    let ([(_, _, reached, false)], true) = (world.positions.as_slice(), of_a_row) else {
        return all_or_nothing(seen, good);
    };
    let before = &seen.before.1;
    let behind = before
        .parked
        .iter()
        .filter(|(.., version)| version > reached);
    let parked: Vec<_> = behind.cloned().collect();
    if seen.told.is_err() || *reached < 2 || parked.is_empty() || world == all {
        return all_or_nothing(seen, good);
    }
    same("heard", heard, &vec![Outcome::Applied])?;
    let effects = all.effects.iter().filter(|(_, event)| {
        let version = event
            .rsplit('/')
            .next()
            .and_then(|version| version.parse::<i64>().ok());
        version.is_some_and(|version| version <= *reached)
    });
    let expected = World {
        copies: vec![(1, 10 * reached, *reached)],
        positions: world.positions.clone(),
        parked,
        effects: effects.cloned().collect(),
        ..all.clone()
    };
    same("refused when it had its turn: rows", world, &expected)
}

pub(in super::super) fn events<T: Copied>(trials: &mut Trials) {
    try_all::<T>(
        &[
            (
                "apply, the first",
                |conn| at::<T>(&[], conn),
                |heard, conn| apply(&updated::<T>(1), heard, conn),
            ),
            (
                "apply, the next",
                |conn| at::<T>(&[1], conn),
                |heard, conn| apply(&updated::<T>(2), heard, conn),
            ),
            (
                "apply, too early",
                |conn| at::<T>(&[1], conn),
                |heard, conn| apply(&updated::<T>(3), heard, conn),
            ),
            (
                "apply, unheard of",
                |conn| at::<T>(&[], conn),
                |heard, conn| apply(&updated::<T>(3), heard, conn),
            ),
            (
                "apply, too late",
                |conn| at::<T>(&[1, 2], conn),
                |heard, conn| apply(&updated::<T>(1), heard, conn),
            ),
            (
                "apply, then the early ones",
                |conn| at::<T>(&[1, 3, 4], conn),
                |heard, conn| apply(&updated::<T>(2), heard, conn),
            ),
            (
                "apply_with, the first",
                |conn| at::<T>(&[], conn),
                |heard, conn| apply_with(&updated::<T>(1), heard, conn),
            ),
            (
                "apply_with, the next",
                |conn| at::<T>(&[1], conn),
                |heard, conn| apply_with(&updated::<T>(2), heard, conn),
            ),
            (
                "apply_with, then the early ones",
                |conn| at::<T>(&[1, 3, 4], conn),
                |heard, conn| apply_with(&updated::<T>(2), heard, conn),
            ),
            (
                "apply_all of 3",
                |conn| at::<T>(&[1], conn),
                |heard, conn| {
                    *heard =
                        T::apply_all(&[updated(3), updated(2), event(Op::Created, 2, 1)], conn)?;
                    Ok(())
                },
            ),
            (
                "apply_all of 60",
                |conn| at::<T>(&[], conn),
                |heard, conn| {
                    let events: Vec<_> =
                        (1..=60).rev().map(|id| event(Op::Created, id, 1)).collect();
                    *heard = T::apply_all(&events, conn)?;
                    Ok(())
                },
            ),
            (
                "rebuild",
                |conn| at::<T>(&[1, 2, 4], conn),
                |_, conn| front::rebuild::<T, _>(conn),
            ),
        ],
        trials,
    );
}

pub(in super::super) fn deletions<T: Copied>(trials: &mut Trials) {
    fn deletion<T: Copied>(version: i64) -> Event<T> {
        event(Op::Deleted, 1, version)
    }
    fn deleted<T: Copied>(conn: &mut Conn) -> Heard {
        let heard = at::<T>(&[1], conn);
        let _ = T::apply(&deletion::<T>(2), conn).unwrap();
        heard
    }
    try_all::<T>(
        &[
            (
                "apply, a deletion",
                |conn| at::<T>(&[1], conn),
                |heard, conn| apply_with(&deletion::<T>(2), heard, conn),
            ),
            (
                "apply, a deletion that was early",
                |conn| {
                    let heard = at::<T>(&[1], conn);
                    let _ = T::apply(&deletion::<T>(3), conn).unwrap();
                    heard
                },
                |heard, conn| apply_with(&updated::<T>(2), heard, conn),
            ),
            ("apply, after the deletion", deleted::<T>, |heard, conn| {
                apply(&updated::<T>(1), heard, conn)
            }),
            ("apply, created again", deleted::<T>, |heard, conn| {
                apply(&event::<T>(Op::Created, 1, 3), heard, conn)
            }),
            ("purge_tombstones", deleted::<T>, |_, conn| {
                front::purge_tombstones::<T, _>(Duration::ZERO, conn).map(drop)
            }),
        ],
        trials,
    );
}
