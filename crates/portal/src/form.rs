//! A form as it was sent, without what no text holds.
//!
//! U+0000 ends texts in other software: PostgreSQL takes none, so that a stranger's form would be a fault of the server,
//! and what SQLite took could not be moved there.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::Uri;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::App;
use crate::error::AppError;

/// A form.
pub(crate) struct Form<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = AppError;

    #[expect(clippy::disallowed_types, reason = "this is what all others are to use instead")]
    async fn from_request(request: Request, app: &App) -> Result<Form<T>, AppError> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts.clone(), body);
        let body = Bytes::from_request(request, app).await.map_err(|_| AppError::TooLarge)?;
        if holds_nul(&body) {
            return Err(AppError::Nul);
        }
        let request = Request::from_parts(parts, Body::from(body));
        let form = axum::extract::Form::from_request(request, app).await;
        let axum::extract::Form(form) = form.map_err(|error| AppError::Body(error.body_text()))?;
        Ok(Form(form))
    }
}

/// Whether an address asks for something with U+0000; no path with it leads anywhere.
pub(crate) fn asks_with_nul(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| holds_nul(query.as_bytes()))
}

/// Whether a text of some JSON holds U+0000.
pub(crate) fn json_holds_nul(body: &[u8]) -> bool {
    fn holds(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(all) => all.iter().any(holds),
            Value::Object(all) => all.iter().any(|(key, value)| key.contains('\0') || holds(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    // It can only be written so; a backslash before it makes it six characters.
    body.windows(6).any(|six| six == br"\u0000")
        && serde_json::from_slice::<Value>(body).is_ok_and(|value| holds(&value))
}

/// Whether what is encoded for a URL holds U+0000.
fn holds_nul(encoded: &[u8]) -> bool {
    encoded.contains(&0) || encoded.windows(3).any(|three| three == b"%00")
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;
    use crate::testing::Site;
    use repute_database::testing::on_each_narrow;

    #[tokio::test]
    async fn no_text_holds_what_databases_do_not_take() {
        on_each_narrow(async |database| {
            let mut site = Site::over(database);
            site.add_list("bl.example").await;
            let headers = [
                ("sec-fetch-site", "same-origin"),
                ("content-type", "application/x-www-form-urlencoded"),
            ];
            for (path, body, is_told) in [
                (
                    "/removals",
                    "list=bl.example&target=192.0.2.1&mail=a%40b.example&reason=x%00y",
                    true,
                ),
                (
                    "/removals",
                    "list=bl.example&target=192.0.2.1&mail=a%40b.example&reason=x%0Ay",
                    false,
                ),
            ] {
                let answer = site.send(Method::POST, path, &headers, body.to_owned()).await;
                assert_eq!(answer.text.contains("U+0000"), is_told, "{body}: {answer:?}");
                assert_eq!(answer.status.as_u16() == 400, is_told, "{body}: {answer:?}");
            }
            let answer = site.send(Method::GET, "/lookup?target=%00", &[], String::new()).await;
            assert_eq!(answer.status.as_u16(), 400, "{answer:?}");
            for (body, holds) in [
                (r#"{"a":["x\u0000"]}"#, true),
                (r#"{"a":"\\u0000"}"#, false),
                (r#"{"a":"x"}"#, false),
            ] {
                assert_eq!(json_holds_nul(body.as_bytes()), holds, "{body}");
            }
        })
        .await;
    }
}
