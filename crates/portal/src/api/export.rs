//! `/api/v1/lists/{apex}/export`: all entries of a list as a file, read while it is sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use hyper::body::Frame;
use repute_database::entries;
use repute_database::lists::Stored;
use repute_registry::export::{self, Format};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::api::Endpoint;
use crate::app::App;
use crate::error::{AppError, whole};
use crate::moment::Moment;
use crate::overview::stored;
use crate::token::Scope;

/// What there is.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/lists/{apex}/export", "Entries", show)
            .says(
                "All entries of a list as a file",
                "As `repute registry export` writes it, and an import reads it. What is changed while it is sent may be \
                 in it or not.",
            )
            .by(&[Scope::EntriesRead])
            .query::<Wanted>()
            .writes("text/plain"),
    ]
}

/// As what.
#[derive(Deserialize, JsonSchema)]
struct Wanted {
    /// `rbldnsd`, or `csv` with reasons, sources and times; `rbldnsd` without it.
    format: Option<String>,
}

/// `GET /api/v1/lists/{apex}/export`.
async fn show(
    State(app): State<App>,
    Path(apex): Path<String>,
    Query(Wanted { format }): Query<Wanted>,
) -> Result<Response, AppError> {
    let (format, kind) = match format.as_deref() {
        None | Some("rbldnsd") => (Format::Rbldnsd, "text/plain; charset=utf-8"),
        Some("csv") => (Format::Csv, "text/csv; charset=utf-8"),
        Some(_) => return Err(AppError::Choice),
    };
    let mut connection = app.database.read().await?;
    let list = stored(connection.session(), &apex).await?;
    drop(connection);
    let (send, parts) = mpsc::channel(PARTS);
    tokio::spawn(async move {
        if let Err(error) = write(&app, &list, format, &send).await {
            tracing::error!("{} is not exported to its end: {}", list.list.apex, whole(&error));
            // A file that breaks off is not taken for a whole one.
            let _ = send.send(Err(Broken)).await;
        }
    });
    let mut response = Response::new(Body::new(Parts(parts)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

/// Writes all entries, until nobody reads any more.
async fn write(
    app: &App,
    list: &Stored,
    format: Format,
    send: &mpsc::Sender<Result<Bytes, Broken>>,
) -> Result<(), AppError> {
    let mut connection = app.database.read().await?;
    let sources = entries::sources(connection.session()).await?;
    drop(connection);
    let mut text = export::head(format, &list.list.apex, list.serial);
    let mut after = None;
    loop {
        // A slow reader does not keep a connection to himself.
        let mut connection = app.database.read().await?;
        let page = entries::page(connection.session(), list.id, None, after.as_ref(), PAGE);
        let page = page.await?;
        drop(connection);
        for entry in &page {
            let source = sources.iter().find(|(id, _)| *id == entry.source);
            let source = source.map_or("", |(_, name)| name);
            export::line(&mut text, format, entry, source, |time| Moment(time).rfc3339());
        }
        if send.send(Ok(std::mem::take(&mut text).into())).await.is_err() {
            return Ok(());
        }
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.key.clone());
    }
}

/// The file broke off.
#[derive(Debug, thiserror::Error)]
#[error("the file broke off")]
struct Broken;

/// A body that comes in parts.
struct Parts(mpsc::Receiver<Result<Bytes, Broken>>);

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}

/// So many parts wait for whoever reads slowly.
const PARTS: usize = 2;
/// Entries that are read at once.
const PAGE: u32 = 5_000;
