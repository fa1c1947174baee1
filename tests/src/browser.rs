//! A headless Chromium that a test drives as a person would: by the mouse and the keyboard.
//!
//! It is spoken to in the DevTools protocol, through two pipes: no port is open, and no
//! further crate is needed.

#![expect(
    clippy::indexing_slicing,
    reason = "an answer without what it has to have fails the test that asked"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Names the program, where it has another name or place.
const PROGRAM: &str = "TEST_CHROMIUM";

/// What it is called otherwise, in the search path.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// How long the browser may take to answer, and a page to become what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a page is looked at.
const POLL: Duration = Duration::from_millis(50);

/// The protocol's pipes are the descriptors 3 and 4.
const PIPES: &str = r#"exec 3<&0 4>&1 </dev/null >/dev/null; exec "$@""#;

/// One page of a browser; killed when dropped.
#[derive(Debug)]
pub struct Page {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: Option<String>,
    sent: u64,
    /// What the browser told without being asked, oldest first.
    events: Vec<Value>,
    home: TempDir,
}

/// The program.
///
/// # Panics
/// There is none.
fn program() -> PathBuf {
    if let Some(named) = std::env::var_os(PROGRAM) {
        return named.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|folder| NAMES.map(|name| folder.join(name)))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!(
                "no Chromium here: install one (Debian: sudo apt-get install chromium), \
                 or name one in {PROGRAM}"
            )
        })
}

