//! `gateway token`.

use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::{Map, Value};

use super::exit::Failed;
use super::{Source, print, warn};
use crate::auth;

/// Sign a bearer token, for trying things out and for scripts.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
#[command(
    long_about = "Sign a bearer token, for trying things out and for scripts.\n\n\
    The token is signed (HS256) with the configured secret, or with the one that `serve` \
    generates in the data folder; it is made if need be. Only the token is printed. \
    `iat` and `exp`, and `iss` and `aud` when they are configured, are added."
)]
pub(super) struct Token {
    #[command(flatten)]
    source: Source,
    /// Who the token is for: the claim `sub`.
    #[arg(long, value_name = "TEXT")]
    subject: String,
    /// Another claim; can be given for several. A value that is no JSON is a text.
    #[arg(long = "claim", value_name = "KEY=JSON", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// How long the token is good for.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = lifetime)]
    expires: Duration,
}

const AFTER: &str = "\
Examples:
  gateway token --subject alice
  gateway token --subject alice --claim tenantId=acme --claim 'permissions=[\"ReadNotes\"]'
  gateway token --subject alice --claim 'id=\"42\"' --expires 15m";

/// A hundred years; longer ones are mistakes.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("write KEY=JSON, such as tenantId=acme or 'permissions=[\"1\"]'")?;
    let value = match serde_json::from_str(value) {
        Ok(value) => value,
        // Meant as JSON: taking it as text would hide a slip.
        Err(error) if value.starts_with(['{', '[', '"']) => {
            return Err(format!(
                "this is no JSON ({error}); mind the shell's quotes"
            ));
        }
        Err(_) => Value::String(value.to_owned()),
    };
    Ok((name.to_owned(), value))
}

fn lifetime(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if (Duration::from_secs(1)..=LONGEST).contains(&time) => Ok(time),
        Ok(_) => Err("write a time from 1s to 100 years".into()),
        Err(error) => Err(format!("{error}; write a time such as 15m or 1h")),
    }
}

impl Token {
    pub(super) fn run(self) -> Result<(), Failed> {
        let config = self.source.load(&self.source.flags())?;
        warn(&config.warnings);
        let mut claims = Map::new();
        claims.insert("sub".into(), self.subject.into());
        claims.extend(self.claims);
        let token = auth::mint(&config.auth, claims, SystemTime::now(), self.expires)?;
        print(&format!("{token}\n"))
    }
}
