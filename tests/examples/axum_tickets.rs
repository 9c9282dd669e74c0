//! A ticket service over HTTP, where nobody overwrites a change that they have not seen.
//! `cargo run --example axum_tickets --features http`
//!
//! ```sh
//! alias json="curl -i -H content-type:application/json"
//! json localhost:3000/tickets -d '{"title": "concert", "price": 20}'                  # 201, ETag: "1"
//! json localhost:3000/tickets/1 -H 'if-none-match: "1"'                               # 304: you have it
//! json localhost:3000/tickets/1 -X PUT -d '{"title": "opera", "price": 25}'           # 428: of which version?
//! json localhost:3000/tickets/1 -X PUT -d '{"title": "opera", "price": 25}' -H 'if-match: "1"'    # 200, ETag: "2"
//! json localhost:3000/tickets/1 -X PUT -d '{"title": "opera", "price": 30}' -H 'if-match: "1"'    # 412, ETag: "2"
//! json localhost:3000/tickets/1/raise -X POST                                         # 200, ETag: "3"
//! json localhost:3000/tickets/1 -X DELETE -H 'if-match: "3"'                          # 204
//! ```
//!
//! `--port 0` listens on any free port; `--database tickets.db` keeps the tickets.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example that talks"
)]

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{ETAG, HeaderMap, LOCATION};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use diesel::prelude::*;
use diesel_async::SimpleAsyncConnection as _;
use diesel_async::pooled_connection::deadpool::{Object, Pool, PoolError};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig};
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use serde::{Deserialize, Serialize};
use versioned_core::async_prelude::*;
use versioned_core::etag::{self, ETag, IfMatch, IfNoneMatch, Precondition};

diesel::table! {
    tickets { id -> BigInt, title -> Text, price -> BigInt, version -> BigInt, }
}

#[derive(Debug, Clone, Queryable, Selectable, Serialize, Versioned)]
#[diesel(table_name = tickets)]
#[versioned(owner)]
struct Ticket {
    id: i64,
    title: String,
    price: i64,
    version: i64,
}

/// What a client sends: everything but the key and the version.
#[derive(Debug, Deserialize, Insertable, AsChangeset)]
#[diesel(table_name = tickets)]
struct Content {
    title: String,
    price: i64,
}

type Connection = SyncConnectionWrapper<SqliteConnection>;
type Tickets = State<Pool<Connection>>;
type Result<T = Response, E = Refused> = std::result::Result<T, E>;

async fn create(State(pool): Tickets, Json(content): Json<Content>) -> Result {
    let ticket = Ticket::create(content, &mut pool.get().await?).await?;
    let location = [(LOCATION, format!("/tickets/{}", ticket.id))];
    Ok((StatusCode::CREATED, location, answer(ticket)).into_response())
}

