//! A bucket of a server that speaks S3.
//!
//! Every request has its own deadline and is tried again within one for all tries. The
//! server compares a SHA-256 of whatever it is sent.

mod failure;
mod read;
mod upload;

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use hyper::Method;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{BackoffConfig, ClientOptions, MultipartId, ObjectStoreExt, RetryConfig};
use parking_lot::Mutex;
use url::Url;

use self::failure::told;
use super::Key;
use super::error::{Error, within};
use crate::config;

pub(super) use upload::Writer;

/// How long a connection may take to be made, when the limit of a request is longer.
const CONNECT: Duration = Duration::from_secs(5);

/// The pauses between tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Uploads that could not be thrown away and are kept in mind until they can.
const MAX_ABANDONED: usize = 1000;

/// A bucket, or what of it is below a prefix.
pub(super) struct Bucket {
    /// Tries again by itself.
    requests: AmazonS3,
    /// Tries once: what was cut is read on from there, not from the beginning.
    reads: AmazonS3,
    prefix: String,
    part_bytes: usize,
    retries: u32,
    /// How long the server may be silent.
    silence: Duration,
    /// How long anything may take, all tries included.
    limit: Duration,
    /// Uploads that could not be thrown away, by object.
    abandoned: Mutex<HashMap<Path, MultipartId>>,
}

/// Without the clients, which would show who the gateway is there.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Bucket {
    pub(super) fn new(config: &config::S3, limit: Duration) -> Result<Self, Error> {
        let client = |retries: usize| {
            let options = ClientOptions::new()
                .with_allow_http(config.allow_http)
                // A body takes as long as it comes.
                .with_timeout_disabled()
                .with_connect_timeout(CONNECT.min(config.request_timeout))
                .with_read_timeout(config.request_timeout);
            let mut builder = AmazonS3Builder::new()
                .with_bucket_name(&config.bucket)
                .with_region(&config.region)
                .with_access_key_id(&config.access_key.0)
                .with_secret_access_key(&config.secret_key.0)
                .with_virtual_hosted_style_request(!config.path_style)
                .with_checksum_algorithm(Checksum::SHA256)
                // Not every server has it, and one object is removed at a time.
                .with_disable_bulk_delete(true)
                .with_client_options(options)
                .with_retry(RetryConfig {
                    backoff: BackoffConfig {
                        init_backoff: FIRST_PAUSE,
                        max_backoff: LONGEST_PAUSE,
                        base: 2.0,
                    },
                    max_retries: retries,
                    retry_timeout: limit,
                });
            if let Some(endpoint) = config.bucket_endpoint() {
                builder = builder.with_endpoint(endpoint);
            }
            builder.build().map_err(|error| told(&error))
        };
        Ok(Self {
            requests: client(config.retries as usize)?,
            reads: client(0)?,
            prefix: config.prefix.clone(),
            part_bytes: config.part_bytes,
            retries: config.retries,
            silence: config.request_timeout,
            limit,
            abandoned: Mutex::default(),
        })
    }

    fn path(&self, key: &Key) -> Path {
        match self.prefix.as_str() {
            "" => Path::from(key.as_str()),
            prefix => Path::from(format!("{prefix}/{key}")),
        }
    }

    /// The outcome of a request, if it comes in time.
    async fn asked<T>(
        &self,
        what: &str,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Error> {
        let request = async { request.await.map_err(|error| told(&error)) };
        within(self.limit, what, request).await
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), Error> {
        let path = self.path(key);
        let abandoned = self.abandoned.lock().remove(&path);
        if let Some(upload) = abandoned {
            self.abandon(&path, upload).await?;
        }
        match self
            .asked("removing an object", self.requests.delete(&path))
            .await
        {
            Err(Error::NotFound(_)) => Ok(()),
            removed => removed,
        }
    }

    pub(super) async fn presign(&self, key: &Key, lifetime: Duration) -> Result<Url, Error> {
        // A browser saves it, whatever is in it, and does not show it as a page of ours.
        let options =
            SignedUrlOptions::new().with_query([("response-content-disposition", "attachment")]);
        let path = self.path(key);
        let signed = self
            .requests
            .signed_url_opts(Method::GET, &path, lifetime, &options);
        self.asked("signing an address", signed).await
    }

    /// Throws the parts of an upload away. When that fails it is tried again with the
    /// removal of the object, which comes: whoever began it has noted its key.
    async fn abandon(&self, path: &Path, upload: MultipartId) -> Result<(), Error> {
        let aborted = self.requests.abort_multipart(path, &upload);
        match self.asked("throwing an upload away", aborted).await {
            Ok(()) | Err(Error::NotFound(_)) => Ok(()),
            Err(error) => {
                tracing::warn!(%path, %error, "the parts of an upload could not be removed");
                let mut abandoned = self.abandoned.lock();
                if abandoned.len() < MAX_ABANDONED {
                    abandoned.insert(path.clone(), upload);
                }
                Err(error)
            }
        }
    }
}
