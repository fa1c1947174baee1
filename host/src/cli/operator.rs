//! The operator's API from the command line: `gateway plugin deploy` and its neighbours.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use super::exit::{Exit, Failed};
use super::{Source, warn};

/// How long a change may take: a large component is compiled, and migrations run.
const PATIENCE: Duration = Duration::from_secs(600);

/// The longest answer, in bytes.
const LONGEST: usize = 64 * 1024 * 1024;

/// Which gateway, and which plugin of it.
#[derive(Debug, Args)]
pub(super) struct Target {
    #[command(flatten)]
    source: Source,
    /// The operator's address of the gateway [environment: GATEWAY_ADMIN_URL; default: that of
    /// the configuration].
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// The plugin [default: the only one there is].
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
    /// Who does this, for the record [default: the user's name].
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    /// Print the answer as JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
}

/// A gateway's API.
pub(super) struct Operator {
    client: Client<HttpConnector, Full<Bytes>>,
    base: String,
    token: String,
    name: Option<String>,
    plugin: Option<String>,
}

impl Target {
    /// Reads where the gateway is and what its token is.
    pub(super) fn operator(&self) -> Result<Operator, Failed> {
        let config = self.source.load(&self.source.flags())?;
        warn(&config.warnings);
        let env = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let base = match self.admin.clone().or_else(|| env("GATEWAY_ADMIN_URL")) {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", config.admin.listen),
        };
        Ok(Operator {
            client: Client::builder(TokioExecutor::new()).build_http(),
            base,
            token: config.admin.token.0,
            name: self.operator.clone().or_else(|| env("USER")),
            plugin: self.plugin.clone(),
        })
    }
}

impl Operator {
    /// The path of a plugin: of the one that was named, or the only one.
    pub(super) async fn plugin(&self) -> Result<String, Failed> {
        if let Some(name) = &self.plugin {
            return Ok(name.clone());
        }
        let all = self.get("/v1/plugins").await?;
        let names: Vec<&str> = all
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one.get("name")?.as_str())
            .collect();
        match names.as_slice() {
            [only] => Ok((*only).to_owned()),
            [] => Err(failed("the gateway has no plugin; configure one".into())),
            several => Err(Failed {
                exit: Exit::Usage,
                message: format!("which plugin? --plugin is one of {}", several.join(", ")),
            }),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failed> {
        self.send(Method::GET, path, Bytes::new(), None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        self.send(Method::POST, path, body.to_string().into(), None)
            .await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        signature: Option<&str>,
    ) -> Result<Value, Failed> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json");
        if let Some(name) = &self.name {
            request = request.header("x-operator", name);
        }
        if let Some(signature) = signature {
            request = request.header("signature", signature);
        }
        let request = request.body(Full::new(body)).map_err(|error| Failed {
            exit: Exit::Usage,
            message: format!("{}: {error}", self.base),
        })?;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| Failed {
                exit: Exit::Unavailable,
                message: format!(
                    "no gateway answers on {} ({error}); is it running? --admin names another \
                     address",
                    self.base
                ),
            })?;
            let status = response.status();
            let body = Limited::new(response.into_body(), LONGEST);
            let body = body
                .collect()
                .await
                .map_err(|error| failed(format!("the answer broke off: {error}")))?;
            Ok::<_, Failed>((status, body.to_bytes()))
        };
        let (status, body) = tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| failed(format!("no answer within {PATIENCE:?}")))??;
        let body: Value = serde_json::from_slice(&body)
            .map_err(|_| failed(format!("{} answered {status} with no JSON", self.base)))?;
        match status.is_success() {
            true => Ok(body),
            false => Err(refused(status, &body)),
        }
    }
}

/// A refusal with the report that explains it.
fn refused(status: StatusCode, body: &Value) -> Failed {
    let error = body.get("error");
    let message = error
        .and_then(|error| error.get("message")?.as_str())
        .unwrap_or("no reason was given");
    let report = error.and_then(|error| error.get("report"));
    let report = report.map(super::deploy::report).unwrap_or_default();
    Failed {
        exit: match status {
            StatusCode::UNPROCESSABLE_ENTITY => Exit::Plugin,
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => Exit::Usage,
            StatusCode::SERVICE_UNAVAILABLE => Exit::Unavailable,
            _ => Exit::Failed,
        },
        message: match status {
            StatusCode::UNAUTHORIZED => format!(
                "{message}; it is in admin.token of the gateway's data folder, or in its \
                 configuration (GATEWAY_ADMIN_TOKEN, GATEWAY_ADMIN_TOKEN_FILE)"
            ),
            _ => format!("{report}{message}"),
        },
    }
}

pub(super) fn failed(message: String) -> Failed {
    Failed {
        exit: Exit::Failed,
        message,
    }
}
