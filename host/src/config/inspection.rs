//! Who looks into content that is uploaded, and with what limits.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// How content is inspected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inspection {
    /// Contents that are inspected at once, of all plugins together. Default 2.
    pub concurrency: usize,
    /// How often a gateway looks for some. Default 1 s.
    pub interval: Duration,
    /// How long a gateway may be silent before another one takes its work over. Default 30 s.
    pub lease: Duration,
    /// How often the same is tried until it is given up. Default 12.
    pub tries: u32,
    /// The pause after the first try; it doubles, up to an hour. Default 1 s.
    pub backoff: Duration,
}

/// A component that looks into content.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inspector {
    /// The component's file.
    pub file: PathBuf,
    /// The media types that it is shown: `image/png`, `image/*` or `*/*`. Default all.
    pub types: Vec<String>,
    /// What it may use for one content.
    pub limits: InspectorLimits,
}

/// What an inspector may use for one content.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InspectorLimits {
    /// Linear memory. Default 256 MiB.
    pub memory: usize,
    /// Elements of one table. Default 10,000.
    pub table: usize,
    /// Time that its own code may run. Default 10 s.
    pub cpu_time: Duration,
    /// Until it must be done, waits for the store included. Default 1 min.
    pub wall_time: Duration,
    /// Bytes of all that it makes of one content. Default 256 KiB.
    pub derived: usize,
    /// Log lines; further ones are dropped. Default 100.
    pub log_lines: u32,
}

impl Inspector {
    /// Whether it is shown content of a media type, in whatever case, with or without
    /// parameters. What is not written like one is shown only to those that see all.
    #[must_use]
    pub fn sees(&self, media_type: &str) -> bool {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        self.types
            .iter()
            .any(|pattern| match pattern.strip_suffix("/*") {
                Some("*") => true,
                Some(kind) => essence
                    .strip_prefix(kind)
                    .is_some_and(|rest| rest.starts_with('/')),
                None => *pattern == essence,
            })
    }
}

/// Whether a text is `TYPE/SUBTYPE`, `TYPE/*` or `*/*`, in lower case.
pub(super) fn is_pattern(text: &str) -> bool {
    let is_part = |part: &str| {
        (1..=64).contains(&part.len())
            && part.bytes().all(|byte| {
                matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'!' | b'#' | b'$' | b'&' | b'-' | b'^' | b'_' | b'.' | b'+')
            })
    };
    match text.split_once('/') {
        Some(("*", "*")) => true,
        Some((kind, "*")) => is_part(kind),
        Some((kind, subtype)) => is_part(kind) && is_part(subtype),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sees(pattern: &str, media_type: &str) -> bool {
        let inspector = Inspector {
            file: PathBuf::new(),
            types: vec![pattern.to_owned()],
            limits: InspectorLimits {
                memory: 0,
                table: 0,
                cpu_time: Duration::ZERO,
                wall_time: Duration::ZERO,
                derived: 0,
                log_lines: 0,
            },
        };
        inspector.sees(media_type)
    }

    #[test]
    fn a_pattern_is_a_type_a_family_or_all() {
        for (pattern, media_type, wanted) in [
            ("image/png", "image/png", true),
            ("image/png", "IMAGE/PNG; q=1", true),
            ("image/png", "image/pngx", false),
            ("image/*", "image/webp", true),
            ("image/*", "imagex/webp", false),
            ("image/*", "image", false),
            ("*/*", "image/png", true),
            ("*/*", "", true),
        ] {
            assert_eq!(sees(pattern, media_type), wanted, "{pattern} {media_type}");
        }
        for bad in [
            "",
            "image",
            "image/",
            "/*",
            "*/png",
            "Image/png",
            "a/b/c",
            "*",
        ] {
            assert!(!is_pattern(bad), "{bad}");
        }
        for good in ["*/*", "image/*", "image/svg+xml"] {
            assert!(is_pattern(good), "{good}");
        }
    }
}
