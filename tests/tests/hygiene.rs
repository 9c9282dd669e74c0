//! The expansion means the same wherever it stands: without a prelude, among names that are taken, under another name of
//! the crate, and where every lint is forbidden. Each model is used here, not only compiled.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "clippy.toml exempts what is inside a test, and not its helpers; `table!` has no docs"
)]

use diesel::backend::Backend;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use diesel::sqlite::Sqlite;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use versioned_core::prelude::*;
use versioned_core::{Event, Op, Versioned};

diesel::table! {
    tickets {
        id -> BigInt,
        title -> Text,
        tags -> Text,
        street -> Text,
        made_by -> Text,
        version -> BigInt,
    }
}

diesel::table! {
    small (a, b) {
        a -> Integer,
        b -> Text,
        version -> Integer,
    }
}

const DDL: &str = "
    CREATE TABLE tickets (id BIGINT PRIMARY KEY, title TEXT NOT NULL, tags TEXT NOT NULL, street TEXT NOT NULL,
        made_by TEXT NOT NULL, version BIGINT NOT NULL);
    CREATE TABLE small (a INTEGER, b TEXT, version INTEGER NOT NULL, PRIMARY KEY (a, b));
";

fn database() -> SqliteConnection {
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    conn.batch_execute(DDL).unwrap();
    conn
}

/// What Diesel's derives would write, which need a prelude and names of their own.
macro_rules! queryable {
    ($model:ty, ($($field:ident: $row:ty => $sql:ty, $value:expr, $column:expr, $column_type:ty;)+)) => {
        impl<DB: Backend> Selectable<DB> for $model {
            type SelectExpression = ($($column_type,)+);

            fn construct_selection() -> Self::SelectExpression {
                ($($column,)+)
            }
        }

        impl Queryable<($($sql,)+), Sqlite> for $model {
            type Row = ($($row,)+);

            fn build(($($field,)+): Self::Row) -> diesel::deserialize::Result<Self> {
                Ok(Self { $($field: $value),+ })
            }
        }
    };
}

/// An owner with every kind of field, through inserts, saves, a stale save and a deletion.
macro_rules! exercise_tickets {
    ($ticket:ty, $address:path, $tags:path) => {{
        let conn = &mut database();
        let mut ticket = <$ticket>::new(7, "concert");
        ticket.insert(conn).unwrap();
        let mut stale = <$ticket>::find(&7, conn).unwrap();
        ticket.title = "opera".to_owned();
        ticket.made_by = "nobody".to_owned();
        ticket.save(conn).unwrap();

        let found = <$ticket>::find(&7, conn).unwrap();
        assert_eq!((found.title.as_str(), found.version), ("opera", 2));
        assert_eq!(found.made_by, "ann", "`skip_update`");
        assert_eq!(found.tags.0, "a b", "`serialize_as`");
        assert_eq!(found.address.street, "Main St", "`embed`");

        let error = stale.save(conn).map(|_| ()).unwrap_err();
        assert_eq!(error.conflict().unwrap().id(), Some("7"));
        ticket.delete(conn).unwrap();
        assert_eq!(<$ticket as Versioned>::TABLE, "tickets");
    }};
}

/// A composite key and a version of another type.
macro_rules! exercise_small {
    ($small:ty) => {{
        let conn = &mut database();
        let mut small = <$small>::new(1, "x");
        small.insert(conn).unwrap();
        assert_eq!(small.version, 0_i32, "`initial = 0`");
        small.touch(conn).unwrap();
        assert_eq!(
            <$small>::find(&(1, "x".to_owned()), conn).unwrap().version,
            1
        );
        assert_eq!(
            <$small as Versioned>::key_text(&(1, "x,y".to_owned())),
            "1,x\\,y"
        );
        assert_eq!(<$small as Versioned>::ENTITY, "things");
    }};
}

