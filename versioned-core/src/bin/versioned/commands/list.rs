//! What all lists have in common.

use serde_json::{Value, json};
use versioned_core::status::Count;

use crate::args::PageArgs;
use crate::database::Database;
use crate::failure::{Exit, Failure, Outcome};
use crate::json;
use crate::output::{Form, Output, note};
use crate::table::Table;
use crate::text;

/// A page of a list.
pub(super) struct Page<'p> {
    /// The name of the document.
    pub(super) name: &'p str,
    /// `dead letter`.
    pub(super) one: &'p str,
    pub(super) items: Vec<Value>,
    pub(super) table: Table,
    /// How many there are on all pages, if that was counted.
    pub(super) count: Option<Count>,
    /// Where the next page begins, if there may be one.
    pub(super) next: Option<String>,
}

impl Page<'_> {
    pub(super) fn print(
        self,
        args: &PageArgs,
        database: &Database,
        out: &mut Output,
    ) -> Outcome<Exit> {
        let is_empty = self.items.is_empty();
        if out.form == Form::JsonLines {
            for item in &self.items {
                out.document(item)?;
            }
        } else if out.form == Form::Json {
            let members = json!({
                "items": self.items,
                "count": self.count.map(json::count),
                "next": self.next,
            });
            out.document(&json::document(self.name, database, members))?;
        } else if is_empty {
            out.line(&format!("no {}s", self.one))?;
        } else {
            out.table(&self.table)?;
            out.flush()?;
            if let Some(next) = &self.next {
                let shown = text::many(self.items.len() as u64, self.one);
                let of = match self.count {
                    Some(count) if count.at_least => format!(" of more than {}", count.value - 1),
                    Some(count) => format!(" of {}", count.value),
                    None => String::new(),
                };
                note(&format!("{shown}{of}; the next page: --after '{next}'"));
            }
        }
        let some = args.exit_code && !is_empty;
        Ok(if some { Exit::No } else { Exit::Done })
    }
}

/// Returns the page without the row that was read to learn whether there are more.
pub(super) fn cut<T>(mut rows: Vec<T>, limit: u32) -> (Vec<T>, bool) {
    let limit = limit as usize;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    (rows, has_more)
}

pub(super) fn wrong_place() -> Failure {
    Failure::new(
        Exit::Usage,
        "wrong_place",
        "give --after the `next` of a page of the same command",
    )
}
