//! A service on Node with mongoose, whose versions begin at 0.

use versioned_core::Op;
use versioned_core::format::PlainJson;

use super::*;
use crate::messages::{MONGOOSE_RECORDS, mongoose};

diesel::table! {
    mongoose_tickets {
        id -> VarChar,
        title -> VarChar,
        price -> Double,
        user_id -> VarChar,
        order_id -> Nullable<VarChar>,
        version -> BigInt,
    }
}

pub(crate) const TABLE: &str = "CREATE TABLE mongoose_tickets (
    id VARCHAR(100) PRIMARY KEY,
    title VARCHAR(300) NOT NULL,
    price DOUBLE PRECISION NOT NULL,
    user_id VARCHAR(100) NOT NULL,
    order_id VARCHAR(100),
    version BIGINT NOT NULL
)";

macro_rules! replicas {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[derive(Debug, Clone, PartialEq, Queryable, Selectable, Serialize, Deserialize, Versioned)]
        #[diesel(table_name = mongoose_tickets)]
        #[versioned(dependent, entity = "tickets", initial = 0, $($keys)*)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $name {
            pub(crate) id: String,
            pub(crate) title: String,
            pub(crate) price: f64,
            pub(crate) user_id: String,
            pub(crate) order_id: Option<String>,
            pub(crate) version: i64,
        }
    )*};
}

replicas! {
    Sequential();
    Park(gap = "park");
    Latest(policy = "latest");
    SequentialRow(guard = "row");
}

pub(crate) fn rows(conn: &mut Conn) -> Vec<Sequential> {
    let table = mongoose_tickets::table.order(mongoose_tickets::id);
    table.select(Sequential::as_select()).load(conn).unwrap()
}

/// What the service held at the end, in the order of the ids.
pub(crate) fn held() -> Vec<Sequential> {
    let records = MONGOOSE_RECORDS.lines();
    records
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn form() -> PlainJson {
    PlainJson::new()
        .on("ticket.created", Op::Created)
        .on("ticket.updated", Op::Updated)
}

fn the_replica_holds_the_records_of_the_service<M: Replica>() {
    let (_db, mut conn) = database(TABLE);
    let sent = mongoose();
    assert_eq!((sent.len(), held().len()), (92, 6));
    let left = Left::default();
    let expected = (&left, &*held());
    in_each_order::<M, _>(
        &sent,
        &form(),
        "mongoose_tickets",
        &mut conn,
        rows,
        expected,
    );
    assert_eq!(parked(&mut conn), 0);
}

#[test]
fn sequential() {
    the_replica_holds_the_records_of_the_service::<Sequential>();
}

#[test]
fn park() {
    the_replica_holds_the_records_of_the_service::<Park>();
}

#[test]
fn latest() {
    the_replica_holds_the_records_of_the_service::<Latest>();
}

#[test]
fn by_its_rows() {
    the_replica_holds_the_records_of_the_service::<SequentialRow>();
}

#[test]
fn a_subject_without_an_operation_is_not_for_the_replica() {
    let (_db, mut conn) = database(TABLE);
    let sent = mongoose();
    let created = PlainJson::new().on("ticket.created", Op::Created);
    let created_only: Vec<Sequential> = {
        let mut records: Vec<Sequential> = sent
            .iter()
            .filter(|sent| sent.subject == "ticket.created")
            .map(|sent| serde_json::from_slice(sent.body.as_ref().unwrap()).unwrap())
            .collect();
        records.dedup();
        records
    };
    assert_eq!(created_only.len(), 6);
    let left = Left::new(84, &[], &[]);
    let expected = (&left, &*created_only);
    in_each_order::<Sequential, _>(
        &sent,
        &created,
        "mongoose_tickets",
        &mut conn,
        rows,
        expected,
    );
}