impl Page {
    /// An empty page of a new browser that knows nothing of an earlier one.
    pub async fn open() -> Self {
        let home = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(home.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", PIPES, "sh"])
            .arg(program())
            .args([
                "--headless=new",
                "--remote-debugging-pipe",
                "--no-first-run",
                "--no-proxy-server",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-default-apps",
                "--disable-dev-shm-usage",
                "--disable-extensions",
                "--disable-gpu",
                "--disable-sync",
                "--lang=en-GB",
            ])
            .arg(format!("--user-data-dir={}", home.path().display()))
            .env("HOME", home.path())
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        if is_root() {
            // Its sandbox refuses to work for root. The pages here are our own.
            command.arg("--no-sandbox");
        }
        let mut child = command.spawn().unwrap();
        let mut page = Self {
            input: child.stdin.take().unwrap(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
            session: None,
            sent: 0,
            events: Vec::new(),
            home,
        };
        let blank = json!({ "url": "about:blank" });
        let target = page.call("Target.createTarget", blank).await["targetId"].clone();
        let attach = json!({ "targetId": target, "flatten": true });
        let attached = page.call("Target.attachToTarget", attach).await;
        page.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log", "Audits", "DOM"] {
            page.call(&format!("{domain}.enable"), json!({})).await;
        }
        page
    }

    /// Sends a command of the protocol; its result.
    ///
    /// # Panics
    /// The browser refuses, is gone, or does not answer in time.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input.write_all(&bytes).await.unwrap();
        let begun = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let mut text = Vec::new();
            let read = self.output.read_until(0, &mut text);
            let read = tokio::time::timeout(left, read).await;
            let read = read.unwrap_or_else(|_| panic!("{method}: no answer in {PATIENCE:?}"));
            let home = self.home.path();
            let log = || std::fs::read_to_string(home.join("log")).unwrap_or_default();
            assert!(read.unwrap() > 0, "{method}: Chromium is gone:\n{}", log());
            text.pop();
            let answer: Value = serde_json::from_slice(&text).unwrap();
            if answer["id"] != self.sent {
                self.events.push(answer);
                continue;
            }
            assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
            return answer["result"].clone();
        }
    }

    /// Goes to an address, and waits until the page there is loaded.
    pub async fn go(&mut self, url: &str) {
        self.call("Page.navigate", json!({ "url": url })).await;
        let loaded = format!(
            "document.readyState === 'complete' && location.href.startsWith({})",
            json!(url)
        );
        self.until(&loaded).await;
    }

    /// What an expression of the page's JavaScript is.
    pub async fn value(&mut self, expression: &str) -> Value {
        let asked = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true,
        });
        let answer = self.call("Runtime.evaluate", asked).await;
        assert!(
            answer["exceptionDetails"].is_null(),
            "{expression}: {}",
            answer["exceptionDetails"]
        );
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true, and gives what it is.
    ///
    /// # Panics
    /// It does not become so in time.
    pub async fn until(&mut self, expression: &str) -> Value {
        let begun = Instant::now();
        loop {
            let value = self.value(expression).await;
            let is = match &value {
                Value::Null => false,
                Value::Bool(is) => *is,
                Value::String(text) => !text.is_empty(),
                _ => true,
            };
            if is {
                return value;
            }
            if begun.elapsed() > PATIENCE {
                let seen = self.value("document.body.innerText").await;
                panic!("{expression} is not so; the page says:\n{seen}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until an element has a text.
    pub async fn sees(&mut self, selector: &str, text: &str) {
        let (selector, text) = (json!(selector), json!(text));
        self.until(&format!(
            "[...document.querySelectorAll({selector})].some((one) => one.innerText.includes({text}))"
        ))
        .await;
    }

    /// Clicks in the middle of what an expression finds, once it is there, enabled and not
    /// covered by something else.
    async fn click_on(&mut self, find: &str) {
        let place = format!(
            "(() => {{
              const it = {find};
              if (!it || it.disabled) return null;
              it.scrollIntoView({{ block: 'center', behavior: 'instant' }});
              const box = it.getBoundingClientRect();
              const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
              const hit = document.elementFromPoint(x, y);
              return hit && (it.contains(hit) || hit.contains(it)) ? {{ x, y }} : null;
            }})()"
        );
        let place = self.until(&place).await;
        for kind in ["mousePressed", "mouseReleased"] {
            let mouse = json!({
                "type": kind, "x": place["x"], "y": place["y"], "button": "left", "clickCount": 1,
            });
            self.call("Input.dispatchMouseEvent", mouse).await;
        }
    }

    /// Clicks on an element.
    pub async fn click(&mut self, selector: &str) {
        let find = format!("document.querySelector({})", json!(selector));
        self.click_on(&find).await;
    }

    /// Presses the button that assistive technology knows by this name: in the dialog when
    /// one is open.
    pub async fn press(&mut self, name: &str) {
        let name = json!(name);
        let find = format!(
            "[...(document.querySelector('dialog[open]') ?? document).querySelectorAll('button')]
               .find((one) => (one.ariaLabel ?? one.innerText).trim() === {name})"
        );
        self.click_on(&find).await;
    }

    /// Types into a field, in place of what is there.
    pub async fn fill(&mut self, selector: &str, text: &str) {
        self.click(selector).await;
        self.value("document.activeElement.select?.()").await;
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Hits a key, such as `Escape`.
    pub async fn key(&mut self, key: &str, code: u32) {
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text,
            });
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Chooses a file in a field for it.
    pub async fn choose(&mut self, selector: &str, file: &Path) {
        let find = format!("document.querySelector({})", json!(selector));
        let found = self
            .call("Runtime.evaluate", json!({ "expression": find }))
            .await;
        let chosen = json!({
            "objectId": found["result"]["objectId"], "files": [file.display().to_string()],
        });
        self.call("DOM.setFileInputFiles", chosen).await;
    }

    /// Has what is downloaded go to a folder.
    pub async fn download_to(&mut self, folder: &Path) {
        let session = self.session.take();
        let wish = json!({ "behavior": "allow", "downloadPath": folder.display().to_string() });
        self.call("Browser.setDownloadBehavior", wish).await;
        self.session = session;
    }

    /// What assistive technology is told: the role and the name of each thing on the page.
    pub async fn outline(&mut self) -> Vec<(String, String)> {
        let tree = self.call("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree["nodes"].as_array().unwrap().iter();
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        nodes
            .filter(|node| node["ignored"] == false)
            .map(|node| (text(&node["role"]), text(&node["name"])))
            .collect()
    }

    /// Looks as a screen of this size does, in the colours that its owner prefers.
    pub async fn screen(&mut self, width: u32, height: u32, colours: &str) {
        let screen = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.call("Emulation.setDeviceMetricsOverride", screen)
            .await;
        let media = json!({
            "features": [{ "name": "prefers-color-scheme", "value": colours }],
        });
        self.call("Emulation.setEmulatedMedia", media).await;
    }

    /// Writes what is to be seen to a PNG; `whole` has what one would have to scroll to.
    pub async fn picture(&mut self, file: &Path, whole: bool) {
        let asked = json!({ "format": "png", "captureBeyondViewport": whole });
        let shot = self.call("Page.captureScreenshot", asked).await;
        let png = STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, png).unwrap();
    }

    /// The addresses that were asked for so far.
    pub fn requested(&self) -> Vec<String> {
        let of = |event: &Value| {
            event["params"]["request"]["url"]
                .as_str()
                .map(str::to_owned)
        };
        self.told("Network.requestWillBeSent")
            .filter_map(of)
            .collect()
    }

    /// What a developer would see as wrong since the last question: errors in the console,
    /// exceptions that nobody caught, violations of the policy, what the audits found.
    pub async fn complaints(&mut self) -> Vec<String> {
        // Behind what is on its way.
        self.value("new Promise((done) => setTimeout(done, 100))")
            .await;
        let entries = self.told("Log.entryAdded").filter_map(|event| {
            let entry = &event["params"]["entry"];
            let wrong = entry["level"] == "error" || entry["source"] == "security";
            wrong.then(|| format!("{} {}", entry["text"], entry["url"]))
        });
        let console = self.told("Runtime.consoleAPICalled").filter_map(|event| {
            let wrong = event["params"]["type"] == "error";
            wrong.then(|| event["params"]["args"].to_string())
        });
        let thrown = self
            .told("Runtime.exceptionThrown")
            .map(|event| event["params"]["exceptionDetails"].to_string());
        let audits = self
            .told("Audits.issueAdded")
            .map(|event| event["params"]["issue"].to_string());
        let all = entries.chain(console).chain(thrown).chain(audits).collect();
        self.events
            .retain(|event| event["method"] == "Network.requestWillBeSent");
        all
    }

    fn told<'a>(&'a self, method: &'a str) -> impl Iterator<Item = &'a Value> + 'a {
        self.events
            .iter()
            .filter(move |event| event["method"] == method)
    }

    /// Ends the browser.
    pub async fn close(mut self) {
        self.session = None;
        self.call("Browser.close", json!({})).await;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        assert!(ended.is_ok(), "Chromium does not end");
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
