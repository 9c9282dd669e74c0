//! What the database calls a model's table: `tickets`, `sales.tickets`.

use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::RwLock;

use diesel::internal::table_macro::StaticQueryFragment;

use crate::model::Versioned;

/// Diesel has the name as a constant of a type that shows it only in a statement, or as it is debugged. It is read once for each
/// model.
static NAMES: RwLock<Option<HashMap<TypeId, &'static str>>> = RwLock::new(None);

/// The name of the table of `M`, behind its schema's if it has one.
pub(crate) fn of<M>() -> &'static str
where
    M: Versioned<Table: StaticQueryFragment<Component: fmt::Debug>>,
{
    let model = TypeId::of::<M::Static>();
    let known = NAMES.read().ok();
    let known = known.and_then(|names| names.as_ref()?.get(&model).copied());
    if let Some(name) = known {
        return name;
    }
    let debugged = format!("{:?}", <M::Table as StaticQueryFragment>::STATIC_COMPONENT);
    let name: &'static str = match read(&debugged) {
        Some(name) => Box::leak(name.into_boxed_str()),
        None => M::TABLE,
    };
    match NAMES.write() {
        Ok(mut names) => names
            .get_or_insert_with(HashMap::new)
            .entry(model)
            .or_insert(name),
        Err(_) => name,
    }
}

/// `Identifier("tickets")`, `InfixNode { lhs: Identifier("sales"), rhs: Identifier("tickets"), middle: "." }`
fn read(debugged: &str) -> Option<String> {
    let names: Vec<&str> = debugged
        .split("Identifier(\"")
        .skip(1)
        .map(|rest| rest.split_once("\")").map(|(name, _)| name))
        .collect::<Option<_>>()?;
    (!names.is_empty()).then(|| names.join("."))
}

#[cfg(test)]
mod tests {
    use diesel::internal::table_macro::StaticQueryFragment;

    use super::read;

    diesel::table! {
        tickets {
            id -> BigInt,
        }
    }

    diesel::table! {
        #[sql_name = "all tickets"]
        sales.others {
            id -> BigInt,
        }
    }

    fn name<T: StaticQueryFragment<Component: std::fmt::Debug>>() -> Option<String> {
        read(&format!("{:?}", T::STATIC_COMPONENT))
    }

    #[test]
    fn a_table_has_the_name_that_the_database_knows() {
        assert_eq!(name::<tickets::table>().as_deref(), Some("tickets"));
        assert_eq!(
            name::<others::table>().as_deref(),
            Some("sales.all tickets")
        );
    }
}
