//! From the type of a CloudEvent to an operation.

use crate::event::Op;
use crate::format::type_name::without_version;

/// The types that are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Types {
    pub(super) entity: Option<String>,
    pub(super) prefix: Option<String>,
    pub(super) exact: Vec<(String, Op)>,
    pub(super) suffixes: Vec<(String, Op)>,
}

/// The operations that owners of this crate send.
const SENT: [Op; 4] = [Op::Created, Op::Updated, Op::Deleted, Op::Snapshot];

impl Types {
    /// Returns the operation of a type, or `None` if it is not for a replica of `entity`.
    pub(super) fn op(&self, name: &str, entity: &str) -> Option<Op> {
        if let Some(op) = find(&self.exact, name) {
            return Some(op);
        }
        let (of, suffix) = without_version(name, &['.']).rsplit_once('.')?;
        let sent = || SENT.into_iter().find(|op| is(op.name(), suffix));
        let op = find(&self.suffixes, suffix).or_else(sent)?;
        let entity = self.entity.as_deref().unwrap_or(entity);
        self.is_of(of, entity).then_some(op)
    }

    fn is_of(&self, name: &str, entity: &str) -> bool {
        match self.prefix.as_deref() {
            Some("") => is(name, entity),
            Some(prefix) => {
                let prefix = prefix.strip_suffix('.').unwrap_or(prefix);
                is(name, &format!("{prefix}.{entity}"))
            }
            None => {
                let start = name.len().checked_sub(entity.len());
                let parts = start.and_then(|start| name.split_at_checked(start));
                parts.is_some_and(|(prefix, end)| {
                    is(end, entity) && (prefix.is_empty() || prefix.ends_with('.'))
                })
            }
        }
    }
}

fn find(table: &[(String, Op)], name: &str) -> Option<Op> {
    let found = table.iter().find(|(known, _)| is(known, name));
    found.map(|(_, op)| *op)
}

fn is(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
