//! TLS on a listener: handshakes that nobody else waits for, and certificates that are
//! exchanged while connections are open.

mod files;

use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

pub use self::files::{Part, TlsError};

use self::files::Files;
use crate::config;
use crate::lifecycle::Shutdown;

/// Speaks TLS with the peers of one listener.
pub struct Tls {
    /// The table of settings that it is made from, for messages.
    section: &'static str,
    settings: config::Tls,
    /// What the next handshake is made with.
    config: RwLock<Arc<ServerConfig>>,
    /// The digest of the files that it is made from.
    in_force: Mutex<[u8; 32]>,
    handshakes: Semaphore,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("section", &self.section)
            .finish_non_exhaustive()
    }
}

/// Checks the files without keeping anything of them.
///
/// # Errors
/// The first file that is wrong.
pub(crate) fn check(section: &'static str, settings: &config::Tls) -> Result<(), TlsError> {
    Files::read(section, settings)?
        .config(section, settings)
        .map(drop)
}

impl Tls {
    /// Reads the files that `settings` name; may block for as long as that takes.
    /// `section` is where the settings stand, such as `server.tls`.
    ///
    /// # Errors
    /// The first file that is wrong.
    pub fn new(section: &'static str, settings: config::Tls) -> Result<Self, TlsError> {
        let files = Files::read(section, &settings)?;
        Ok(Self {
            section,
            config: RwLock::new(files.config(section, &settings)?),
            in_force: Mutex::new(files.digest()),
            handshakes: Semaphore::new(settings.max_handshakes),
            settings,
        })
    }

    /// Reads the files again; may block. True when they had changed: handshakes from now on
    /// are made with what they hold, and connections that are open stay as they are.
    ///
    /// # Errors
    /// The first file that is wrong. Nothing has changed then.
    pub fn reload(&self) -> Result<bool, TlsError> {
        // Held to the end, so that of two calls the later one's files stay.
        let mut in_force = self.in_force.lock();
        let files = Files::read(self.section, &self.settings)?;
        let digest = files.digest();
        if *in_force == digest {
            return Ok(false);
        }
        *self.config.write() = files.config(self.section, &self.settings)?;
        *in_force = digest;
        Ok(true)
    }

    /// Looks at the files from time to time until the shutdown begins.
    pub(crate) async fn watch(self: Arc<Self>, shutdown: Shutdown) {
        // What is wrong is said once, and not with every look.
        let mut complaint = String::new();
        loop {
            tokio::select! {
                () = shutdown.soft() => return,
                () = tokio::time::sleep(self.settings.reload_interval) => {}
            }
            let tls = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || tls.reload()).await {
                Ok(Ok(changed)) => {
                    complaint.clear();
                    if changed {
                        tracing::info!(section = self.section, "certificates were read again");
                    }
                }
                Ok(Err(error)) => {
                    let text = error.to_string();
                    if text != complaint {
                        tracing::error!("{text}; the certificates from before stay in use");
                        complaint = text;
                    }
                }
                Err(error) => tracing::error!(%error, "reading certificates failed"),
            }
        }
    }

    /// Makes the handshake. It has `handshake_timeout` from its beginning to its end.
    ///
    /// # Errors
    /// When the peer does not speak TLS, is refused, or takes too long.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = async {
            // A peer that says nothing holds no place: else a few such ones would keep
            // everybody out.
            let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            let _place = self
                .handshakes
                .acquire()
                .await
                .map_err(|_| io::ErrorKind::BrokenPipe)?;
            let config = Arc::clone(&self.config.read());
            hello.into_stream(config).await
        };
        tokio::time::timeout(self.settings.handshake_timeout, handshake)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}
