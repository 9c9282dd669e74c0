//! A prepared statement of libpq and nothing around it, so that there is a floor to compare with.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;

use pq_sys as ffi;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    connection: ptr::NonNull<ffi::PGconn>,
    /// How many statements were prepared: their names.
    prepared: Cell<u32>,
}

// SAFETY: libpq lets any thread use a connection, one at a time; it has no state of the thread's.
unsafe impl Send for Connection {}

/// Values and answers are in PostgreSQL's binary form.
const BINARY: c_int = 1;

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// What libpq says.
    ///
    /// # Panics
    ///
    /// When there is no memory for a connection, or a NUL in the URL.
    pub fn open(url: &str) -> Result<Self, String> {
        let url = CString::new(url).expect("no NUL in a URL");
        // SAFETY: the URL ends in NUL and lives through the call.
        let connection = unsafe { ffi::PQconnectdb(url.as_ptr()) };
        let connection = Self {
            connection: ptr::NonNull::new(connection).expect("memory for a connection"),
            prepared: Cell::new(0),
        };
        // SAFETY: the connection is open or failed, not yet finished.
        match unsafe { ffi::PQstatus(connection.connection.as_ptr()) } {
            ffi::ConnStatusType::CONNECTION_OK => Ok(connection),
            _ => Err(connection.message()),
        }
    }

    /// Runs SQL.
    ///
    /// # Errors
    ///
    /// What the server says.
    ///
    /// # Panics
    ///
    /// On a NUL in the SQL.
    pub fn execute(&self, sql: &str) -> Result<(), String> {
        let sql = CString::new(sql).expect("no NUL in SQL");
        // SAFETY: the connection is alive, the SQL ends in NUL and lives through the call.
        let result = unsafe { ffi::PQexec(self.connection.as_ptr(), sql.as_ptr()) };
        self.affected(result).map(drop)
    }

    /// Prepares a statement.
    ///
    /// # Errors
    ///
    /// What the server says.
    ///
    /// # Panics
    ///
    /// On a NUL in the SQL.
    pub fn prepare(&self, sql: &str) -> Result<Prepared, String> {
        let sql = CString::new(sql).expect("no NUL in SQL");
        let number = self.prepared.get() + 1;
        self.prepared.set(number);
        let name = CString::new(format!("statement_{number}")).expect("no NUL in a name");
        // SAFETY: as in `execute`; the types of the parameters are left to the server.
        let result = unsafe {
            ffi::PQprepare(
                self.connection.as_ptr(),
                name.as_ptr(),
                sql.as_ptr(),
                0,
                ptr::null(),
            )
        };
        self.affected(result)?;
        Ok(Prepared { name })
    }

    /// Runs a statement that this connection prepared; answers with the number of rows that it touched.
    ///
    /// # Errors
    ///
    /// What the server says.
    pub fn run(&self, statement: &Prepared, binds: &[&[u8]]) -> Result<u64, String> {
        self.affected(self.send(statement, binds))
    }

    /// Runs a query that this connection prepared, of `BIGINT` columns that are not NULL; answers with its first row.
    ///
    /// # Errors
    ///
    /// What the server says.
    ///
    /// # Panics
    ///
    /// When a value is none of a `BIGINT`.
    pub fn numbers<const N: usize>(
        &self,
        statement: &Prepared,
        binds: &[&[u8]],
    ) -> Result<Option<[i64; N]>, String> {
        let result = self.send(statement, binds);
        // SAFETY: a null result has no rows. The row and its columns are there, and eight bytes each, which the caller
        // promises and the lengths confirm; the value is copied before the result is cleared.
        let row = unsafe {
            (ffi::PQntuples(result) > 0).then(|| {
                std::array::from_fn(|column| {
                    let column = c_int::try_from(column).unwrap_or(c_int::MAX);
                    assert_eq!(ffi::PQgetlength(result, 0, column), 8, "a BIGINT");
                    i64::from_be_bytes(ffi::PQgetvalue(result, 0, column).cast::<[u8; 8]>().read())
                })
            })
        };
        self.affected(result)?;
        Ok(row)
    }

    fn send(&self, statement: &Prepared, binds: &[&[u8]]) -> *mut ffi::PGresult {
        let number = c_int::try_from(binds.len()).unwrap_or(c_int::MAX);
        let values: Vec<_> = binds
            .iter()
            .map(|bind| bind.as_ptr().cast::<c_char>())
            .collect();
        let lengths: Vec<_> = binds
            .iter()
            .map(|bind| c_int::try_from(bind.len()).unwrap_or(c_int::MAX))
            .collect();
        let formats = vec![BINARY; binds.len()];
        // SAFETY: the three arrays have `number` entries and live through the call, as do the values.
        unsafe {
            ffi::PQexecPrepared(
                self.connection.as_ptr(),
                statement.name.as_ptr(),
                number,
                values.as_ptr(),
                lengths.as_ptr(),
                formats.as_ptr(),
                BINARY,
            )
        }
    }

    /// The number of rows that a statement touched. Takes the result.
    fn affected(&self, result: *mut ffi::PGresult) -> Result<u64, String> {
        // SAFETY: `result` is what libpq has just answered and is cleared here, once; a null one is allowed.
        let (status, count) = unsafe {
            let status = ffi::PQresultStatus(result);
            let count = CStr::from_ptr(ffi::PQcmdTuples(result))
                .to_str()
                .unwrap_or_default()
                .parse();
            ffi::PQclear(result);
            (status, count)
        };
        match status {
            ffi::ExecStatusType::PGRES_COMMAND_OK | ffi::ExecStatusType::PGRES_TUPLES_OK => {
                Ok(count.unwrap_or(0))
            }
            _ => Err(self.message()),
        }
    }

    fn message(&self) -> String {
        // SAFETY: the connection is alive, and so is its message until the next call.
        let message = unsafe { CStr::from_ptr(ffi::PQerrorMessage(self.connection.as_ptr())) };
        message.to_string_lossy().into_owned()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the connection is finished here and nowhere else.
        unsafe { ffi::PQfinish(self.connection.as_ptr()) }
    }
}

/// The name of a prepared statement.
#[derive(Debug)]
pub struct Prepared {
    name: CString,
}
