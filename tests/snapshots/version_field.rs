// #[derive(Queryable, Selectable, Versioned)]
// #[versioned(owner)]
// struct Ticket {
//     id: i64,
// }

#[derive(Queryable, Selectable, Versioned)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    /// The version of the record: it moves by one with each write.
    pub version: ::core::primitive::i64,
}
