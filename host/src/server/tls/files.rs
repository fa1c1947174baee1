//! Certificates, keys and authorities, out of the files that the settings name.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use sha2::{Digest, Sha256};

use crate::auth::authorities;
use crate::config::{self, ClientAuth};

/// Longer files hold no certificates.
const MAX_FILE: u64 = 1 << 20;

/// What clients and the gateway may speak, the one that is liked best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The file that is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The certificates that the gateway shows.
    Certificate,
    /// Their private key.
    Key,
    /// The authorities of the clients.
    ClientCa,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Key => "key",
            Self::ClientCa => "client_ca",
        })
    }
}

/// Why TLS cannot be spoken with the files as they are. The text holds nothing of what is
/// in them.
#[derive(Debug, thiserror::Error)]
#[error("{section}.{part}: {reason}")]
pub struct TlsError {
    /// The table of settings that names the file, such as `server.tls`.
    pub section: &'static str,
    /// The setting in it.
    pub part: Part,
    /// What is wrong, with the file's path.
    pub reason: String,
}

/// The content of the files.
pub(super) struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    /// Reads the files; may block.
    pub(super) fn read(section: &'static str, tls: &config::Tls) -> Result<Self, TlsError> {
        let read = |part, path: &PathBuf| {
            read(path).map_err(|error| TlsError {
                section,
                part,
                reason: format!("cannot read {path:?}: {error}"),
            })
        };
        Ok(Self {
            certificate: read(Part::Certificate, &tls.certificate)?,
            key: read(Part::Key, &tls.key)?,
            client_ca: tls
                .client_ca
                .as_ref()
                .map(|path| read(Part::ClientCa, path))
                .transpose()?,
        })
    }

    /// Tells one content from another without keeping a key in memory for that.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut all = Sha256::new();
        for part in [&self.certificate, &self.key]
            .into_iter()
            .chain(&self.client_ca)
        {
            all.update(Sha256::digest(part));
        }
        all.finalize().into()
    }

    /// What handshakes are made with. Nothing of an older one is in it: a session that was
    /// begun under other authorities cannot be resumed under these.
    pub(super) fn config(
        &self,
        section: &'static str,
        tls: &config::Tls,
    ) -> Result<Arc<ServerConfig>, TlsError> {
        let failed = |part: Part, path: &Path, reason: &dyn fmt::Display| TlsError {
            section,
            part,
            reason: format!("{path:?}: {reason}"),
        };
        let certificates = self
            .certificates()
            .map_err(|reason| failed(Part::Certificate, &tls.certificate, &reason))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| failed(Part::Key, &tls.key, &"there is no private key in PEM in it"))?;

        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(Part::Key, &tls.key, &error))?;
        let builder = match self.verifier(tls, provider) {
            Ok(Some(verifier)) => builder.with_client_cert_verifier(verifier),
            Ok(None) => builder.with_no_client_auth(),
            Err(reason) => {
                let path = tls.client_ca.as_deref().unwrap_or(Path::new(""));
                return Err(failed(Part::ClientCa, path, &reason));
            }
        };
        let mut config = builder
            .with_single_cert(certificates, key)
            .map_err(|error| failed(Part::Key, &tls.key, &mismatch(&error)))?;
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, &'static str> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        match all {
            Ok(all) if !all.is_empty() => Ok(all),
            Ok(_) => Err("there is no certificate in PEM in it"),
            Err(_) => Err("it is not PEM"),
        }
    }

    fn verifier(
        &self,
        tls: &config::Tls,
        provider: Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, String> {
        let Some(pem) = &self.client_ca else {
            return Ok(None);
        };
        let roots = Arc::new(authorities(pem)?);
        let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
        let builder = match tls.client_auth {
            ClientAuth::Off => return Ok(None),
            ClientAuth::Optional => builder.allow_unauthenticated(),
            ClientAuth::Required => builder,
        };
        builder.build().map(Some).map_err(|error| error.to_string())
    }
}

fn mismatch(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InconsistentKeys(_) => "it is not the key of the certificate".into(),
        other => other.to_string(),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_end(&mut content)?;
    if content.len() as u64 > MAX_FILE {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}
