//! What the database calls a model's table: `tickets`, `sales.tickets`.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::RwLock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableName {
    pub(crate) schema: Option<&'static str>,
    pub(crate) table: &'static str,
    /// The table's name behind its schema's.
    pub(crate) full: &'static str,
}

/// Diesel has the name as a constant of a type that shows it only in a statement, or as it is debugged. It is read once for each
/// model.
static NAMES: RwLock<Option<HashMap<TypeId, TableName>>> = RwLock::new(None);

/// The name of a model's table: of its type, of Diesel's type of the name, and of the table's module, for a name that is not
/// understood.
pub(crate) fn of(model: TypeId, component: &dyn fmt::Debug, module: &'static str) -> TableName {
    let known = NAMES.read().ok();
    let known = known.and_then(|names| names.as_ref()?.get(&model).copied());
    if let Some(name) = known {
        return name;
    }
    let name = read(&format!("{component:?}")).unwrap_or(TableName {
        schema: None,
        table: module,
        full: module,
    });
    match NAMES.write() {
        Ok(mut names) => *names
            .get_or_insert_with(HashMap::new)
            .entry(model)
            .or_insert(name),
        Err(_) => name,
    }
}

/// `Identifier("tickets")`, `InfixNode { lhs: Identifier("sales"), rhs: Identifier("tickets"), middle: "." }`
fn read(debugged: &str) -> Option<TableName> {
    let mut names = debugged
        .split("Identifier(\"")
        .skip(1)
        .map(|literal| unescape(literal).map(|name| &*Box::leak(name.into_boxed_str())));
    let first = names.next()??;
    Some(match names.next() {
        None => TableName {
            schema: None,
            table: first,
            full: first,
        },
        Some(table) => {
            let table = table?;
            TableName {
                schema: Some(first),
                table,
                full: Box::leak(format!("{first}.{table}").into_boxed_str()),
            }
        }
    })
}

/// The text whose literal this is the rest of, up to the closing quote.
fn unescape(literal: &str) -> Option<String> {
    let mut text = String::new();
    let mut characters = literal.chars();
    loop {
        match characters.next()? {
            '"' => return Some(text),
            '\\' => match characters.next()? {
                escaped @ ('"' | '\'' | '\\') => text.push(escaped),
                _ => return None,
            },
            character => text.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use diesel::internal::table_macro::StaticQueryFragment;

    use super::{TableName, read};

    diesel::table! {
        tickets {
            id -> BigInt,
        }
    }

    diesel::table! {
        #[sql_name = "all \"tickets\", it's ü.b\\"]
        sales.others {
            id -> BigInt,
        }
    }

    fn name<T: StaticQueryFragment<Component: std::fmt::Debug>>() -> Option<TableName> {
        read(&format!("{:?}", T::STATIC_COMPONENT))
    }

    #[test]
    fn a_table_has_the_name_that_the_database_knows() {
        assert_eq!(
            name::<tickets::table>(),
            Some(TableName {
                schema: None,
                table: "tickets",
                full: "tickets"
            })
        );
        assert_eq!(
            name::<others::table>(),
            Some(TableName {
                schema: Some("sales"),
                table: "all \"tickets\", it's ü.b\\",
                full: "sales.all \"tickets\", it's ü.b\\"
            })
        );
    }
}
