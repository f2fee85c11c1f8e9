//! The name server's own certificate, for DNS over TLS.

use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use repute_certificate::{Certificate, CertificateFiles};

/// Reads the certificate, if there is one; what should be mended is told.
///
/// # Errors
/// If it cannot be read or used.
pub(in crate::commands) fn certificate(
    files: Option<&CertificateFiles>,
) -> anyhow::Result<Option<Arc<Certificate>>> {
    let Some(files) = files else { return Ok(None) };
    // RFC 7858 asks for no name in the session; this is the one that is registered for it.
    let certificate = Certificate::open(files.clone(), &["dot"])
        .context("DNS over TLS (server.listen-tls) has no certificate")?;
    // By which name or address clients come is not known here.
    for doubt in certificate.doubts(None, SystemTime::now()) {
        tracing::warn!("{doubt}");
    }
    Ok(Some(Arc::new(certificate)))
}
