//! The operator's API: versions of plugins, as JSON.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Token;
use super::trail::Page;
use crate::deployment::{
    Actor, Band, Canary, ChangeError, New, Report, Rules, Service, Store, StoreError, WHOLE,
};
use crate::error::JSON;
use crate::migrate;
use crate::reload::Reloader;
use crate::server::{Body, whole};

/// The document of the API.
const DOCUMENT: &str = include_str!("openapi.json");

/// Bytes of a request that is no component.
const SMALL_BODY: usize = 64 * 1024;

/// How long the body of a request may take, all of it.
const BODY_TIME: Duration = Duration::from_secs(120);

/// Characters of the name that an operator gives.
const MOST_NAME: usize = 64;

/// The operator's API.
#[derive(Debug)]
pub struct Api {
    services: Vec<Arc<Service>>,
    store: Store,
    token: Arc<Token>,
    rules: Arc<ArcSwap<Rules>>,
    reloader: Arc<Reloader>,
}

/// An answer that is not the one that was asked for.
struct Refusal {
    status: StatusCode,
    message: String,
    report: Option<Box<Report>>,
}

/// What `POST …/activate` takes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activate {
    /// The version.
    pub version: String,
    /// Its part of the traffic; none for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// Whether a caller always gets the same of the two versions. Default no.
    #[serde(default)]
    pub sticky: bool,
    /// The parts that follow, 100 at the end when it is to take over by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<f64>,
    /// How long each of these steps takes at least, in seconds. Default 300.
    #[serde(default = "five_minutes")]
    pub step_seconds: f64,
    /// What it is held to.
    #[serde(default)]
    pub band: Band,
    /// Whether it is only checked.
    #[serde(default)]
    pub dry_run: bool,
}

fn five_minutes() -> f64 {
    300.0
}

/// What `POST …/rollback` takes.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// Why, for the record.
    #[serde(default)]
    pub reason: String,
}

/// What `POST …/contract` takes.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Whether it is only looked at.
    #[serde(default)]
    pub dry_run: bool,
}

/// What `POST …/versions` takes in its query.
#[derive(Debug, Default)]
struct Wishes {
    new: New,
    digest: Option<String>,
    activate: bool,
}

impl Api {
    /// The API of these plugins, whose versions `store` has.
    #[must_use]
    pub fn new(
        services: Vec<Arc<Service>>,
        store: Store,
        token: Arc<Token>,
        rules: Arc<ArcSwap<Rules>>,
        reloader: Arc<Reloader>,
    ) -> Self {
        Self {
            services,
            store,
            token,
            rules,
            reloader,
        }
    }

