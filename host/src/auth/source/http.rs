//! A JSON Web Key Set at a URL.

use std::error::Error as StdError;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::header::{ACCEPT, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::ReadError;
use crate::auth::key_set::{self, Keys};

/// Why `auth.jwks.url` cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is no URL.
    #[error("auth.jwks.url: it is no URL")]
    Url,
    /// The authorities in a file cannot be used.
    #[error("auth.jwks.ca_file: {path:?}: {reason}")]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The system has no authorities to trust.
    #[error(
        "auth.jwks.url: no trusted certificates are found on this system ({0}); install \
         ca-certificates, or name a file in auth.jwks.ca_file"
    )]
    NoAuthorities(std::io::Error),
    /// No TLS.
    #[error("auth.jwks.url: TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Where keys are fetched. A redirect is not followed: it could lead anywhere.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    url: Uri,
    limit: usize,
}

impl Http {
    pub(super) fn new(url: &str, authorities: Option<&Path>, limit: usize) -> Result<Self, Error> {
        let url: Uri = url.parse().map_err(|_| Error::Url)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = HttpsConnectorBuilder::new();
        let builder = if let Some(path) = authorities {
            let roots = authorities_in(path)?;
            let tls = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
            builder.with_tls_config(tls)
        } else if url.scheme_str() == Some("https") {
            builder
                .with_provider_and_native_roots(provider)
                .map_err(Error::NoAuthorities)?
        } else {
            let tls = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            builder.with_tls_config(tls)
        };
        // Reads are minutes apart: a connection kept open would be a dead one.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(builder.https_or_http().enable_http1().build());
        Ok(Self { client, url, limit })
    }

    pub(super) async fn read(&self) -> Result<Keys, ReadError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = self.url.clone();
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        let response = self
            .client
            .request(request)
            .await
            .map_err(|error| ReadError::Http(chain(&error)))?;
        if response.status() != StatusCode::OK {
            return Err(ReadError::Http(format!("answer {}", response.status())));
        }
        let body = Limited::new(response.into_body(), self.limit);
        let text = body.collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                ReadError::TooLong(self.limit)
            } else {
                ReadError::Http(chain(error.as_ref()))
            }
        })?;
        Ok(key_set::read(&text.to_bytes())?)
    }
}

fn authorities_in(path: &Path) -> Result<RootCertStore, Error> {
    let failed = |reason: String| Error::Authorities {
        path: path.to_owned(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    authorities(&pem).map_err(failed)
}

/// The certificates of a PEM file, as those that are trusted.
///
/// # Errors
/// When there is none, or one that is no certificate.
pub(crate) fn authorities(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "it is not PEM".to_owned())?;
        roots
            .add(certificate)
            .map_err(|error| format!("a certificate cannot be used: {error}"))?;
    }
    match roots.is_empty() {
        true => Err("there is no certificate in it".into()),
        false => Ok(roots),
    }
}

/// An error with what caused it: the outermost says only that the client failed.
fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
