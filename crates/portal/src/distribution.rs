//! `/api/v1/distribution`: lists for servers elsewhere, by the token of a subscriber.
//!
//! Who asks for manifests gets all that he may have, with a tag (ETag); who asks for those after a tag gets only them, and
//! may wait for them (`Prefer: wait=15`, RFC 7240 section 4.3): they come with the change that makes them. Parcels are files, sent as they are read; what is in them,
//! and that nobody changed it, is for the manifests to say.

use std::fs::File;
use std::io::{self, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, ETAG};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, body::Bytes};
use hyper::body::{Frame, SizeHint};
use repute_database::Timestamp;
use repute_database::subscribers::{self, Subscriber};
use repute_dnsxl::Name;
use serde::Deserialize;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::api::bearer;
use crate::app::App;
use crate::error::AppError;
use crate::limits::{self, Deed, Doer};
use crate::secret::digest_of;
use crate::seen::{self, Used};
use crate::visitor::Visitor;

/// Admits whoever shows a token that is not revoked.
pub(crate) async fn admit(app: &App, visitor: &Visitor, request: Request, next: Next) -> Response {
    match subscriber(app, visitor, request.headers()).await {
        Ok(subscriber) => {
            let mut request = request;
            request.extensions_mut().insert(subscriber);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

/// Whose token it is.
async fn subscriber(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
) -> Result<Subscriber, AppError> {
    let token = bearer(headers);
    let mut connection = app.database.read().await?;
    let found = match token {
        // A look-up by the digest takes no longer for a better guess.
        Some(token) => subscribers::find(connection.session(), &digest_of(token)).await?,
        None => None,
    };
    drop(connection);
    let (now, moment) = (Timestamp::now(), Instant::now());
    let Some(subscriber) = found else {
        let doer = Doer::at(visitor.address);
        limits::take(app, Deed::Try, doer).await?;
        return Err(AppError::Token);
    };
    let doer = Doer::Subscriber(subscriber.id);
    app.limits.take(Deed::Fetch, &doer, moment).map_err(AppError::TooMany)?;
    seen::note(app, Used::Subscriber(subscriber.id), subscriber.seen, now).await;
    Ok(subscriber)
}

/// Which manifests are asked for.
#[derive(Deserialize)]
pub(crate) struct Wanted {
    /// Those that came after this tag; without it all.
    after: Option<String>,
}

/// `GET /api/v1/distribution/manifests`.
pub(crate) async fn manifests(
    State(app): State<App>,
    Extension(subscriber): Extension<Subscriber>,
    Query(Wanted { after }): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let end = tokio::time::sleep(wait(&headers));
    tokio::pin!(end);
    let mut news = app.shelf.news();
    loop {
        news.mark_unchanged();
        let handout = app.shelf.manifests(after.as_deref(), |apex| subscriber.lists.has(apex));
        let tag = format!("\"{}\"", handout.tag);
        if after.is_none() || !handout.text.is_empty() {
            let headers = [(ETAG, tag), (CONTENT_TYPE, "text/plain; charset=utf-8".to_owned())];
            return (headers, handout.text).into_response();
        }
        let is_over = tokio::select! {
            () = &mut end => true,
            () = app.closing.cancelled() => true,
            changed = news.changed() => changed.is_err(),
        };
        if is_over {
            return (StatusCode::NO_CONTENT, [(ETAG, tag)]).into_response();
        }
    }
}

/// How long somebody wants to wait for something new.
fn wait(headers: &HeaderMap) -> Duration {
    let lines = headers.get_all("prefer").iter().filter_map(|line| line.to_str().ok());
    let mut words = lines.flat_map(|line| line.split([',', ';'])).map(str::trim);
    let seconds = words.find_map(|word| word.strip_prefix("wait=")?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0)).min(LONGEST)
}

/// `GET /api/v1/distribution/lists/{apex}/{from}/{to}`: a parcel; the whole list if it is from 0.
pub(crate) async fn parcel(
    State(app): State<App>,
    Extension(subscriber): Extension<Subscriber>,
    Path((apex, from, to)): Path<(String, u32, u32)>,
) -> Result<Response, AppError> {
    let apex: Name = apex.parse().map_err(|_| AppError::NotFound)?;
    if !subscriber.lists.has(&apex) {
        return Err(AppError::NotFound);
    }
    let (path, length) = app.shelf.parcel(&apex, from, to).ok_or(AppError::NotFound)?;
    // It may go the moment it is no longer named; whoever asked then asks for manifests again.
    let file = spawn_blocking(move || File::open(path)).await.map_err(|_| AppError::NotFound)?;
    let file = file.map_err(|_| AppError::NotFound)?;
    let body = Body::new(FileBody { file: Some(file), left: length, reading: None });
    Ok(([(CONTENT_TYPE, "application/octet-stream")], body).into_response())
}

/// A file as it is read, so that a slow reader takes little memory.
struct FileBody {
    /// The file, unless it is just being read.
    file: Option<File>,
    /// How many bytes are still to come.
    left: u64,
    /// The next part.
    reading: Option<JoinHandle<io::Result<(File, Bytes)>>>,
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if let Some(mut file) = self.file.take() {
            let length = usize::try_from(self.left).unwrap_or(PART).min(PART);
            self.reading = Some(spawn_blocking(move || {
                let mut part = vec![0; length];
                file.read_exact(&mut part)?;
                Ok((file, part.into()))
            }));
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let (file, part): (File, Bytes) = match read {
            Ok(Ok(read)) => read,
            Ok(Err(error)) => return Poll::Ready(Some(Err(error))),
            Err(error) => return Poll::Ready(Some(Err(io::Error::other(error)))),
        };
        self.file = Some(file);
        self.left -= part.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// The longest that somebody may wait.
const LONGEST: Duration = Duration::from_secs(15);
/// So many bytes of a file are read at once.
const PART: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use repute_database::Database;
    use repute_database::lists::ListId;
    use repute_database::testing::on_each_narrow;
    use repute_distribution::{Delivery, Origin};

    use super::*;
    use crate::testing::{Answer, Site};

    /// A portal with two lists, and subscribers: one of both, one of the first.
    async fn site(database: Database) -> Site {
        let site = Site::over(database);
        let lists = [site.add_list("a.example").await, site.add_list("b.example").await];
        publish(&site, "a.example", lists[0], 5, None);
        publish(&site, "b.example", lists[1], 9, None);
        let mut transaction = site.app.database.begin().await.expect("a transaction");
        let (session, now) = (&mut transaction, Timestamp::now());
        subscribers::add(session.session(), "both", &digest_of("both"), None, now)
            .await
            .expect("it is added");
        subscribers::add(session.session(), "one", &digest_of("one"), Some(&lists[..1]), now)
            .await
            .expect("it is added");
        transaction.commit().await.expect("it is committed");
        site
    }

    /// Puts a list on the shelf, or a change of it.
    fn publish(site: &Site, apex: &str, id: ListId, serial: u32, from: Option<u32>) {
        let origin = Origin { id: id.0 as u64, apex: apex.parse().expect("a name") };
        let delivery =
            Delivery { origin: &origin, serial, approved: 0, content: u128::from(serial) };
        match from {
            Some(from) => {
                assert!(!site.app.shelf.put(delivery, Some((from, b"changes"))).expect("put"));
            }
            None => site.app.shelf.put_whole(delivery, &[b'x'; 600_000]).expect("it is put"),
        }
    }

    /// Asks with a token.
    async fn ask(site: &mut Site, path: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [&[("authorization", &*bearer)], more].concat();
        let path = format!("/api/v1/distribution/{path}");
        site.ask(Method::GET, &path, &headers, &[]).await
    }

    #[tokio::test]
    async fn each_token_opens_its_lists_and_no_others() {
        on_each_narrow(async |database| {
            let mut site = site(database).await;
            let both = ask(&mut site, "manifests", "both", &[]).await;
            both.says(&[
                "list a.example 1\nserial 5\n",
                "list b.example 2\nserial 9\n",
                "signature ",
            ]);
            let one = ask(&mut site, "manifests", "one", &[]).await;
            one.says(&["list a.example 1"]);
            assert!(!one.text.contains("b.example"));
            let part = ask(&mut site, "lists/a.example/0/5", "one", &[]).await;
            assert_eq!((part.status, part.text.len()), (StatusCode::OK, 600_000));
            for (path, token) in [
                ("lists/b.example/0/9", "one"),
                ("lists/a.example/0/4", "one"),
                ("lists/c.example/0/4", "both"),
                ("lists/%00..x/0/4", "both"),
            ] {
                let answer = ask(&mut site, path, token, &[]).await;
                assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            }
            for token in ["", "other", "on"] {
                let answer = ask(&mut site, "manifests", token, &[]).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{token}");
                assert_eq!(answer.header("www-authenticate"), "Bearer");
                answer.says(&["repute registry subscriber add"]);
            }
            let mut transaction = site.app.database.begin().await.expect("a transaction");
            let now = Timestamp::now();
            subscribers::revoke(transaction.session(), "one", now).await.expect("it is revoked");
            let seen = subscribers::all(transaction.session()).await.expect("they are read");
            transaction.commit().await.expect("it is committed");
            assert!(seen.iter().all(|one| one.seen.is_some()), "{seen:?}");
            let answer = ask(&mut site, "manifests", "one", &[]).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        })
        .await;
    }

    #[tokio::test]
    async fn whoever_has_all_waits_for_what_comes() {
        on_each_narrow(async |database| {
            let mut site = site(database).await;
            let after = |answer: &Answer| {
                format!("manifests?after={}", answer.header("etag").trim_matches('"'))
            };
            let path = after(&ask(&mut site, "manifests", "one", &[]).await);
            let none = ask(&mut site, &path, "one", &[]).await;
            assert_eq!((none.status, &*none.text), (StatusCode::NO_CONTENT, ""));
            let none =
                ask(&mut site, &path, "one", &[("prefer", "handling=lenient, wait=1")]).await;
            assert_eq!(none.status, StatusCode::NO_CONTENT, "nobody waits for ever");
            let waiting = [("prefer", "wait=15")];
            // What another may have is no news.
            let app = site.app.clone();
            let origin = |apex: &str, id| Origin { id, apex: apex.parse().expect("a name") };
            let put = |origin: &Origin, from: u32, to: u32| {
                let delivery =
                    Delivery { origin, serial: to, approved: 0, content: u128::from(to) };
                app.shelf.put(delivery, Some((from, b"changes"))).expect("it is put");
            };
            let (news, ()) = tokio::join!(ask(&mut site, &path, "one", &waiting), async {
                put(&origin("b.example", 2), 9, 10);
                tokio::task::yield_now().await;
                put(&origin("a.example", 1), 5, 6);
            });
            news.says(&["serial 6", "delta 5 6 7 "]);
            assert_eq!(ask(&mut site, "lists/a.example/5/6", "one", &[]).await.text, "changes");
            site.app.closing.cancel();
            let none = ask(&mut site, &after(&news), "one", &waiting).await;
            assert_eq!(none.status, StatusCode::NO_CONTENT);
        })
        .await;
    }

    #[test]
    fn nobody_waits_longer_than_the_portal_wants() {
        let waits = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("prefer", text.parse().expect("a value"));
            wait(&headers).as_secs()
        };
        assert_eq!(
            ["wait=7", "respond-async, wait=8", "wait=3600", "wait=x", "x"].map(waits),
            [7, 8, 15, 0, 0]
        );
    }

    #[tokio::test]
    async fn whoever_asks_all_the_time_is_told_to_wait() {
        on_each_narrow(async |database| {
            let mut site = site(database).await;
            let mut look = site.app.database.look().await.expect("a look");
            let all = subscribers::all(look.session()).await.expect("they are read");
            let both = all.iter().find(|one| one.name == "both").expect("it is there").id;
            drop(look);
            // All that it may do within the next minute is done, however slow this machine is.
            let soon = Instant::now() + Duration::from_secs(60);
            while site.app.limits.take(Deed::Fetch, &Doer::Subscriber(both), soon).is_ok() {}
            let answer = ask(&mut site, "manifests", "both", &[]).await;
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
            assert!(!answer.header("retry-after").is_empty());
            let other = ask(&mut site, "manifests", "one", &[]).await;
            assert_eq!(other.status, StatusCode::OK);
        })
        .await;
    }
}