    /// Answers a request below `/v1`, or for the document.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let outcome = self.route(request).await;
        let (status, body) = match outcome {
            Ok((status, body)) => (status, body),
            Err(refusal) => (refusal.status, refusal.body()),
        };
        let mut response = Response::new(whole(body.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(hyper::header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
            .headers_mut()
            .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                hyper::header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"Operators\""),
            );
        }
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Result<(StatusCode, Value), Refusal> {
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if segments.as_slice() == ["openapi.json"] {
            let document = serde_json::from_str(DOCUMENT);
            return Ok((StatusCode::OK, document.unwrap_or_default()));
        }
        self.authenticate(request.headers())?;
        let actor = actor(request.headers());
        let method = request.method().clone();
        let is = |wanted: Method| method == wanted;
        match segments.as_slice() {
            ["v1", "audit"] if is(Method::GET) => {
                let query = request.uri().query().unwrap_or_default();
                let page = Page::asked(query).map_err(Refusal::bad)?;
                Ok(ok(page
                    .read(&self.store)
                    .await
                    .map_err(ChangeError::Store)?))
            }
            ["v1", "plugins"] if is(Method::GET) => Ok(ok(self.plugins().await?)),
            ["v1", "plugins", name] if is(Method::GET) => {
                Ok(ok(described(self.service(name)?).await?))
            }
            ["v1", "plugins", name, "versions"] if is(Method::GET) => {
                let versions = self.service(name)?.store().list(name).await;
                Ok(ok(json!(versions.map_err(ChangeError::Store)?)))
            }
            ["v1", "plugins", name, "versions"] if is(Method::POST) => {
                let service = Arc::clone(self.service(name)?);
                self.deploy(service, request, actor).await
            }
            ["v1", "plugins", name, "versions", version] if is(Method::DELETE) => {
                let (service, version) = (Arc::clone(self.service(name)?), decoded(version));
                let gone = finished(async move { service.remove(&version, &actor).await }).await?;
                Ok(ok(json!(gone)))
            }
            ["v1", "plugins", name, "activate"] if is(Method::POST) => {
                let service = Arc::clone(self.service(name)?);
                let body: Activate = object(request).await?;
                activate(service, body, actor).await
            }
            ["v1", "plugins", name, "rollback"] if is(Method::POST) => {
                let service = Arc::clone(self.service(name)?);
                let body: RollBack = object(request).await?;
                let work = async move { service.roll_back(&body.reason, &actor).await };
                let (pointer, report) = finished(work).await?;
                Ok(ok(json!({ "pointer": pointer, "report": report })))
            }
            ["v1", "plugins", name, "contract"] if is(Method::POST) => {
                let service = Arc::clone(self.service(name)?);
                let body: Contract = object(request).await?;
                let work = async move { service.contract(body.dry_run, &actor).await };
                Ok(ok(json!(finished(work).await?)))
            }
            ["v1", "plugins", name, "drains"] if is(Method::GET) => {
                let (draining, ended) = self.service(name)?.drains();
                Ok(ok(json!({ "draining": draining, "ended": ended })))
            }
            ["v1", "reload"] if is(Method::POST) => self.reload(actor).await,
            ["v1", "reload"] => Err(Refusal::method("POST")),
            ["v1", "audit" | "plugins"] | ["v1", "plugins", _, "drains"] | ["v1", "plugins", _] => {
                Err(Refusal::method("GET"))
            }
            ["v1", "plugins", _, "versions"] => Err(Refusal::method("GET, POST")),
            ["v1", "plugins", _, "versions", _] => Err(Refusal::method("DELETE")),
            ["v1", "plugins", _, "activate" | "rollback" | "contract"] => {
                Err(Refusal::method("POST"))
            }
            _ => Err(Refusal::new(StatusCode::NOT_FOUND, "there is nothing here")),
        }
    }

    fn authenticate(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim());
        match given {
            Some(given) if self.token.is(given) => Ok(()),
            _ => Err(Refusal::new(
                StatusCode::UNAUTHORIZED,
                "the operator's token is missing or wrong",
            )),
        }
    }

    fn service(&self, name: &str) -> Result<&Arc<Service>, Refusal> {
        let found = self.services.iter().find(|it| it.name() == name);
        found.ok_or_else(|| {
            let known: Vec<_> = self.services.iter().map(|it| it.name()).collect();
            Refusal::new(
                StatusCode::NOT_FOUND,
                format!(
                    "there is no such plugin; configured are: {}",
                    known.join(", ")
                ),
            )
        })
    }

    async fn plugins(&self) -> Result<Value, Refusal> {
        let mut all = Vec::with_capacity(self.services.len());
        for service in &self.services {
            all.push(described(service).await?);
        }
        Ok(Value::Array(all))
    }

    /// A reload that was begun goes to its end whatever becomes of the connection.
    async fn reload(&self, actor: Actor) -> Result<(StatusCode, Value), Refusal> {
        let reloader = Arc::clone(&self.reloader);
        match tokio::spawn(async move { reloader.reload(&actor).await }).await {
            Ok(Ok(reloaded)) => Ok(ok(json!(reloaded))),
            Ok(Err(error)) => Err(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                error.to_string(),
            )),
            Err(_) => Err(Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the reload failed; see the log",
            )),
        }
    }

    async fn deploy(
        &self,
        service: Arc<Service>,
        request: Request<Incoming>,
        actor: Actor,
    ) -> Result<(StatusCode, Value), Refusal> {
        let mut wishes = wishes(request.uri().query().unwrap_or_default())?;
        wishes.new.signature = request
            .headers()
            .get("signature")
            .map(|value| value.as_bytes().to_vec());
        let component = body(request, self.rules.load().deploy.max_bytes).await?;
        if let Some(wanted) = &wishes.digest {
            let digest = hex::encode(Sha256::digest(&component));
            if wanted.trim_start_matches("sha256:") != digest {
                return Err(Refusal::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    format!("the component that arrived is sha256:{digest}, not {wanted}"),
                ));
            }
        }
        finished(async move {
            let (deployment, report) = service.deploy(component, wishes.new, &actor).await?;
            if !wishes.activate {
                return Ok((
                    StatusCode::CREATED,
                    json!({
                        "deployment": deployment, "report": report, "pointer": null,
                    }),
                ));
            }
            let (pointer, report) = service
                .activate(&deployment.version, None, false, &actor)
                .await?;
            Ok((
                StatusCode::CREATED,
                json!({
                    "deployment": deployment, "report": report, "pointer": pointer,
                }),
            ))
        })
        .await
    }
}

