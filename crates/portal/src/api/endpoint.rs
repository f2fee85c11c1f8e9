//! What programs can do, one thing after the other: where, by which scope, with which shapes, and what answers.

use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::app::App;
use crate::token::Scope;

/// Something that programs can do.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// How it is asked for.
    pub(crate) method: Method,
    /// Where.
    pub(crate) path: &'static str,
    /// Under which heading it stands.
    pub(crate) group: &'static str,
    /// What it does, in a few words.
    pub(crate) summary: &'static str,
    /// What else is to be known of it.
    pub(crate) detail: &'static str,
    /// Who may.
    pub(crate) access: Access,
    /// The parameters in its query.
    pub(crate) query: Option<Shape>,
    /// What its body says.
    pub(crate) body: Option<Shape>,
    /// What its body is, if that is no JSON.
    pub(crate) raw: Option<&'static str>,
    /// Whether it changes nothing, though it is sent as a change is.
    pub(crate) only_asks: bool,
    /// Whether it is done only if nobody changed what whoever asks read, where he says so by `If-Match`.
    pub(crate) guarded: bool,
    /// What is answered.
    pub(crate) answer: (StatusCode, Shape),
    /// Of which kind that is: JSON, but for files.
    pub(crate) written: &'static str,
    /// How long it may take, if longer than usual.
    pub(crate) time: Option<Duration>,
    /// What answers.
    pub(crate) handler: MethodRouter<App>,
}

/// Who may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody, without a token.
    Open,
    /// Whoever shows any token.
    Token,
    /// Whoever shows a token with one of these scopes.
    Scopes(&'static [Scope]),
}

/// How something looks as JSON.
pub(crate) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// The shape of a type.
fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The shape of a type, with all that is in it on the spot.
fn flat<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    T::json_schema(generator)
}

/// What nearly all of them answer with.
const JSON: &str = "application/json";

impl Endpoint {
    /// One that only shows.
    pub(crate) fn get<H, T>(path: &'static str, group: &'static str, handler: H) -> Endpoint
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Endpoint::new(Method::GET, path, group, get(handler))
    }

    /// One that changes something.
    pub(crate) fn post<H, T>(path: &'static str, group: &'static str, handler: H) -> Endpoint
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Endpoint::new(Method::POST, path, group, post(handler))
    }

    /// One that says how something is from now on.
    pub(crate) fn put<H, T>(path: &'static str, group: &'static str, handler: H) -> Endpoint
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Endpoint::new(Method::PUT, path, group, put(handler))
    }

    /// One that changes a part of something.
    pub(crate) fn patch<H, T>(path: &'static str, group: &'static str, handler: H) -> Endpoint
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Endpoint::new(Method::PATCH, path, group, patch(handler))
    }

    /// One that takes something away.
    pub(crate) fn delete<H, T>(path: &'static str, group: &'static str, handler: H) -> Endpoint
    where
        H: Handler<T, App>,
        T: 'static,
    {
        Endpoint::new(Method::DELETE, path, group, delete(handler))
    }

    /// One about which nothing else is known yet.
    fn new(
        method: Method,
        path: &'static str,
        group: &'static str,
        handler: MethodRouter<App>,
    ) -> Endpoint {
        Endpoint {
            method,
            path,
            group,
            summary: "",
            detail: "",
            access: Access::Open,
            query: None,
            body: None,
            raw: None,
            only_asks: false,
            guarded: false,
            answer: (StatusCode::OK, shape::<serde_json::Value>),
            written: JSON,
            time: None,
            handler,
        }
    }

    /// What it does, and what else is to be known of it.
    pub(crate) fn says(self, summary: &'static str, detail: &'static str) -> Endpoint {
        Endpoint { summary, detail, ..self }
    }

    /// For whoever shows a token with one of these scopes.
    pub(crate) fn by(self, scopes: &'static [Scope]) -> Endpoint {
        Endpoint { access: Access::Scopes(scopes), ..self }
    }

    /// For whoever shows any token.
    pub(crate) fn by_any_token(self) -> Endpoint {
        Endpoint { access: Access::Token, ..self }
    }

    /// With these parameters.
    pub(crate) fn query<T: JsonSchema>(self) -> Endpoint {
        Endpoint { query: Some(flat::<T>), ..self }
    }

    /// With this body.
    pub(crate) fn takes<T: JsonSchema>(self) -> Endpoint {
        Endpoint { body: Some(shape::<T>), ..self }
    }

    /// With a body of this kind.
    pub(crate) fn reads(self, kind: &'static str) -> Endpoint {
        Endpoint { raw: Some(kind), ..self }
    }

    /// With a body of so many bytes at most, where it may be a large one.
    pub(crate) fn up_to(self, bytes: usize) -> Endpoint {
        Endpoint { handler: self.handler.layer(DefaultBodyLimit::max(bytes)), ..self }
    }

    /// It only asks, and changes nothing.
    pub(crate) fn only_asks(self) -> Endpoint {
        Endpoint { only_asks: true, ..self }
    }

    /// Done only to what whoever asks read, if he says so by `If-Match`.
    pub(crate) fn guarded(self) -> Endpoint {
        Endpoint { guarded: true, ..self }
    }

    /// Answers so.
    pub(crate) fn answers<T: JsonSchema>(self) -> Endpoint {
        Endpoint { answer: (StatusCode::OK, shape::<T>), ..self }
    }

    /// Answers so, with something new.
    pub(crate) fn creates<T: JsonSchema>(self) -> Endpoint {
        Endpoint { answer: (StatusCode::CREATED, shape::<T>), ..self }
    }

    /// Answers so, with something that is begun and not done yet.
    pub(crate) fn begins<T: JsonSchema>(self) -> Endpoint {
        Endpoint { answer: (StatusCode::ACCEPTED, shape::<T>), ..self }
    }

    /// With so long a time, for a large body on a slow line.
    pub(crate) fn within(self, time: Duration) -> Endpoint {
        Endpoint { time: Some(time), ..self }
    }

    /// Answers with something of this kind, which is no JSON.
    pub(crate) fn writes(self, kind: &'static str) -> Endpoint {
        Endpoint { written: kind, ..self }
    }
}
