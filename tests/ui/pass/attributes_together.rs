//! Many keys in one attribute, one key in each of many, commas at the end.

use versioned_core::Versioned as _;
use versioned_core::model::{DependentModel, Gap, Guard, Policy};
use versioned_core::prelude::*;

diesel::table! {
    copies (number) {
        number -> BigInt,
        version -> BigInt,
    }
}

#[derive(Versioned)]
#[diesel(table_name = copies, primary_key(number,),)]
#[versioned(dependent, entity = "tickets", initial = 0, policy = "latest", guard = "row", crate = ::versioned_core,)]
struct Together {
    number: i64,
    version: i64,
}

#[derive(serde::Serialize, serde::Deserialize, Versioned)]
#[versioned(entity = "tickets")]
#[diesel(primary_key(number))]
#[versioned(gap = "park")]
#[versioned()]
#[diesel(table_name = copies)]
#[versioned(initial = 32767)]
#[versioned(dependent)]
struct Apart {
    #[diesel(column_name = "number")]
    #[diesel()]
    #[versioned()]
    nr: i64,
    #[versioned(version)]
    #[diesel(skip_insertion)]
    #[diesel(column_name = version)]
    rev: i64,
}

pub(crate) fn main() {
    assert_eq!((Together::TABLE, Together::ENTITY), ("copies", "tickets"));
    assert_eq!(
        (Together::POLICY, Together::GUARD, Together::GAP),
        (Policy::Latest, Guard::Row, Gap::Nack)
    );
    assert_eq!(Together::initial_version(), 0);
    assert_eq!((Apart::TABLE, Apart::ENTITY), ("copies", "tickets"));
    assert_eq!(
        (Apart::POLICY, Apart::GUARD, Apart::GAP),
        (Policy::Sequential, Guard::Position, Gap::Park)
    );
    assert_eq!(Apart::initial_version(), 32767);
    assert_eq!((Apart { nr: 7, rev: 3 }).version(), 3);
}
