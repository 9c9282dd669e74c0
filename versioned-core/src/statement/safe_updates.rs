//! Writes that find their rows without a key, or by a prefix of one. A MySQL or MariaDB session
//! with `sql_safe_updates` would reject them. Each of the two databases has a way to allow one
//! statement.
//!
//! ```sql
//! SET STATEMENT sql_safe_updates = 0 FOR DELETE FROM tickets        -- MariaDB
//! DELETE /*+ SET_VAR(sql_safe_updates = 0) */ FROM tickets          -- MySQL
//! ```

use diesel::backend::Backend;
use diesel::query_builder::AstPass;

use crate::dialect::Dialect;

/// A comment to MySQL, and SQL to MariaDB.
const MARIADB: &str = "/*M!100100 SET STATEMENT sql_safe_updates = 0 FOR */ ";
const MYSQL: &str = " /*+ SET_VAR(sql_safe_updates = 0) */";

/// Pushes the verb of such a statement: `DELETE` or `UPDATE`.
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
