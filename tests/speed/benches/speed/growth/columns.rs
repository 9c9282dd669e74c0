//! A save of a row with more columns: the key, the version, and numbers.

use diesel::prelude::*;
use versioned_core::prelude::{Owner, OwnerDsl};

use crate::places::{File, MariaDb, On, Place, Postgres};
use crate::raw::{Bind, Raw};
use crate::turns::Candidate;

/// A row with many columns.
trait Wide: OwnerDsl + 'static {
    const COLUMNS: usize;
    const DDL: &'static str;

    fn new() -> Self;

    /// Changes each field.
    fn change(&mut self);
}

/// The table and the model.
macro_rules! wide {
    ($table:ident, $model:ident, $columns:literal, $($column:ident)*) => {
        diesel::table! {
            $table {
                id -> BigInt,
                $($column -> BigInt,)*
                version -> BigInt,
            }
        }

        #[derive(Debug, Clone, Queryable, Selectable, versioned_core::Versioned)]
        #[diesel(table_name = $table)]
        #[versioned(owner)]
        struct $model {
            id: i64,
            $($column: i64,)*
            version: i64,
        }

        impl Wide for $model {
            const COLUMNS: usize = $columns;
            const DDL: &'static str = concat!(
                "CREATE TABLE ", stringify!($table), " (id BIGINT PRIMARY KEY, ",
                $(stringify!($column), " BIGINT NOT NULL, ",)* "version BIGINT NOT NULL)"
            );

            fn new() -> Self {
                Self { id: 1, $($column: 1,)* version: 1 }
            }

            fn change(&mut self) {
                $(self.$column += 1;)*
            }
        }
    };
}

wide!(four, Four, 4, c1 c2);
wide!(
    sixteen, Sixteen, 16,
        c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14
);
wide!(
    sixty_four, SixtyFour, 64,
        c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19 c20 c21 c22 c23 c24 c25 c26 c27
        c28 c29 c30 c31 c32 c33 c34 c35 c36 c37 c38 c39 c40 c41 c42 c43 c44 c45 c46 c47 c48 c49 c50 c51 c52
        c53 c54 c55 c56 c57 c58 c59 c60 c61 c62
);

/// The candidates for each number of columns.
pub(super) trait Columns: Place {
    fn columns() -> Vec<(usize, [Candidate<'static>; 2])>;
}

macro_rules! on {
    ($($place:ty),*) => {$(
        impl Columns for $place {
            fn columns() -> Vec<(usize, [Candidate<'static>; 2])> {
                vec![
                    (Four::COLUMNS, candidates::<Self, Four>()),
                    (Sixteen::COLUMNS, candidates::<Self, Sixteen>()),
                    (SixtyFour::COLUMNS, candidates::<Self, SixtyFour>()),
                ]
            }
        }
    )*};
}

on!(File, Postgres, MariaDb);

/// This toolkit and the raw driver, each in a database of its own.
fn candidates<P: Place + 'static, M: Wide + Owner<On<P>>>() -> [Candidate<'static>; 2] {
    let (place, other) = (P::fresh(M::DDL), P::fresh(M::DDL));
    let (mut conn, mut raw) = (place.connect(), other.raw());
    let mut model = M::new();
    model.insert(&mut conn).unwrap();
    model.insert(&mut other.connect()).unwrap();
    let ours = move || {
        model.change();
        model.save(&mut conn).unwrap();
        // Dropped with the candidate, and not before.
        let _ = &place;
    };
    let save = raw.prepare(&update::<M>());
    let mut version = 1;
    let by_hand = move || {
        let mut binds = vec![Bind::Number(version); M::COLUMNS + 1];
        binds[M::COLUMNS - 2] = Bind::Number(version + 1);
        binds[M::COLUMNS - 1] = Bind::Number(1);
        assert_eq!(raw.run(save, &binds), 1);
        version += 1;
        let _ = &other;
    };
    [
        ("versioned", Box::new(ours)),
        (P::Raw::NAME, Box::new(by_hand)),
    ]
}

/// What the toolkit sends, with `?`.
fn update<M: Wide>() -> String {
    let table = M::DDL.split(' ').nth(2).unwrap_or_default();
    let columns: Vec<_> = (1..M::COLUMNS - 1)
        .map(|number| format!("c{number} = ?"))
        .collect();
    format!(
        "UPDATE {table} SET {}, version = ? WHERE id = ? AND version = ?",
        columns.join(", ")
    )
}
