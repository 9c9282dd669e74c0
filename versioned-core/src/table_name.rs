//! The name of a model's table in the database: `tickets`, `sales.tickets`.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::RwLock;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TableName {
    pub(crate) schema: Option<&'static str>,
    pub(crate) table: &'static str,
    /// The name of the table, qualified by its schema.
    pub(crate) full: &'static str,
}

/// The names by model. Diesel exposes the name of a table only in a statement or through `Debug`.
/// It is therefore parsed, once for each model.
static NAMES: RwLock<Option<HashMap<TypeId, TableName>>> = RwLock::new(None);

/// Returns the name of the table of `model`. `component` is Diesel's constant for the name, and
/// `module` is the name of the table's module, which is used if the constant cannot be parsed.
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

/// Parses the `Debug` output of Diesel's constant:
///
/// - `Identifier("tickets")`
/// - `InfixNode { lhs: Identifier("sales"), rhs: Identifier("tickets"), middle: "." }`
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

/// Unescapes a string literal up to its closing quote. `literal` starts behind the opening quote.
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
