//! What browsers are told to be careful about, where a plugin does not say.

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

use crate::config::{self, Frames};

/// The headers, made once.
#[derive(Debug)]
pub(super) struct Security {
    nosniff: bool,
    referrer_policy: Option<HeaderValue>,
    frames: Option<HeaderValue>,
    hsts: Option<HeaderValue>,
}

impl Security {
    pub(super) fn new(config: &config::Security) -> Self {
        let policy = Some(config.referrer_policy.as_str()).filter(|policy| *policy != "off");
        let subdomains = match config.hsts_subdomains {
            true => "; includeSubDomains",
            false => "",
        };
        let hsts = format!("max-age={}{subdomains}", config.hsts.as_secs());
        Self {
            nosniff: config.nosniff,
            referrer_policy: policy.and_then(|policy| HeaderValue::from_str(policy).ok()),
            frames: match config.frames {
                Frames::Off => None,
                Frames::Deny => Some(HeaderValue::from_static("DENY")),
                Frames::SameOrigin => Some(HeaderValue::from_static("SAMEORIGIN")),
            },
            hsts: HeaderValue::from_str(&hsts)
                .ok()
                .filter(|_| !config.hsts.is_zero()),
        }
    }

    /// Adds what the plugin said nothing about.
    pub(super) fn mark(&self, is_secure: bool, headers: &mut HeaderMap) {
        if self.nosniff {
            headers
                .entry(X_CONTENT_TYPE_OPTIONS)
                .or_insert(HeaderValue::from_static("nosniff"));
        }
        if let Some(policy) = &self.referrer_policy {
            headers
                .entry(REFERRER_POLICY)
                .or_insert_with(|| policy.clone());
        }
        // A policy of contents is the newer way to say who may frame a page, and may allow
        // what this one forbids.
        if let Some(frames) = &self.frames
            && !headers.contains_key(CONTENT_SECURITY_POLICY)
        {
            headers
                .entry(X_FRAME_OPTIONS)
                .or_insert_with(|| frames.clone());
        }
        // In the clear it does not count, and anybody could have put it in.
        if let Some(hsts) = &self.hsts
            && is_secure
        {
            headers
                .entry(STRICT_TRANSPORT_SECURITY)
                .or_insert_with(|| hsts.clone());
        }
    }
}