/// The models, in the words of a module that has no prelude. `$root` is how the attribute names the crate, if it does.
macro_rules! models {
    ($($root:tt)*) => {
        #[derive(::core::clone::Clone)]
        pub(super) struct Tags(pub(super) ::std::string::String);

        impl ::core::convert::From<Tags> for ::std::string::String {
            fn from(tags: Tags) -> Self {
                tags.0
            }
        }

        #[derive(::versioned_core::Versioned)]
        #[diesel(table_name = super::tickets)]
        #[versioned(embedded, $($root)*)]
        pub(super) struct Address {
            pub(super) street: ::std::string::String,
        }

        #[derive(::versioned_core::Versioned)]
        #[diesel(table_name = super::tickets, check_for_backend(::diesel::sqlite::Sqlite))]
        #[versioned(owner, $($root)*)]
        pub(super) struct Ticket {
            pub(super) id: ::core::primitive::i64,
            pub(super) title: ::std::string::String,
            #[diesel(serialize_as = ::std::string::String)]
            pub(super) tags: Tags,
            #[diesel(embed)]
            pub(super) address: Address,
            #[diesel(skip_update)]
            pub(super) made_by: ::std::string::String,
            pub(super) version: ::core::primitive::i64,
        }

        #[derive(
            ::core::fmt::Debug, ::core::clone::Clone, ::core::cmp::PartialEq, ::versioned_core::SequentialVersion,
        )]
        #[versioned($($root)*)]
        pub(super) struct Rev(pub(super) ::core::primitive::i64);

        #[derive(
            ::core::fmt::Debug, ::core::clone::Clone, ::core::cmp::PartialEq, ::versioned_core::SequentialVersion,
        )]
        #[versioned($($root)*)]
        pub(super) struct NamedRev {
            pub(super) number: ::core::primitive::i64,
        }

        #[::versioned_core::version_field(::core::primitive::i32)]
        #[derive(::versioned_core::Versioned)]
        #[diesel(table_name = super::small, primary_key(a, b))]
        #[versioned(owner, entity = "things", initial = 0, $($root)*)]
        pub(super) struct Small {
            pub(super) a: ::core::primitive::i32,
            pub(super) b: ::std::string::String,
        }

        #[::versioned_core::version_field]
        #[derive(::versioned_core::Versioned)]
        #[diesel(table_name = super::tickets)]
        #[versioned(dependent, policy = "latest", $($root)*)]
        pub(super) struct Copy {
            pub(super) id: ::core::primitive::i64,
        }

        #[derive(::versioned_core::Versioned)]
        #[diesel(table_name = super::tickets)]
        #[versioned(owner, tombstones, $($root)*)]
        pub(super) struct Remembered<V> {
            pub(super) id: ::core::primitive::i64,
            pub(super) version: V,
        }

        #[derive(::versioned_core::Versioned)]
        #[diesel(table_name = super::small, primary_key(a, b))]
        #[versioned(dependent, gap = "park", $($root)*)]
        pub(super) struct Parked {
            pub(super) a: ::core::primitive::i32,
            pub(super) b: ::std::string::String,
            pub(super) version: ::core::primitive::i32,
        }

        #[derive(::versioned_core::Versioned)]
        #[diesel(table_name = super::tickets)]
        #[versioned(owner, $($root)*)]
        pub(super) struct Borrowed<'a, T, const N: ::core::primitive::usize>
        where
            T: ::core::clone::Clone,
        {
            pub(super) id: ::core::primitive::i64,
            pub(super) title: ::std::borrow::Cow<'a, ::core::primitive::str>,
            #[diesel(column_name = tags)]
            pub(super) payload: T,
            #[diesel(select_expression = 1)]
            pub(super) bytes: [::core::primitive::u8; N],
            pub(super) version: ::core::primitive::i64,
        }
    };
}

