//! Files that pages load: compiled in, named by their digest, and so kept by browsers for ever.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};

use crate::error::AppError;

/// A file that pages load.
#[derive(Debug)]
pub(crate) struct Asset {
    /// Its name, with a part of its digest.
    name: String,
    /// What it is.
    kind: &'static str,
    /// What is in it.
    content: Cow<'static, str>,
}

impl Asset {
    /// Names a file by what is in it.
    fn new(
        stem: &str,
        extension: &str,
        kind: &'static str,
        content: impl Into<Cow<'static, str>>,
    ) -> Asset {
        let content = content.into();
        let digest = digest(&SHA256, content.as_bytes());
        let hex: String = digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Asset { name: format!("{stem}-{hex}.{extension}"), kind, content }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}", self.name)
    }
}

/// The look of all pages.
pub(crate) static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    // Our own rules come last: they give charts the colours of the page.
    let text = format!("{}\n{}", repute_chart::STYLE, include_str!("../assets/portal.css"));
    Asset::new("portal", "css", "text/css; charset=utf-8", text)
});

/// The sign in a browser's tab.
pub(crate) static ICON: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("icon", "svg", "image/svg+xml", include_str!("../assets/icon.svg"))
});

/// What loads a part of a page when somebody wants it.
pub(crate) static MORE: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../assets/more.js");
    Asset::new("more", "js", "text/javascript; charset=utf-8", text)
});

/// What asks a device for a passkey.
pub(crate) static PASSKEY: LazyLock<Asset> = LazyLock::new(|| {
    let text = include_str!("../assets/passkey.js");
    Asset::new("passkey", "js", "text/javascript; charset=utf-8", text)
});

/// `GET /assets/{name}`.
pub(crate) async fn get(Path(name): Path<String>) -> Result<Response, AppError> {
    let all = [&*STYLE, &*ICON, &*PASSKEY, &*MORE];
    let asset = all.into_iter().find(|asset| asset.name == name).ok_or(AppError::NotFound)?;
    let headers =
        [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, &*asset.content).into_response())
}
