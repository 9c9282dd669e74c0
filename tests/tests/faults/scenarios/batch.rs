//! What is done to many records at once, few of them and so many that databases have a way of their own for them.

use super::super::trial::{Seen, same};
use super::*;

fn new<T: Sample, const N: i64>(_: &mut Conn) -> Vec<T> {
    (1..=N).map(T::new).collect()
}

fn rows<T: Sample, const N: i64>(conn: &mut Conn) -> Vec<T> {
    inserted(N, conn)
}

/// Rows from the time before the model had an outbox, or tombstones.
fn old_rows<T: Sample, const N: i64>(conn: &mut Conn) -> Vec<T> {
    inserted::<Plain>(N, conn);
    (1..=N)
        .map(|id| T::find(&T::new(id).id(), conn).unwrap())
        .collect()
}

/// The second half of the records is new.
fn some_are_new<T: Sample, const N: i64>(conn: &mut Conn) -> Vec<T> {
    let mut models = inserted(N / 2, conn);
    models.extend((N / 2 + 1..=N).map(T::new));
    models
}

/// Three records. Another session has saved the second.
fn second_is_stale<T: Sample>(conn: &mut Conn) -> Vec<T> {
    let models = inserted::<T>(3, conn);
    models[1].clone().save(conn).unwrap();
    models
}

pub(in super::super) fn all_or_none<T: Sample>(trials: &mut Trials) {
    let insert_all: Run<Vec<T>> = |models, conn| T::insert_all(models, conn).map(drop);
    let save_all: Run<Vec<T>> = |models, conn| T::save_all(models, conn).map(drop);
    let delete_all: Run<Vec<T>> = |models, conn| T::delete_all(models, conn).map(drop);
    let upsert_all: Run<Vec<T>> = |models, conn| T::upsert_all(models, conn).map(drop);
    for operation in [
        operation("insert_all of 3", new::<T, 3>, insert_all),
        operation("insert_all of 60", new::<T, 60>, insert_all),
        operation("save_all of 3", rows::<T, 3>, save_all),
        operation("save_all of 60", old_rows::<T, 60>, save_all),
        operation("upsert_all of 3", some_are_new::<T, 3>, upsert_all),
        operation("upsert_all of 120", some_are_new::<T, 120>, upsert_all),
        operation("delete_all of 3", rows::<T, 3>, delete_all),
        operation("delete_all of 60", old_rows::<T, 60>, delete_all),
        operation("stale save_all", second_is_stale::<T>, save_all),
        operation("stale upsert_all", second_is_stale::<T>, upsert_all),
        operation("stale delete_all", second_is_stale::<T>, delete_all),
    ] {
        trials.of(&operation);
    }
}

/// Models, and which of them were saved.
type Each<T> = Vec<(T, Option<bool>)>;

pub(in super::super) fn each_for_itself<T: Sample>(trials: &mut Trials) {
    fn apart<T>(models: Vec<T>) -> Each<T> {
        models.into_iter().map(|model| (model, None)).collect()
    }
    let prepare: [(&str, Prepare<Each<T>>); 3] = [
        ("3", |conn| apart(inserted(3, conn))),
        ("60", |conn| apart(old_rows::<T, 60>(conn))),
        ("3, one stale", |conn| apart(second_is_stale(conn))),
    ];
    for (rows, prepare) in prepare {
        trials.of(&Operation {
            name: format!("{} save_each of {rows}", T::NAME),
            prepare,
            run: save_each,
            judge: as_told_of_each,
            settle: Some(|each, conn| {
                let mut models = each.drain(..).map(|(model, _)| model).collect();
                go_on(&mut models, conn)
            }),
        });
    }
}

fn save_each<T: Sample>(each: &mut Each<T>, conn: &mut Line) -> Result<(), Error> {
    let mut models: Vec<T> = each.iter().map(|(model, _)| model.clone()).collect();
    let saved = T::save_each(&mut models, conn)
        .map(|outcomes| outcomes.iter().map(Result::is_ok).collect::<Vec<_>>());
    for (place, model) in models.into_iter().enumerate() {
        let saved = saved.as_ref().ok().map(|saved| saved[place]);
        each[place] = (model, saved);
    }
    saved.map(drop)
}

/// A row may be written whose own statement was not answered; all may, if that was the statement of all.
fn as_told_of_each<T: Sample>(seen: &Seen<Each<T>>, good: &Seen<Each<T>>) -> Result<(), String> {
    if seen.told.is_err() {
        return all_or_nothing(seen, good);
    }
    let (each, world) = &seen.after;
    let mut unexplained = 0;
    for (place, (model, saved)) in each.iter().enumerate() {
        let (before, after) = (&seen.before, &good.after);
        let row = |world: &super::super::world::World| {
            let key = model.number().0;
            let row = world.tickets.iter().find(|row| row.0 == key).cloned();
            let events = world
                .events
                .iter()
                .filter(|event| event.1 == key.to_string());
            (row, events.cloned().collect::<Vec<_>>())
        };
        if *saved == Some(true) {
            same("saved: memory", model, &after.0[place].0)?;
            same("saved: row", &row(world), &row(&after.1))?;
            continue;
        }
        same("not saved: memory", model, &before.0[place].0)?;
        if row(world) == row(&after.1) && row(world) != row(&before.1) {
            unexplained += 1;
        } else {
            same("not saved: row", &row(world), &row(&before.1))?;
        }
    }
    let explained = match &seen.struck {
        Some(struck) if struck.answer_lost => each.len(),
        Some(struck) if struck.took_effect => 1,
        _ => 0,
    };
    if unexplained > explained {
        return Err(format!(
            "{unexplained} rows are written, and not said to be"
        ));
    }
    Ok(())
}