async fn activate(
    service: Arc<Service>,
    body: Activate,
    actor: Actor,
) -> Result<(StatusCode, Value), Refusal> {
    let canary = body.canary()?;
    let work = async move {
        let activated = service.activate(&body.version, canary, body.dry_run, &actor);
        activated.await
    };
    let (pointer, report) = finished(work).await?;
    Ok(ok(json!({ "pointer": pointer, "report": report })))
}

impl Activate {
    /// The canary that is asked for; none when all of the traffic is to follow at once.
    fn canary(&self) -> Result<Option<Canary>, Refusal> {
        let Some(percent) = self.percent else {
            return match self.steps.is_empty() {
                true => Ok(None),
                false => Err(Refusal::bad("steps need a percent to begin with")),
            };
        };
        let first = share(percent)?;
        let steps: Vec<u16> = self
            .steps
            .iter()
            .map(|step| share(*step))
            .collect::<Result<_, _>>()?;
        let all = std::iter::once(&first).chain(&steps);
        if !all.clone().zip(all.skip(1)).all(|(one, next)| one < next) {
            return Err(Refusal::bad("each step must be more than the one before"));
        }
        if !(0.0..=30.0 * 86_400.0).contains(&self.step_seconds) {
            return Err(Refusal::bad("step_seconds must be from 0 to 30 days"));
        }
        let band = self.band;
        if !(0.0..=1.0).contains(&band.failures) || !(1.0..=1_000.0).contains(&band.p99) {
            return Err(Refusal::bad(
                "band.failures must be from 0 to 1, band.p99 from 1 to 1000",
            ));
        }
        if first == WHOLE {
            return Ok(None);
        }
        Ok(Some(Canary {
            version: self.version.clone(),
            share: first,
            sticky: self.sticky,
            steps,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was checked"
            )]
            step_millis: (self.step_seconds * 1e3) as u64,
            band,
            since: 0,
        }))
    }
}

/// A percentage as a share.
fn share(percent: f64) -> Result<u16, Refusal> {
    if !(0.01..=100.0).contains(&percent) {
        return Err(Refusal::bad("a percent must be from 0.01 to 100"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    Ok((percent * f64::from(WHOLE) / 100.0).round() as u16)
}

/// A plugin with what serves, what finishes and its versions.
async fn described(service: &Arc<Service>) -> Result<Value, Refusal> {
    let pointer = service
        .store()
        .pointer(service.name())
        .await
        .map_err(ChangeError::Store)?;
    let (draining, ended) = service.drains();
    Ok(json!({
        "name": service.name(),
        "mount": service.config().mount,
        "pointer": pointer,
        "serving": service.figures(),
        "draining": draining,
        "ended": ended,
    }))
}

/// Runs to its end whatever becomes of the connection: a change that stops in its middle
/// would only be finished by the next look at the pointer.
async fn finished<T: Send + 'static>(
    work: impl Future<Output = Result<T, ChangeError>> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::spawn(work).await {
        Ok(outcome) => Ok(outcome?),
        Err(_) => Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the change failed; see the log",
        )),
    }
}

fn ok(body: Value) -> (StatusCode, Value) {
    (StatusCode::OK, body)
}

/// Who asks, for the record. The token is one for all operators, so that the name is what
/// they say of themselves.
fn actor(headers: &HeaderMap) -> Actor {
    let named = headers
        .get("x-operator")
        .and_then(|value| value.to_str().ok())
        .map(|name| name.chars().take(MOST_NAME).collect::<String>())
        .filter(|name| !name.trim().is_empty());
    Actor {
        name: named.unwrap_or_else(|| "operator".to_owned()),
        request: Uuid::now_v7().to_string(),
    }
}

