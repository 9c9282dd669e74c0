//! The operations, on each kind of model.

pub(super) mod batch;
pub(super) mod record;
pub(super) mod relay;
pub(super) mod replica;
pub(super) mod several;

use std::fmt::Debug;

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use versioned_core::Error;
use versioned_core::model::Fields;

use super::backend::prelude::*;
use super::backend::{Backend, Conn, NAME};
use super::trial::{Operation, Prepare, Run, Trials, all_or_nothing};
use super::world::{copies, effects, tickets};
use super::{Line, other_copies, other_owners};

/// A ticket, with what `#[versioned(..)]` says.
pub(super) trait Sample:
    Owner<Backend> + Fields + Clone + PartialEq + Debug + 'static
{
    const NAME: &'static str;

    fn new(id: i64) -> Self;
    fn raise(&mut self);
    /// Without the version, which the database's row gets.
    fn made(id: i64, conn: &mut Line) -> Result<Self, Error>;
    fn raised_at(id: i64, version: i64, conn: &mut Line) -> Result<Self, Error>;
    fn number(&self) -> (i64, i64);
}

macro_rules! samples {
    ($($(#[$docs:meta])* $name:ident($($keys:tt)*) $([$note:meta])?;)*) => {$(
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = tickets)]
        #[versioned(owner $($keys)*)]
        pub(super) struct $name {
            id: i64,
            title: String,
            price: i64,
            $(#[$note])?
            note: Option<String>,
            version: i64,
        }

        impl Sample for $name {
            const NAME: &'static str = stringify!($name);

            fn new(id: i64) -> Self {
                Self { id, title: format!("show {id}"), price: 20, note: None, version: 0 }
            }

            fn raise(&mut self) {
                self.price += 5;
            }

            fn made(id: i64, conn: &mut Line) -> Result<Self, Error> {
                let new = (tickets::title.eq("new"), tickets::price.eq(20));
                // What is given is not what MySQL made last: it is refused before any SQL there.
                if NAME == "mysql" {
                    return Self::create(new, conn);
                }
                Self::create((tickets::id.eq(id), new), conn)
            }

            fn raised_at(id: i64, version: i64, conn: &mut Line) -> Result<Self, Error> {
                Self::at(id, version).update(tickets::price.eq(25), conn)
            }

            fn number(&self) -> (i64, i64) {
                (self.id, self.version)
            }
        }
    )*};
}

samples! {
    Plain();
    /// Its events are made of the row, which has more than a save writes.
    ReadBack(, outbox) [diesel(skip_update)];
}

other_owners! {
    samples! {
        Announced(, outbox);
        Remembered(, tombstones);
        AnnouncedAndRemembered(, outbox, tombstones);
    }
}

/// Records that were inserted.
fn inserted<T: Sample>(count: i64, conn: &mut Conn) -> Vec<T> {
    let mut models: Vec<T> = (1..=count).map(T::new).collect();
    T::insert_all(&mut models, conn).unwrap();
    models
}

fn one<T: Sample>(conn: &mut Conn) -> Vec<T> {
    inserted(1, conn)
}

fn none<T: Sample>(_: &mut Conn) -> Vec<T> {
    Vec::new()
}

/// A record that another session has saved since it was loaded.
fn stale<T: Sample>(conn: &mut Conn) -> Vec<T> {
    let models = one::<T>(conn);
    models[0].clone().save(conn).unwrap();
    models
}

/// An operation on owners, which is done or not done.
fn operation<T: Sample>(
    name: &str,
    prepare: Prepare<Vec<T>>,
    run: Run<Vec<T>>,
) -> Operation<Vec<T>> {
    Operation {
        name: format!("{} {name}", T::NAME),
        prepare,
        run,
        judge: all_or_nothing,
        settle: Some(go_on),
    }
}

/// After a `reload`, which says how the record stands, it is saved as any other.
fn go_on<T: Sample>(models: &mut Vec<T>, conn: &mut Line) -> Result<(), Error> {
    // Of sixty, these few.
    models.truncate(4);
    for model in models {
        match model.reload(conn) {
            Ok(()) => {}
            // It was the deletion that was not answered.
            Err(Error::NotFound { .. }) => continue,
            Err(error) => return Err(error),
        }
        let (id, version) = model.number();
        model.raise();
        model.save(conn)?;
        assert_eq!(T::find(&model.id(), conn)?, *model);
        assert_eq!(model.number(), (id, version + 1));
    }
    Ok(())
}
