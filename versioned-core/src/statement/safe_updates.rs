//! Writes that find their rows by no key, or by the beginning of one: a session of MySQL or MariaDB with `sql_safe_updates` would
//! refuse them. Each of the two has a way to say that this statement is meant.
//!
//! ```sql
//! SET STATEMENT sql_safe_updates = 0 FOR DELETE FROM tickets        -- MariaDB
//! DELETE /*+ SET_VAR(sql_safe_updates = 0) */ FROM tickets          -- MySQL
//! ```

use diesel::backend::Backend;
use diesel::query_builder::AstPass;

use crate::dialect::Dialect;

/// What a comment hides from MySQL, and not from MariaDB.
const MARIADB: &str = "/*M!100100 SET STATEMENT sql_safe_updates = 0 FOR */ ";
const MYSQL: &str = " /*+ SET_VAR(sql_safe_updates = 0) */";

/// Writes the verb of such a statement: `DELETE` or `UPDATE`.
pub(crate) fn push_verb<DB: Backend>(
    verb: &str,
    dialect: Option<Dialect>,
    out: &mut AstPass<'_, '_, DB>,
) {
    if dialect == Some(Dialect::Mysql) {
        out.push_sql(MARIADB);
        out.push_sql(verb);
        out.push_sql(MYSQL);
    } else {
        out.push_sql(verb);
    }
}