async fn read(State(pool): Tickets, Path(id): Path<i64>, headers: HeaderMap) -> Result {
    let known = IfNoneMatch::from_headers(&headers).map_err(Precondition::from)?;
    let ticket = Ticket::find(&id, &mut pool.get().await?).await?;
    if known.is_some_and(|known| known.matches(&ticket)) {
        let tag = [(ETAG, ETag::of(&ticket))];
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok(answer(ticket))
}

/// A change goes to the version that the client has seen. It is one statement, with the version in its WHERE: a row that
/// has moved on is not found.
async fn replace(
    State(pool): Tickets,
    Path(id): Path<i64>,
    headers: HeaderMap,
    Json(content): Json<Content>,
) -> Result {
    let if_match = IfMatch::required(&headers)?;
    let conn = &mut pool.get().await?;
    let seen = seen(&if_match, id, conn).await?;
    let updated = Ticket::at(id, seen).update(content, conn).await;
    Ok(answer(checked(updated, &if_match)?))
}

async fn delete(
    State(pool): Tickets,
    Path(id): Path<i64>,
    headers: HeaderMap,
) -> Result<StatusCode> {
    let if_match = IfMatch::required(&headers)?;
    let conn = &mut pool.get().await?;
    let seen = seen(&if_match, id, conn).await?;
    checked(Ticket::at(id, seen).delete(conn).await, &if_match)?;
    Ok(StatusCode::NO_CONTENT)
}

/// One more, whatever the price is by now: nothing rests on what the client has seen, so it need not say. After a conflict
/// the ticket is loaded and raised again, 200 times at most.
async fn raise(State(pool): Tickets, Path(id): Path<i64>) -> Result {
    let conn = &mut pool.get().await?;
    let raised = Ticket::update_with(&id, conn, async |ticket: &mut Ticket| {
        ticket.price += 1;
        Ok(())
    });
    Ok(answer(raised.await?))
}

/// The version in `If-Match`. Only `*` and lists of several need a look at the row.
async fn seen(if_match: &IfMatch, id: i64, conn: &mut Object<Connection>) -> Result<i64> {
    if let Some(version) = if_match.version::<Ticket>() {
        return Ok(version);
    }
    let ticket = Ticket::find(&id, conn).await?;
    if_match.check(&ticket)?;
    Ok(ticket.version)
}

fn answer(ticket: Ticket) -> Response {
    ([(ETAG, ETag::of(&ticket))], Json(ticket)).into_response()
}

/// A write with an `If-Match`: if the row is at another version by now, it is the client who must look again.
fn checked<T>(written: versioned_core::Result<T>, if_match: &IfMatch) -> Result<T> {
    written.map_err(|error| {
        let found = error.conflict().and_then(versioned_core::Conflict::found);
        Refused(
            if_match.status(&error),
            error.to_string(),
            found.map(ETag::from),
        )
    })
}

/// A status, a sentence, and the present tag where that helps.
struct Refused(StatusCode, String, Option<ETag>);

impl From<versioned_core::Error> for Refused {
    fn from(error: versioned_core::Error) -> Self {
        Self(etag::status(&error), error.to_string(), None)
    }
}

impl From<Precondition> for Refused {
    fn from(refused: Precondition) -> Self {
        Self(refused.status(), refused.to_string(), refused.current())
    }
}

impl From<PoolError> for Refused {
    fn from(error: PoolError) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), None)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(status, mut text, tag) = self;
        if status.is_server_error() {
            eprintln!("{status}: {text}");
            text = "not your fault".into();
        }
        (status, tag.map(|tag| [(ETAG, tag)]), text).into_response()
    }
}

/// `SQLite` has one writer at a time; the others wait for it, and readers see the last commit meanwhile.
async fn connect(url: &str) -> ConnectionResult<Connection> {
    let mut conn = Connection::establish(url).await?;
    let setup = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL;
        CREATE TABLE IF NOT EXISTS tickets (id INTEGER PRIMARY KEY AUTOINCREMENT,
            title TEXT NOT NULL, price BIGINT NOT NULL, version BIGINT NOT NULL)";
    let done = conn.batch_execute(setup).await;
    done.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let option = |name: &str| std::env::args().skip_while(|word| word != name).nth(1);
    let port: u16 = option("--port").map_or(Ok(3000), |port| port.parse())?;
    let temporary = tempfile::tempdir()?;
    let file = temporary.path().join("tickets.db").display().to_string();

    let mut config = ManagerConfig::default();
    config.custom_setup = Box::new(|url| Box::pin(connect(url)));
    let file = option("--database").unwrap_or(file);
    let manager = AsyncDieselConnectionManager::new_with_config(file, config);
    let router = Router::new()
        .route("/tickets", post(create))
        .route("/tickets/{id}", get(read).put(replace).delete(delete))
        .route("/tickets/{id}/raise", post(raise))
        .with_state(Pool::builder(manager).max_size(4).build()?);

    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    // At its end the temporary directory goes.
    let interrupted = async { drop(tokio::signal::ctrl_c().await) };
    let server = axum::serve(listener, router);
    server.with_graceful_shutdown(interrupted).await?;
    Ok(())
}