fn wishes(query: &str) -> Result<Wishes, Refusal> {
    let mut wishes = Wishes::default();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let flag = || match value.as_ref() {
            "" | "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(Refusal::bad(format!("{key} must be true or false"))),
        };
        match key.as_ref() {
            "version" => {
                semver::Version::parse(&value).map_err(|error| {
                    Refusal::bad(format!("version: {error}; write it like 1.4.0"))
                })?;
                if value.len() > MOST_VERSION {
                    return Err(Refusal::bad(format!(
                        "version: at most {MOST_VERSION} characters"
                    )));
                }
                wishes.new.version = Some(value.into_owned());
            }
            "note" => wishes.new.note = value.chars().take(MOST_NOTE).collect(),
            "digest" => wishes.digest = Some(value.into_owned()),
            "activate" => wishes.activate = flag()?,
            "dry_run" => wishes.new.dry_run = flag()?,
            "free_name" => wishes.new.free_name = flag()?,
            other => {
                return Err(Refusal::bad(format!(
                    "{other} is none of version, note, digest, activate, dry_run, free_name"
                )));
            }
        }
    }
    if wishes.activate && wishes.new.dry_run {
        return Err(Refusal::bad("activate and dry_run exclude each other"));
    }
    Ok(wishes)
}

/// Characters of a version.
const MOST_VERSION: usize = 100;

/// Characters of a note.
const MOST_NOTE: usize = 2_000;

async fn body(request: Request<Incoming>, limit: usize) -> Result<Bytes, Refusal> {
    let limited = Limited::new(request.into_body(), limit);
    match tokio::time::timeout(BODY_TIME, limited.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("more than {limit} bytes; deploy.max_bytes is the limit of components"),
        )),
        Ok(Err(_)) => Err(Refusal::bad("the body broke off")),
        Err(_) => Err(Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time",
        )),
    }
}

/// A JSON body; an empty one is an empty object.
async fn object<T: for<'de> Deserialize<'de>>(request: Request<Incoming>) -> Result<T, Refusal> {
    let bytes = body(request, SMALL_BODY).await?;
    let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
    serde_json::from_slice(text).map_err(|error| Refusal::bad(format!("the body: {error}")))
}

fn decoded(segment: &str) -> String {
    percent_encoding::percent_decode_str(segment)
        .decode_utf8_lossy()
        .into_owned()
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            report: None,
        }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    fn method(allowed: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("only {allowed} is allowed here"),
        )
    }

    fn body(self) -> Value {
        let mut error = json!({
            "statusCode": self.status.as_u16(),
            "message": self.message,
        });
        if let (Some(report), Some(error)) = (self.report, error.as_object_mut()) {
            error.insert("report".into(), json!(report));
        }
        json!({ "error": error })
    }
}

impl From<ChangeError> for Refusal {
    fn from(error: ChangeError) -> Self {
        use StatusCode as S;
        let cause = match &error {
            ChangeError::Incomplete { source, .. } => source.as_ref(),
            error => error,
        };
        let status = match cause {
            ChangeError::NoVersion { .. } => S::NOT_FOUND,
            ChangeError::Conflict(_)
            | ChangeError::Store(StoreError::Changed | StoreError::Taken { .. }) => S::CONFLICT,
            ChangeError::Store(StoreError::Database(_))
            | ChangeError::Migrate(migrate::Error::Database(_)) => S::SERVICE_UNAVAILABLE,
            ChangeError::Refused(_)
            | ChangeError::Load(_)
            | ChangeError::Start(_)
            | ChangeError::Signature(_)
            | ChangeError::Migrate(_) => S::UNPROCESSABLE_ENTITY,
            ChangeError::Store(StoreError::Damaged(_))
            | ChangeError::Compile(_)
            | ChangeError::Incomplete { .. } => S::INTERNAL_SERVER_ERROR,
        };
        let message = error.to_string();
        let report = match error {
            ChangeError::Refused(report) | ChangeError::Incomplete { report, .. } => Some(report),
            _ => None,
        };
        Self {
            status,
            message,
            report,
        }
    }
}
