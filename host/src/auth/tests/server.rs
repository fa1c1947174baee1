//! A server of key sets on a free port of this machine.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// What is answered; tests change it.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
    pub(super) after: Duration,
}

/// Dropped, it is gone.
pub(super) struct KeyServer {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

impl KeyServer {
    pub(super) async fn start(keys: Value) -> Self {
        Self::start_with(keys, None).await
    }

    /// With the certificate of `localhost` that the authority of the tests signed.
    pub(super) async fn start_tls(keys: Value) -> Self {
        let certificates =
            CertificateDer::pem_slice_iter(include_bytes!("../test_keys/tls/server.pem"));
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("../test_keys/tls/server.key.pem"));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(certificates.map(Result::unwrap).collect(), key.unwrap())
            .unwrap();
        Self::start_with(keys, Some(TlsAcceptor::from(Arc::new(tls)))).await
    }

    async fn start_with(keys: Value, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(Answer {
            status: StatusCode::OK,
            body: json!({ "keys": keys }).to_string(),
            after: Duration::ZERO,
        }));
        let asked = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(accept(
            listener,
            tls,
            Arc::clone(&answer),
            Arc::clone(&asked),
        ));
        Self {
            address,
            answer,
            asked,
            _task: AbortOnDropHandle::new(task),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/keys?of=tests", self.address)
    }

    pub(super) fn tls_url(&self) -> String {
        format!("https://localhost:{}/keys", self.address.port())
    }

    /// Requests so far.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Answer)) {
        change(&mut self.answer.lock().unwrap());
    }

    pub(super) fn publish(&self, keys: Value) {
        self.change(|answer| answer.body = json!({ "keys": keys }).to_string());
    }
}

async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (answer, asked, tls) = (Arc::clone(&answer), Arc::clone(&asked), tls.clone());
        let service = service_fn(move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            let answer = answer.lock().unwrap().clone();
            async move {
                tokio::time::sleep(answer.after).await;
                let mut response = Response::new(Full::new(Bytes::from(answer.body)));
                *response.status_mut() = answer.status;
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        tokio::spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            // A client that goes away is what some tests are about.
            match tls {
                None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        drop(http.serve_connection(TokioIo::new(stream), service).await);
                    }
                }
            }
        });
    }
}