/// What a module with `models!` is asked, from outside of it.
macro_rules! exercise {
    ($module:ident) => {
        mod $module {
            use super::*;
            use super::super::$module::{Address, Borrowed, Copy, NamedRev, Parked, Remembered, Rev, Small, Tags, Ticket};
            use versioned_core::model::{DependentModel, OwnerModel, Policy};
            use versioned_core::version::{SequentialVersion as _, Version as _};

            queryable!(Ticket, (
                id: i64 => BigInt, id, tickets::id, tickets::id;
                title: String => Text, title, tickets::title, tickets::title;
                tags: String => Text, Tags(tags), tickets::tags, tickets::tags;
                address: String => Text, Address { street: address }, tickets::street, tickets::street;
                made_by: String => Text, made_by, tickets::made_by, tickets::made_by;
                version: i64 => BigInt, version, tickets::version, tickets::version;
            ));

            queryable!(Small, (
                a: i32 => Integer, a, small::a, small::a;
                b: String => Text, b, small::b, small::b;
                version: i32 => Integer, version, small::version, small::version;
            ));

            // Serde's derives take `usize` and `bool` for what they are.
            impl Serialize for Parked {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    (self.a, &self.b, self.version).serialize(serializer)
                }
            }

            impl<'de> Deserialize<'de> for Parked {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let (a, b, version) = Deserialize::deserialize(deserializer)?;
                    Ok(Self { a, b, version })
                }
            }

            impl Ticket {
                fn new(id: i64, title: &str) -> Self {
                    Self {
                        id,
                        title: title.to_owned(),
                        tags: Tags("a b".to_owned()),
                        address: Address { street: "Main St".to_owned() },
                        made_by: "ann".to_owned(),
                        version: 0,
                    }
                }
            }

            impl Small {
                fn new(a: i32, b: &str) -> Self {
                    Self { a, b: b.to_owned(), version: 9 }
                }
            }

            #[test]
            fn owner() {
                exercise_tickets!(Ticket, Address, Tags);
            }

            #[test]
            fn composite_key_and_version_field() {
                exercise_small!(Small);
            }

            #[test]
            fn dependent() {
                let copy = Copy { id: 7, version: 3_i64 };
                assert_eq!((Versioned::id(&copy), Versioned::version(&copy)), (7, 3));
                assert_eq!(Copy::POLICY, Policy::Latest);
                assert_eq!((Copy::parse_key("7"), Copy::parse_key("x")), (Some(7), None));

                let key = Parked::parse_key("1,x\\,y").unwrap();
                assert_eq!(key, (1, "x,y".to_owned()));
                let event = Event {
                    entity: Parked::ENTITY.into(),
                    key: Parked::key_text(&key),
                    version: 3,
                    op: Op::Updated,
                    at: String::new(),
                    data: Some(Parked { a: key.0, b: key.1, version: 3 }),
                    trace: None,
                    metadata: None,
                };
                let unparked = Parked::unpark(&Parked::park(&event).unwrap()).unwrap();
                assert_eq!((unparked.key.as_str(), unparked.data.unwrap().b.as_str()), ("1,x\\,y", "x,y"));
            }

            #[test]
            fn counters() {
                assert_eq!((Rev::initial(), Rev::starting_at(4).next()), (Rev(1), Some(Rev(5))));
                assert_eq!(NamedRev::initial().next(), Some(NamedRev { number: 2 }));
                assert_eq!((Rev(i64::MAX).next(), NamedRev { number: 3 }.token().number()), (None, Some(3)));
                assert_eq!((Rev(3).number(), Rev::from_number(4)), (3, Some(Rev(4))));
                assert_eq!(NamedRev::from_number(4), Some(NamedRev { number: 4 }));
            }

            #[test]
            fn tombstones() {
                let remembered = Remembered { id: 7, version: 3_i64 };
                assert_eq!((Versioned::id(&remembered), Remembered::number(&remembered.version)), (7, 3));
                assert_eq!(Remembered::<i16>::numbered(40_000), None);
                const { assert!(Remembered::<i64>::TOMBSTONES) };
            }

            #[test]
            fn parameters() {
                let title = String::from("concert");
                let mut borrowed =
                    Borrowed { id: 7, title: title.as_str().into(), payload: 1_u8, bytes: *b"ab", version: 3 };
                borrowed.set_version(4);
                assert_eq!((Versioned::id(&borrowed), borrowed.version), (7, 4));
                assert_eq!((borrowed.payload, borrowed.bytes, &*borrowed.title), (1, *b"ab", "concert"));
            }
        }
    };
}

/// No prelude, not even the names of the crates.
#[no_implicit_prelude]
mod no_prelude {
    models!();
}

/// Every name that the expansion could have meant is taken.
#[allow(
    dead_code,
    nonstandard_style,
    unused_imports,
    unused_macros,
    clippy::upper_case_acronyms,
    reason = "the names are wrong on purpose"
)]
mod shadowed {
    mod alloc {}
    mod core {}
    mod diesel {}
    mod std {}
    mod version {}
    mod versioned_core {}
    mod model {}
    mod tickets {}

    struct bool;
    struct i16;
    struct i32;
    struct i64;
    struct str;
    struct u8;
    struct usize;
    struct Backend;
    struct Box;
    struct DependentModel;
    struct Field;
    struct Gap;
    struct Guard;
    struct Policy;
    struct QueryResult;
    struct String;
    struct Table;
    struct Token;
    struct Walk;
    struct __DB;
    enum Option {}
    enum Result {}
    trait Clone {}
    trait Columns {}
    trait Debug {}
    trait Display {}
    trait From {}
    trait Into {}
    trait OwnerModel {}
    trait PlainOwner {}
    trait Send {}
    trait SequentialVersion {}
    trait Sized {}
    trait Sync {}
    trait TimestampVersion {}
    trait ToString {}
    trait Version {}
    trait Versioned {}
    fn Err() {}
    fn None() {}
    fn Ok() {}
    fn Some() {}
    fn drop() {}
    // What `use tickets::dsl::*` does: a parameter of that name would be a pattern.
    const id: () = ();
    const number: () = ();
    const version_: () = ();
    struct value;
    static current: () = ();
    static first: () = ();

