//! A real gateway inside the test's process: on a free port, with a fresh database, and
//! configured as an operator would.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gateway::Running;
use gateway::config::{Config, Environment, Flags};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::database::TestDatabase;
use crate::token;

/// A gateway that serves. [`stop`](Self::stop) ends it; its database goes with it.
#[derive(Debug)]
pub struct Server {
    running: Running,
    client: Client,
    /// The gateway's database.
    pub database: TestDatabase,
    data: TempDir,
}

/// The operator's token of every gateway here.
pub const OPERATOR: &str = "the-operators-token-of-the-tests";

/// How long any answer may take before the test fails.
const ANSWER: Duration = Duration::from_secs(30);

impl Server {
    /// A gateway on `database` with `plugins` (mount points by the component's name), and with further
    /// variables in its environment.
    pub async fn start(
        database: TestDatabase,
        plugins: &[(&str, &str)],
        env: &[(&str, &str)],
    ) -> Self {
        let data = tempfile::tempdir().unwrap();
        let running = gateway::start(config(&database, &data, plugins, env))
            .await
            .unwrap();
        Self {
            running,
            client: client(),
            database,
            data,
        }
    }

    /// The chat service alone, with the limits that it has by default.
    pub async fn chat(database: TestDatabase) -> Self {
        Self::start(database, &[("chat", "/")], &[]).await
    }

    /// Stops the gateway and starts another one on the same database and data.
    pub async fn restart(self, plugins: &[(&str, &str)], env: &[(&str, &str)]) -> Self {
        let Self {
            running,
            database,
            data,
            client,
        } = self;
        running.stop().await;
        let running = gateway::start(config(&database, &data, plugins, env))
            .await
            .unwrap();
        Self {
            running,
            client,
            database,
            data,
        }
    }

    /// `http://ADDR` of the public listener.
    pub fn base(&self) -> String {
        format!("http://{}", self.running.addr())
    }

    /// The public listener's address.
    pub fn addr(&self) -> std::net::SocketAddr {
        self.running.addr()
    }

    /// `http://ADDR` of the operator's listener.
    pub fn admin(&self) -> String {
        format!("http://{}", self.running.admin_addr())
    }

    /// The folder of its data.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The gateway itself.
    pub fn running(self) -> (Running, TestDatabase, TempDir) {
        (self.running, self.database, self.data)
    }

    /// A request without a token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base()))
    }

    /// A GET without a token.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A request of the operator's API.
    pub fn operate(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.admin()))
            .bearer_auth(OPERATOR)
    }

    /// Adds a version of a plugin; status and answer.
    pub async fn deploy(&self, plugin: &str, query: &str, component: Vec<u8>) -> (u16, Value) {
        let path = format!("/v1/plugins/{plugin}/versions?{query}");
        answer(self.operate(Method::POST, &path).body(component)).await
    }

    /// Changes which version serves; status and answer.
    pub async fn activate(&self, plugin: &str, body: &Value) -> (u16, Value) {
        let path = format!("/v1/plugins/{plugin}/activate");
        answer(self.operate(Method::POST, &path).body(body.to_string())).await
    }

    /// What `user` of `tenant` may send; see [`token::of`].
    pub fn user(&self, tenant: &str, user: &str) -> User<'_> {
        User {
            server: self,
            token: token::of(tenant, user),
        }
    }

    /// A caller with these claims.
    pub fn caller(&self, claims: &Value) -> User<'_> {
        User {
            server: self,
            token: token::sign(claims),
        }
    }

    /// The operator's listener's address.
    pub fn admin_addr(&self) -> std::net::SocketAddr {
        self.running.admin_addr()
    }

    /// Has the gateway read its certificates again: whether they changed, or what is wrong.
    pub fn reload_certificates(&self) -> Result<bool, String> {
        let reloaded = self.running.reload_certificates();
        reloaded.map_err(|error| error.to_string())
    }

    /// Ends the gateway.
    pub async fn stop(self) {
        self.running.stop().await;
    }
}

/// A client that carries one token.
#[derive(Debug)]
pub struct User<'a> {
    server: &'a Server,
    token: String,
}

impl User<'_> {
    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.server.request(method, path).bearer_auth(&self.token)
    }

    /// Sends a GET; the status, and the body as JSON (null when empty).
    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    /// Sends a JSON body.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        answer(self.request(method, path).json(body)).await
    }

    /// Posts a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(Method::POST, path, body).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::DELETE, path)).await
    }
}

/// Sends a request; the status, and the body as JSON (null when empty).
pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    let value = if body.is_empty() {
        json!(null)
    } else {
        serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()))
    };
    (status, value)
}

/// A client that gives up after half a minute and looks for no proxy.
pub fn client() -> Client {
    Client::builder()
        .timeout(ANSWER)
        .no_proxy()
        .build()
        .unwrap()
}

/// The file of a component that `cargo xtask plugin` built.
///
/// # Panics
/// It is not there.
pub fn component(name: &str) -> PathBuf {
    let file = crate::target().join("plugins").join(format!("{name}.wasm"));
    assert!(
        file.is_file(),
        "{} is missing: run `cargo xtask plugin {name}` first",
        file.display()
    );
    file
}

/// The configuration of a test's gateway.
pub fn config(
    database: &TestDatabase,
    data: &TempDir,
    plugins: &[(&str, &str)],
    env: &[(&str, &str)],
) -> Config {
    let mut variables = vec![
        (
            "GATEWAY_DATABASE_URL".to_owned(),
            database.config.url.clone(),
        ),
        ("GATEWAY_AUTH_SECRET".to_owned(), token::SECRET.to_owned()),
        ("GATEWAY_SERVER_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("GATEWAY_ADMIN_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
        ("GATEWAY_ADMIN_TOKEN".to_owned(), OPERATOR.to_owned()),
        ("GATEWAY_DATA".to_owned(), data.path().display().to_string()),
    ];
    for (name, mount) in plugins {
        let prefix = format!("GATEWAY_PLUGIN_{}", name.to_uppercase());
        variables.push((
            format!("{prefix}_FILE"),
            component(name).display().to_string(),
        ));
        variables.push((format!("{prefix}_MOUNT"), (*mount).to_owned()));
    }
    variables.extend(
        env.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let environment: Environment = variables.into_iter().collect();
    Config::load(None, &environment, &Flags::default()).unwrap()
}
