//! Models that `tests/fuzz` made up; `UPDATE_SNAPSHOTS=1 cargo test --test fuzz` rewrites them.

#![allow(dead_code, non_snake_case)]

use diesel::prelude::*;
use versioned_core::model::Fields;
use versioned_core::prelude::*;

fn owner<M: OwnerDsl + Owner<diesel::sqlite::Sqlite> + Fields>() {}

fn dependent<M: DependentDsl + Dependent<diesel::sqlite::Sqlite>>() {}

diesel::table! {
    table_0 (id) {
        id -> Integer,
        revision -> SmallInt,
        title -> Bool,
        r#match -> BigInt,
        self_ -> Binary,
        model -> Text,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_0, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(dependent, guard = "row", crate = versioned_core, entity = "tickets, \"all\" of them", initial = 0x10)]
struct Model0 {
    id: i32,
    #[versioned(version)] revision: i16,
    #[diesel(serialize_as = bool)] title: bool,
    #[diesel(column_name = r#match)] r#match_: i64,
    self_: Vec<u8>,
    model: String,
}

const _: fn() = dependent::<Model0>;

diesel::table! {
    table_1 (shop, number) {
        shop -> BigInt,
        number -> Integer,
        __converted -> BigInt,
        revision -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_1, primary_key(shop, number))]
#[versioned(gap = "nack", entity = "tickets, \"all\" of them", dependent, policy = "latest", guard = "row")]
struct Model1 {
    shop: i64,
    number: i32,
    __converted: i64,
    #[versioned(version)] revision: i64,
}

const _: fn() = dependent::<Model1>;

diesel::table! {
    table_2 (a, b, c, d, e, f) {
        a -> BigInt,
        b -> Integer,
        c -> BigInt,
        d -> BigInt,
        e -> Integer,
        f -> Integer,
        revision -> SmallInt,
        __id -> SmallInt,
        r#match -> Integer,
        __walk -> BigInt,
        title -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_2, primary_key(a, b, c, d, e, f), check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(entity = "tickets, \"all\" of them", owner, tombstones)]
struct Model2 {
    a: i64,
    #[diesel(column_name = "b")] the_b: i32,
    c: i64,
    d: i64,
    e: i32,
    f: i32,
    #[versioned(version)] revision: i16,
    #[diesel(skip_insertion, skip_update)] __id: (i16),
    r#match: ::core::primitive::i32,
    __walk: i64,
    #[diesel(column_name = title)] #[diesel(skip_update,)] r#title_: ::core::primitive::i32,
}

const _: fn() = owner::<Model2>;

diesel::table! {
    table_3 (shop, number) {
        shop -> Integer,
        number -> Integer,
        größe -> SmallInt,
        key -> Text,
        r#type -> BigInt,
        version -> SmallInt,
        title -> Double,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_3, primary_key(shop, number))]
#[versioned(guard = "row", gap = "nack", dependent, policy = "latest")]
struct Model3 {
    shop: i32,
    #[diesel(column_name = "number")] the_number: i32,
    größe: (i16),
    #[diesel(column_name = key)] r#key_: String,
    #[diesel(skip_insertion, skip_update)] r#type: i64,
    version: i16,
    title: f64,
}

const _: fn() = dependent::<Model3>;

diesel::table! {
    table_4 (id) {
        revision -> BigInt,
        id -> Integer,
        r#match -> BigInt,
        bounds -> Double,
        __converted -> Text,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_4)]
#[versioned(outbox, crate = versioned_core, owner, tombstones)]
struct Model4<T> {
    #[versioned(version)] revision: i64,
    id: i32,
    r#match: T,
    #[diesel(column_name = bounds)] #[diesel(serialize_as = f64)] #[versioned(excluded)] r#bounds_: f64,
    #[diesel(skip_update,)] __converted: String,
}

const _: fn() = owner::<Model4<i64>>;

diesel::table! {
    table_5 (id) {
        id -> Text,
        model -> Text,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_5)]
#[versioned(dependent, crate = versioned_core, initial = 0)]
struct Model5 {
    id: String,
    model: String,
    version: i64,
}

const _: fn() = dependent::<Model5>;

diesel::table! {
    table_6 (id) {
        version -> BigInt,
        id -> Text,
        __walk -> Integer,
        bounds -> Text,
        __converted -> Binary,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_6)]
#[versioned(entity = "tickets, \"all\" of them", owner)]
struct Model6 {
    #[versioned(version,)] version: i64,
    id: String,
    __walk: ::core::primitive::i32,
    #[diesel(serialize_as = std::borrow::Cow<'static, str>)] bounds: std::borrow::Cow<'static, str>,
    #[diesel(column_name = __converted)] #[diesel(serialize_as = Vec<u8>)] r#__converted_: Vec<u8>,
}

const _: fn() = owner::<Model6>;

diesel::table! {
    table_7 (shop, number) {
        shop -> Text,
        number -> BigInt,
        bounds -> BigInt,
        __walk -> BigInt,
        key -> Nullable<BigInt>,
        version -> BigInt,
        __id -> Nullable<Text>,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_7, primary_key(shop, number))]
#[versioned(entity = "tickets, \"all\" of them", owner)]
struct Model7<T> {
    shop: String,
    number: i64,
    bounds: T,
    #[diesel(serialize_as = i64)] __walk: i64,
    key: std::option::Option<i64>,
    version: i64,
    #[diesel(column_name = __id)] r#__id_: Option<String>,
}

const _: fn() = owner::<Model7<i64>>;

diesel::table! {
    table_8 (shop, number) {
        shop -> Integer,
        number -> BigInt,
        version -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_8, primary_key(shop, number), check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(owner, outbox, entity = "tickets, \"all\" of them", initial = 0)]
struct Model8 {
    #[diesel(column_name = "shop")] the_shop: i32,
    number: i64,
    version: i16,
}

const _: fn() = owner::<Model8>;

diesel::table! {
    table_9 (id) {
        id -> Text,
        version -> SmallInt,
        union -> Bool,
        key -> Integer,
        self_ -> Nullable<BigInt>,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_9, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(entity = "tickets, \"all\" of them", owner)]
struct Model9 {
    id: String,
    version: i16,
    #[versioned(excluded)] union: bool,
    #[diesel(serialize_as = ::core::primitive::i32)] key: ::core::primitive::i32,
    #[diesel(column_name = self_)] #[versioned(excluded)] r#self__: std::option::Option<i64>,
}

const _: fn() = owner::<Model9>;

diesel::table! {
    table_10 (id) {
        version -> BigInt,
        id -> BigInt,
        bounds -> Bool,
        self_ -> Binary,
        größe -> Text,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_10, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(initial = 0, owner, tombstones, outbox)]
struct Model10 {
    #[versioned(version,)] version: i64,
    id: i64,
    #[diesel(serialize_as = bool)] bounds: bool,
    #[diesel(skip_update,)] self_: Vec<u8>,
    größe: String,
}

const _: fn() = owner::<Model10>;

diesel::table! {
    table_11 (code) {
        code -> BigInt,
        version -> Integer,
        title -> Integer,
        conn -> Text,
        __walk -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_11, primary_key(code))]
#[versioned(owner, crate = versioned_core)]
struct Model11 {
    #[diesel(column_name = "code")] the_code: i64,
    #[versioned(version,)] version: i32,
    title: ::core::primitive::i32,
    conn: std::borrow::Cow<'static, str>,
    __walk: i64,
}

const _: fn() = owner::<Model11>;

diesel::table! {
    table_12 (a, b, c, d, e, f) {
        a -> Integer,
        b -> Integer,
        c -> Text,
        d -> Text,
        e -> Integer,
        f -> BigInt,
        walk -> Binary,
        bounds -> Nullable<BigInt>,
        __walk -> Text,
        conn -> Integer,
        version -> BigInt,
        __id -> Text,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_12, primary_key(a, b, c, d, e, f))]
#[versioned(owner, entity = "tickets, \"all\" of them")]
struct Model12(
    #[diesel(column_name = "a")] i32,
    #[diesel(column_name = b)] i32,
    #[diesel(column_name = c)] String,
    #[diesel(column_name = d)] String,
    #[diesel(column_name = e)] i32,
    #[diesel(column_name = f)] i64,
    #[diesel(column_name = walk)] #[diesel(serialize_as = Vec<u8>)] Vec<u8>,
    #[diesel(column_name = bounds)] #[diesel(skip_insertion, skip_update)] std::option::Option<i64>,
    #[diesel(column_name = __walk)] std::borrow::Cow<'static, str>,
    #[diesel(column_name = conn)] #[diesel(skip_update,)] #[versioned(excluded)] ::core::primitive::i32,
    #[diesel(column_name = version)] i64,
    #[diesel(column_name = __id)] std::borrow::Cow<'static, str>,
);

const _: fn() = owner::<Model12>;

diesel::table! {
    table_13 (code) {
        code -> BigInt,
        model -> Nullable<BigInt>,
        version -> Integer,
        größe -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_13, primary_key(code))]
#[versioned(tombstones, owner)]
struct Model13 {
    code: i64,
    #[diesel(skip_insertion)] model: std::option::Option<i64>,
    version: i32,
    größe: ::core::primitive::i32,
}

const _: fn() = owner::<Model13>;

diesel::table! {
    table_14 (shop, number) {
        shop -> BigInt,
        number -> Text,
        __walk -> BigInt,
        version -> Integer,
        key -> SmallInt,
        r#match -> Binary,
        walk -> Text,
        self_ -> Nullable<BigInt>,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_14, primary_key(shop, number))]
#[versioned(tombstones, outbox, entity = "tickets, \"all\" of them", initial = 0x10, owner)]
struct Model14<T> {
    shop: i64,
    number: String,
    #[diesel(skip_insertion)] __walk: T,
    version: i32,
    #[diesel(skip_insertion, skip_update)] key: (i16),
    #[diesel(skip_insertion)] #[versioned(excluded)] r#match: Vec<u8>,
    #[diesel(skip_insertion)] #[versioned(excluded)] walk: String,
    #[versioned(excluded)] self_: std::option::Option<i64>,
}

const _: fn() = owner::<Model14<i64>>;

diesel::table! {
    table_15 (code) {
        code -> Integer,
        __converted -> Bool,
        revision -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_15, primary_key(code))]
#[versioned(outbox, owner, tombstones)]
struct Model15 {
    #[diesel(column_name = "code")] the_code: i32,
    #[diesel(skip_update,)] __converted: bool,
    #[versioned(version)] revision: i16,
}

const _: fn() = owner::<Model15>;

diesel::table! {
    table_16 (id) {
        id -> Text,
        version -> BigInt,
        walk -> Nullable<BigInt>,
        __id -> BigInt,
        bounds -> Nullable<BigInt>,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_16, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(owner, tombstones, outbox)]
struct Model16 {
    id: String,
    #[versioned(version,)] version: i64,
    #[diesel(column_name = walk)] r#walk_: std::option::Option<i64>,
    __id: i64,
    bounds: std::option::Option<i64>,
}

const _: fn() = owner::<Model16>;

diesel::table! {
    table_17 (id) {
        id -> BigInt,
        r#match -> Nullable<Text>,
        __converted -> Binary,
        __walk -> SmallInt,
        revision -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_17, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(owner, initial = 0x10)]
struct Model17 {
    id: i64,
    #[diesel(skip_update,)] r#match: Option<String>,
    __converted: Vec<u8>,
    #[diesel(skip_insertion, skip_update)] __walk: (i16),
    #[versioned(version)] revision: i16,
}

const _: fn() = owner::<Model17>;

diesel::table! {
    table_18 (id) {
        id -> Text,
        größe -> Text,
        revision -> BigInt,
        key -> Nullable<BigInt>,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_18, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(tombstones, owner)]
struct Model18 {
    id: String,
    größe: String,
    #[versioned(version)] revision: i64,
    key: std::option::Option<i64>,
}

const _: fn() = owner::<Model18>;

diesel::table! {
    table_19 (id) {
        revision -> BigInt,
        id -> BigInt,
        walk -> BigInt,
        key -> Text,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_19)]
#[versioned(dependent, policy = "latest", entity = "tickets, \"all\" of them")]
struct Model19<T> {
    #[versioned(version)] revision: i64,
    id: i64,
    #[diesel(skip_insertion, skip_update)] walk: T,
    #[diesel(skip_insertion, skip_update)] key: String,
}

const _: fn() = dependent::<Model19<i64>>;

diesel::table! {
    table_20 (code) {
        code -> BigInt,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_20, primary_key(code))]
#[versioned(crate = versioned_core, owner, tombstones, outbox)]
struct Model20 {
    code: i64,
    #[versioned(version,)] version: i64,
}

const _: fn() = owner::<Model20>;

diesel::table! {
    table_21 (code) {
        code -> BigInt,
        self_ -> Binary,
        __id -> Nullable<Text>,
        r#match -> Bool,
        größe -> Double,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_21, primary_key(code))]
#[versioned(policy = "sequential", gap = "park", dependent)]
struct Model21 {
    #[diesel(column_name = "code")] the_code: i64,
    #[diesel(skip_insertion)] self_: Vec<u8>,
    #[diesel(skip_insertion)] __id: Option<String>,
    #[diesel(skip_insertion)] r#match: bool,
    #[diesel(column_name = größe)] #[diesel(serialize_as = f64)] r#größe_: f64,
    version: i64,
}

const _: fn() = dependent::<Model21>;

diesel::table! {
    table_22 (shop, number) {
        shop -> Integer,
        number -> Text,
        conn -> Double,
        revision -> BigInt,
        union -> Bool,
        __converted -> Bool,
        größe -> Binary,
        title -> Text,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_22, primary_key(shop, number), check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(policy = "sequential", gap = "park", dependent)]
struct Model22(
    #[diesel(column_name = "shop")] i32,
    #[diesel(column_name = number)] String,
    #[diesel(column_name = conn)] f64,
    #[versioned(version)] #[diesel(column_name = revision)] i64,
    #[diesel(column_name = union)] bool,
    #[diesel(column_name = __converted)] bool,
    #[diesel(column_name = größe)] Vec<u8>,
    #[diesel(column_name = title)] String,
);

const _: fn() = dependent::<Model22>;

diesel::table! {
    table_23 (id) {
        id -> BigInt,
        version -> SmallInt,
        r#match -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_23)]
#[versioned(entity = "tickets, \"all\" of them", owner)]
struct Model23<T> {
    id: i64,
    #[versioned(version,)] version: i16,
    #[diesel(column_name = r#match)] r#match_: T,
}

const _: fn() = owner::<Model23<i64>>;

diesel::table! {
    table_24 (shop, number) {
        shop -> Text,
        number -> BigInt,
        __id -> Bool,
        conn -> Double,
        r#match -> BigInt,
        self_ -> Bool,
        revision -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_24, primary_key(shop, number), check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(initial = 0, owner, outbox, crate = versioned_core, entity = "tickets, \"all\" of them")]
struct Model24 {
    shop: String,
    number: i64,
    #[diesel(skip_update,)] __id: bool,
    conn: f64,
    #[diesel(skip_update,)] r#match: i64,
    #[diesel(skip_insertion, skip_update)] self_: bool,
    #[versioned(version)] revision: i32,
}

const _: fn() = owner::<Model24>;

diesel::table! {
    table_25 (id) {
        id -> Integer,
        model -> Nullable<Text>,
        walk -> Integer,
        größe -> Text,
        revision -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_25)]
#[versioned(owner, crate = versioned_core, entity = "tickets, \"all\" of them")]
struct Model25 {
    id: i32,
    #[diesel(column_name = model)] #[diesel(skip_insertion, skip_update)] #[versioned(excluded)] r#model_: Option<String>,
    #[diesel(column_name = walk)] #[diesel(skip_update,)] r#walk_: ::core::primitive::i32,
    #[diesel(column_name = größe)] r#größe_: String,
    #[versioned(version)] revision: i64,
}

const _: fn() = owner::<Model25>;

diesel::table! {
    table_26 (id) {
        id -> Integer,
        version -> BigInt,
        model -> BigInt,
        r#type -> Bool,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_26)]
#[versioned(dependent, policy = "latest", crate = versioned_core, entity = "tickets, \"all\" of them")]
struct Model26<T> {
    id: i32,
    #[versioned(version,)] version: i64,
    #[diesel(column_name = model)] #[diesel(skip_insertion, skip_update)] r#model_: T,
    r#type: bool,
}

const _: fn() = dependent::<Model26<i64>>;

diesel::table! {
    table_27 (shop, number) {
        shop -> BigInt,
        number -> BigInt,
        r#type -> SmallInt,
        version -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_27, primary_key(shop, number), check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(outbox, initial = 32_767, owner, tombstones)]
struct Model27 {
    shop: i64,
    number: i64,
    r#type: (i16),
    version: i16,
}

const _: fn() = owner::<Model27>;

diesel::table! {
    table_28 (id) {
        version -> Integer,
        id -> Integer,
        key -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_28)]
#[versioned(crate = versioned_core, owner, outbox)]
struct Model28 {
    version: i32,
    id: i32,
    #[versioned(excluded)] key: ::core::primitive::i32,
}

const _: fn() = owner::<Model28>;

diesel::table! {
    table_29 (id) {
        version -> BigInt,
        id -> Text,
        key -> Integer,
        __converted -> Double,
        __walk -> BigInt,
        union -> Binary,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_29, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(outbox, owner)]
struct Model29 {
    #[versioned(version,)] version: i64,
    id: String,
    #[diesel(skip_update,)] key: ::core::primitive::i32,
    __converted: f64,
    #[versioned(excluded)] __walk: i64,
    #[diesel(skip_insertion, skip_update)] union: Vec<u8>,
}

const _: fn() = owner::<Model29>;

diesel::table! {
    table_30 (shop, number) {
        shop -> Text,
        number -> Integer,
        key -> Text,
        bounds -> Nullable<Text>,
        r#type -> BigInt,
        version -> Integer,
        title -> Double,
        union -> Nullable<BigInt>,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_30, primary_key(shop, number))]
#[versioned(crate = versioned_core, owner, tombstones)]
struct Model30 {
    shop: String,
    number: i32,
    #[diesel(column_name = key)] #[diesel(skip_insertion)] r#key_: String,
    #[diesel(serialize_as = Option<String>)] bounds: Option<String>,
    r#type: i64,
    #[versioned(version,)] version: i32,
    #[diesel(skip_insertion, skip_update)] #[versioned(excluded)] title: f64,
    #[diesel(skip_insertion)] union: std::option::Option<i64>,
}

const _: fn() = owner::<Model30>;

diesel::table! {
    table_31 (shop, number) {
        shop -> Text,
        number -> Integer,
        model -> BigInt,
        conn -> Double,
        version -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_31, primary_key(shop, number))]
#[versioned(owner, outbox, crate = versioned_core)]
struct Model31<T> {
    shop: String,
    number: i32,
    #[diesel(skip_insertion)] #[versioned(excluded)] model: T,
    #[diesel(column_name = conn)] #[diesel(serialize_as = f64)] r#conn_: f64,
    #[versioned(version,)] version: i16,
}

const _: fn() = owner::<Model31<i64>>;

diesel::table! {
    table_32 (id) {
        version -> SmallInt,
        id -> BigInt,
        r#match -> Nullable<BigInt>,
        __walk -> Text,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_32)]
#[versioned(outbox, crate = versioned_core, initial = 32_767, owner, tombstones)]
struct Model32 {
    #[versioned(version,)] version: i16,
    id: i64,
    #[diesel(column_name = r#match)] #[diesel(skip_update,)] #[versioned(excluded)] r#match_: std::option::Option<i64>,
    __walk: String,
}

const _: fn() = owner::<Model32>;

diesel::table! {
    table_33 (shop, number) {
        shop -> BigInt,
        revision -> SmallInt,
        number -> BigInt,
        title -> SmallInt,
        __converted -> Nullable<BigInt>,
        union -> Binary,
        self_ -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_33, primary_key(shop, number))]
#[versioned(outbox, owner, tombstones)]
struct Model33 {
    #[diesel(column_name = "shop")] the_shop: i64,
    #[versioned(version)] revision: i16,
    number: i64,
    title: (i16),
    #[diesel(serialize_as = std::option::Option<i64>)] __converted: std::option::Option<i64>,
    #[diesel(column_name = union)] r#union_: Vec<u8>,
    self_: (i16),
}

const _: fn() = owner::<Model33>;

diesel::table! {
    table_34 (code) {
        code -> Integer,
        r#type -> BigInt,
        union -> Text,
        self_ -> SmallInt,
        __id -> Text,
        version -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_34, primary_key(code))]
#[versioned(initial = 32_767, owner, tombstones)]
struct Model34 {
    code: i32,
    #[diesel(skip_insertion, skip_update)] r#type: i64,
    union: std::borrow::Cow<'static, str>,
    #[diesel(column_name = self_)] r#self__: (i16),
    #[diesel(column_name = __id)] r#__id_: std::borrow::Cow<'static, str>,
    version: i64,
}

const _: fn() = owner::<Model34>;

diesel::table! {
    table_35 (shop, number) {
        shop -> Text,
        number -> Text,
        version -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_35, primary_key(shop, number))]
#[versioned(dependent, policy = "sequential", gap = "park", entity = "tickets, \"all\" of them", initial = 32_767)]
struct Model35 {
    #[diesel(column_name = "shop")] the_shop: String,
    number: String,
    version: i16,
}

const _: fn() = dependent::<Model35>;

diesel::table! {
    table_36 (shop, number) {
        shop -> Integer,
        number -> Integer,
        r#match -> SmallInt,
        __id -> Nullable<BigInt>,
        self_ -> Nullable<Text>,
        größe -> Binary,
        revision -> Integer,
        union -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_36, primary_key(shop, number))]
#[versioned(policy = "latest", dependent)]
struct Model36 {
    #[diesel(column_name = "shop")] the_shop: i32,
    #[diesel(column_name = "number")] the_number: i32,
    r#match: (i16),
    #[diesel(skip_insertion)] __id: std::option::Option<i64>,
    #[diesel(serialize_as = Option<String>)] self_: Option<String>,
    größe: Vec<u8>,
    #[versioned(version)] revision: i32,
    #[diesel(skip_update,)] union: (i16),
}

const _: fn() = dependent::<Model36>;

diesel::table! {
    table_37 (code) {
        code -> Text,
        key -> Binary,
        r#match -> BigInt,
        model -> SmallInt,
        self_ -> Text,
        revision -> BigInt,
        __id -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_37, primary_key(code))]
#[versioned(initial = 0, owner, tombstones, outbox, crate = versioned_core)]
struct Model37 {
    code: String,
    #[diesel(skip_insertion)] key: Vec<u8>,
    #[diesel(skip_insertion)] r#match: i64,
    model: (i16),
    #[diesel(column_name = self_)] r#self__: String,
    #[versioned(version)] revision: i64,
    __id: i64,
}

const _: fn() = owner::<Model37>;

diesel::table! {
    table_38 (code) {
        code -> Integer,
        walk -> Nullable<Text>,
        version -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_38, primary_key(code))]
#[versioned(dependent)]
struct Model38(
    #[diesel(column_name = code)] i32,
    #[diesel(column_name = walk)] Option<String>,
    #[diesel(column_name = version)] i16,
);

const _: fn() = dependent::<Model38>;

diesel::table! {
    table_39 (id) {
        id -> BigInt,
        version -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_39)]
#[versioned(owner, tombstones, outbox, crate = versioned_core, initial = 0)]
struct Model39 {
    id: i64,
    version: i32,
}

const _: fn() = owner::<Model39>;

diesel::table! {
    table_40 (id) {
        id -> Text,
        __walk -> Bool,
        __converted -> Text,
        version -> BigInt,
        walk -> Binary,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_40, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(dependent)]
struct Model40 {
    #[diesel(column_name = "id")] the_id: String,
    __walk: bool,
    #[diesel(column_name = __converted)] #[diesel(serialize_as = String)] r#__converted_: String,
    version: i64,
    #[diesel(column_name = walk)] #[diesel(skip_insertion)] r#walk_: Vec<u8>,
}

const _: fn() = dependent::<Model40>;

diesel::table! {
    table_41 (id) {
        version -> SmallInt,
        id -> BigInt,
        bounds -> BigInt,
        __id -> Nullable<Text>,
        title -> Text,
        model -> Text,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_41)]
#[versioned(guard = "row", initial = 0, dependent)]
struct Model41<T> {
    version: i16,
    id: i64,
    #[diesel(column_name = bounds)] #[diesel(skip_update,)] r#bounds_: T,
    __id: Option<String>,
    #[diesel(skip_insertion)] title: std::borrow::Cow<'static, str>,
    #[diesel(skip_insertion)] model: String,
}

const _: fn() = dependent::<Model41<i64>>;

diesel::table! {
    table_42 (shop, number) {
        shop -> Text,
        number -> Integer,
        version -> BigInt,
        conn -> Binary,
        union -> Binary,
        __walk -> Binary,
        walk -> SmallInt,
        key -> Binary,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_42, primary_key(shop, number))]
#[versioned(owner, entity = "tickets, \"all\" of them")]
struct Model42 {
    shop: String,
    number: i32,
    version: i64,
    conn: Vec<u8>,
    #[diesel(skip_insertion)] #[versioned(excluded)] union: Vec<u8>,
    __walk: Vec<u8>,
    #[diesel(column_name = walk)] r#walk_: (i16),
    key: Vec<u8>,
}

const _: fn() = owner::<Model42>;

diesel::table! {
    table_43 (code) {
        version -> SmallInt,
        code -> Text,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_43, primary_key(code), check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(dependent)]
struct Model43 {
    version: i16,
    code: String,
}

const _: fn() = dependent::<Model43>;

diesel::table! {
    table_44 (a, b, c, d, e, f) {
        a -> Integer,
        b -> BigInt,
        c -> Text,
        d -> Text,
        e -> Integer,
        f -> Integer,
        key -> Bool,
        __converted -> Binary,
        version -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_44, primary_key(a, b, c, d, e, f), check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(initial = 32_767, owner, tombstones)]
struct Model44 {
    a: i32,
    b: i64,
    #[diesel(column_name = "c")] the_c: String,
    d: String,
    #[diesel(column_name = "e")] the_e: i32,
    f: i32,
    #[diesel(serialize_as = bool)] key: bool,
    #[diesel(skip_insertion)] #[versioned(excluded)] __converted: Vec<u8>,
    #[versioned(version,)] version: i32,
}

const _: fn() = owner::<Model44>;

diesel::table! {
    table_45 (id) {
        revision -> Integer,
        id -> Text,
        r#match -> Bool,
        self_ -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_45, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(owner)]
struct Model45 {
    #[versioned(version)] revision: i32,
    id: String,
    #[diesel(column_name = r#match)] #[diesel(skip_insertion)] r#match_: bool,
    #[diesel(column_name = self_)] r#self__: ::core::primitive::i32,
}

const _: fn() = owner::<Model45>;

diesel::table! {
    table_46 (id) {
        version -> Integer,
        id -> Text,
        größe -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_46)]
#[versioned(dependent, policy = "sequential", gap = "park", crate = versioned_core, entity = "tickets, \"all\" of them", initial = 0x10)]
struct Model46<T> {
    version: i32,
    id: String,
    größe: T,
}

const _: fn() = dependent::<Model46<i64>>;

diesel::table! {
    table_47 (code) {
        revision -> BigInt,
        code -> BigInt,
        r#type -> Bool,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_47, primary_key(code))]
#[versioned(outbox, owner, tombstones)]
struct Model47 {
    #[versioned(version)] revision: i64,
    code: i64,
    #[diesel(column_name = r#type)] #[diesel(skip_insertion)] r#type_: bool,
}

const _: fn() = owner::<Model47>;

diesel::table! {
    table_48 (shop, number) {
        shop -> BigInt,
        number -> BigInt,
        r#match -> BigInt,
        r#type -> SmallInt,
        revision -> BigInt,
        größe -> Bool,
        title -> Integer,
        model -> Nullable<Text>,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_48, primary_key(shop, number))]
#[versioned(owner, outbox, initial = 0)]
struct Model48<T> {
    shop: i64,
    #[diesel(column_name = "number")] the_number: i64,
    r#match: T,
    r#type: (i16),
    #[versioned(version)] revision: i64,
    #[diesel(skip_update,)] größe: bool,
    #[diesel(column_name = title)] #[diesel(skip_insertion, skip_update)] r#title_: ::core::primitive::i32,
    #[diesel(column_name = model)] #[diesel(skip_insertion, skip_update)] r#model_: Option<String>,
}

const _: fn() = owner::<Model48<i64>>;

diesel::table! {
    table_49 (code) {
        code -> BigInt,
        bounds -> Text,
        version -> SmallInt,
        r#type -> Bool,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_49, primary_key(code))]
#[versioned(owner, tombstones)]
struct Model49(
    #[diesel(column_name = code)] i64,
    #[diesel(column_name = bounds)] std::borrow::Cow<'static, str>,
    #[versioned(version,)] #[diesel(column_name = version)] i16,
    #[diesel(skip_update,)] #[versioned(excluded)] #[diesel(column_name = r#type)] bool,
);

const _: fn() = owner::<Model49>;

diesel::table! {
    table_50 (code) {
        code -> BigInt,
        version -> Integer,
        größe -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_50, primary_key(code))]
#[versioned(dependent)]
struct Model50<T> {
    code: i64,
    version: i32,
    #[diesel(skip_insertion, skip_update)] größe: T,
}

const _: fn() = dependent::<Model50<i64>>;

diesel::table! {
    table_51 (code) {
        code -> Integer,
        bounds -> Nullable<Text>,
        version -> SmallInt,
        model -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_51, primary_key(code), check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(crate = versioned_core, dependent)]
struct Model51 {
    code: i32,
    #[diesel(column_name = bounds)] #[diesel(skip_insertion, skip_update)] r#bounds_: Option<String>,
    #[versioned(version,)] version: i16,
    #[diesel(column_name = model)] #[diesel(skip_insertion, skip_update)] r#model_: (i16),
}

const _: fn() = dependent::<Model51>;

diesel::table! {
    table_52 (shop, number) {
        shop -> Text,
        revision -> Integer,
        number -> Text,
        r#match -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_52, primary_key(shop, number))]
#[versioned(owner, crate = versioned_core)]
struct Model52<T> {
    shop: String,
    #[versioned(version)] revision: i32,
    #[diesel(column_name = "number")] the_number: String,
    r#match: T,
}

const _: fn() = owner::<Model52<i64>>;

diesel::table! {
    table_53 (code) {
        version -> BigInt,
        code -> BigInt,
        größe -> SmallInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_53, primary_key(code), check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(dependent, policy = "latest", crate = versioned_core, entity = "tickets, \"all\" of them", initial = 32_767)]
struct Model53 {
    version: i64,
    #[diesel(column_name = "code")] the_code: i64,
    #[diesel(serialize_as = i16)] größe: (i16),
}

const _: fn() = dependent::<Model53>;

diesel::table! {
    table_54 (id) {
        id -> Text,
        revision -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_54)]
#[versioned(policy = "latest", dependent)]
struct Model54(
    #[diesel(column_name = id)] String,
    #[versioned(version)] #[diesel(column_name = revision)] i32,
);

const _: fn() = dependent::<Model54>;

diesel::table! {
    table_55 (id) {
        revision -> Integer,
        id -> Integer,
        conn -> Text,
        model -> Binary,
        r#type -> Integer,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_55)]
#[versioned(entity = "tickets, \"all\" of them", dependent, policy = "latest", guard = "row", gap = "nack")]
struct Model55(
    #[versioned(version)] #[diesel(column_name = revision)] i32,
    #[diesel(column_name = "id")] i32,
    #[diesel(skip_update,)] #[diesel(column_name = conn)] std::borrow::Cow<'static, str>,
    #[diesel(column_name = model)] Vec<u8>,
    #[diesel(serialize_as = ::core::primitive::i32)] #[diesel(column_name = r#type)] ::core::primitive::i32,
);

const _: fn() = dependent::<Model55>;

diesel::table! {
    table_56 (id) {
        id -> Text,
        key -> SmallInt,
        model -> Binary,
        revision -> SmallInt,
        conn -> Bool,
        title -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_56, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(dependent, policy = "latest", entity = "tickets, \"all\" of them")]
struct Model56 {
    id: String,
    #[diesel(column_name = key)] #[diesel(serialize_as = i16)] r#key_: (i16),
    model: Vec<u8>,
    #[versioned(version)] revision: i16,
    #[diesel(column_name = conn)] #[diesel(skip_update,)] r#conn_: bool,
    title: i64,
}

const _: fn() = dependent::<Model56>;

diesel::table! {
    table_57 (shop, number) {
        shop -> Integer,
        number -> Integer,
        revision -> Integer,
        größe -> Nullable<BigInt>,
        __walk -> Binary,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_57, primary_key(shop, number))]
#[versioned(entity = "tickets, \"all\" of them", owner, outbox)]
struct Model57(
    #[diesel(column_name = shop)] i32,
    #[diesel(column_name = "number")] i32,
    #[versioned(version)] #[diesel(column_name = revision)] i32,
    #[diesel(serialize_as = std::option::Option<i64>)] #[diesel(column_name = größe)] std::option::Option<i64>,
    #[diesel(column_name = __walk)] Vec<u8>,
);

const _: fn() = owner::<Model57>;

diesel::table! {
    table_58 (shop, number) {
        shop -> Integer,
        version -> BigInt,
        number -> Integer,
        model -> Nullable<Text>,
        title -> Nullable<BigInt>,
        conn -> Integer,
        größe -> Bool,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_58, primary_key(shop, number))]
#[versioned(entity = "tickets, \"all\" of them", owner, outbox)]
struct Model58 {
    shop: i32,
    #[versioned(version,)] version: i64,
    number: i32,
    model: Option<String>,
    #[versioned(excluded)] title: std::option::Option<i64>,
    #[diesel(skip_update,)] #[versioned(excluded)] conn: ::core::primitive::i32,
    #[versioned(excluded)] größe: bool,
}

const _: fn() = owner::<Model58>;

diesel::table! {
    table_59 (id) {
        id -> Integer,
        __id -> Text,
        r#match -> Double,
        model -> Text,
        r#type -> Double,
        version -> SmallInt,
        union -> BigInt,
    }
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, serde::Serialize, serde::Deserialize, Versioned)]
#[diesel(table_name = table_59, check_for_backend(diesel::sqlite::Sqlite))]
#[versioned(crate = versioned_core, owner, tombstones, outbox)]
struct Model59(
    #[diesel(column_name = "id")] i32,
    #[diesel(column_name = __id)] std::borrow::Cow<'static, str>,
    #[diesel(column_name = r#match)] f64,
    #[diesel(skip_insertion)] #[diesel(column_name = model)] std::borrow::Cow<'static, str>,
    #[diesel(column_name = r#type)] f64,
    #[versioned(version,)] #[diesel(column_name = version)] i16,
    #[diesel(column_name = union)] #[diesel(skip_update,)] i64,
);

const _: fn() = owner::<Model59>;

pub(crate) fn main() {}