    macro_rules! compile_error {
        ($($tokens:tt)*) => {};
    }
    macro_rules! unreachable {
        ($($tokens:tt)*) => {};
    }

    /// Methods that every type has, under the names of those that the walk is called by.
    trait Methods: ::core::marker::Sized {
        fn key(self) {}
        fn column(self) {}
        fn inserts(self) {}
        fn convert(self) {}
        fn columns(self) {}
        fn clone(self) {}
        fn map(self) {}
        fn next(self) {}
        fn to_string(self) {}
    }
    impl<T> Methods for T {}

    models!();
}

/// Another name of the crate, and the crate's own is a module without anything.
mod renamed {
    mod toolkit {
        pub(super) mod inner {
            pub(in super::super) use ::versioned_core::{Event, model, version};
        }
    }

    models!(crate = self::toolkit::inner);
}

/// A level that `forbid` sets cannot be lowered again, not even by an `#[allow(..)]` inside of an expansion.
#[forbid(
    keyword_idents,
    let_underscore,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    unused,
    absolute_paths_not_starting_with_crate,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    missing_debug_implementations,
    redundant_imports,
    redundant_lifetimes,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unreachable_pub,
    unsafe_code,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    variant_size_differences,
    clippy::complexity,
    clippy::correctness,
    clippy::nursery,
    clippy::pedantic,
    clippy::perf,
    clippy::style,
    clippy::suspicious
)]
pub mod forbidden {
    use std::borrow::Cow;

    use versioned_core::{SequentialVersion, Versioned, version_field};

    // The columns are in scope: `tickets::id` says more than it must.
    use crate::tickets;
    use crate::tickets::dsl::{id, made_by, street, title, version};

    /// The columns that the derive writes with their table's name.
    #[must_use]
    pub const fn names() -> [&'static str; 5] {
        const fn name<C: diesel::Column>(_: &C) -> &'static str {
            C::NAME
        }
        [
            name(&id),
            name(&title),
            name(&street),
            name(&made_by),
            name(&version),
        ]
    }

    /// A place.
    #[derive(Debug, Clone, Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(embedded)]
    pub struct Address {
        /// Its street.
        pub street: String,
    }

    /// A ticket.
    #[version_field]
    #[derive(Debug, Clone, Versioned)]
    #[diesel(table_name = tickets)]
    #[diesel(check_for_backend(diesel::sqlite::Sqlite))]
    #[versioned(owner, initial = 0)]
    pub struct Ticket<'a> {
        /// Its key.
        pub id: i64,
        /// Its title.
        pub title: Cow<'a, str>,
        /// Where.
        #[diesel(embed)]
        pub address: Address,
        /// By whom.
        #[diesel(serialize_as = String, skip_update)]
        pub made_by: Cow<'a, str>,
    }

    /// A replica.
    #[version_field]
    #[derive(Debug, Clone, Versioned)]
    #[diesel(table_name = tickets)]
    #[versioned(dependent)]
    pub struct TicketCopy {
        /// Its key.
        pub id: i64,
    }

    /// A version.
    #[derive(Debug, Clone, PartialEq, Eq, SequentialVersion)]
    pub struct Rev(i64);

    /// A version.
    #[derive(Debug, Clone, PartialEq, Eq, SequentialVersion)]
    pub struct NamedRev {
        number: i64,
    }
}

mod tests {
    use super::*;

    exercise!(no_prelude);
    exercise!(renamed);
    exercise!(shadowed);

    #[test]
    fn forbidden() {
        use super::forbidden::{NamedRev, Rev, Ticket, TicketCopy, names};
        use versioned_core::version::Version;

        assert_eq!(names(), ["id", "title", "street", "made_by", "version"]);
        assert_eq!(<Ticket<'_> as Versioned>::initial_version(), 0);
        assert_eq!(Versioned::id(&TicketCopy { id: 7, version: 1 }), 7);
        assert_eq!(Rev::initial().token(), NamedRev::initial().token());
    }
}
