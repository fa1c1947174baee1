//! What the operator may set: how many rows a page has, and how much may be attached.

use std::ops::RangeInclusive;

use crate::domain::attachment::{Quotas, Types};
use crate::ports::{Level, Ports};

/// The rows of a page when neither the filter nor the operator says.
pub(super) const DEFAULT_LIMIT: i64 = 100;
/// The rows of the largest page when the operator doesn't say.
pub(super) const MAX_LIMIT: i64 = 1_000;

const DEFAULT_SETTING: &str = "page-limit-default";
const MAX_SETTING: &str = "page-limit-max";
/// What the operator may make of the largest page, in rows.
const MAX_RANGE: RangeInclusive<i64> = 1..=10_000;

const GIB: i64 = 1 << 30;
const TIB: i64 = 1 << 40;
const PIB: i64 = 1 << 50;
const DAY: i64 = 24 * 60 * 60;

/// What holds for all requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub(super) default: i64,
    pub(super) max: i64,
    pub(super) attachments: Attachments,
    pub(super) conversation: Conversation,
}

/// What holds for channels and what is said there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conversation {
    /// Members of one channel.
    pub(super) members: i64,
    /// Messages that one user sends in a minute; 0: no limit.
    pub(super) per_minute: i64,
    /// Pins of one channel.
    pub(super) pins: i64,
    /// Kinds of reactions under one message.
    pub(super) reactions: i64,
    /// Channels of one answer of `/sync`.
    pub(super) sync: i64,
}

impl Default for Conversation {
    fn default() -> Self {
        Self {
            members: 10_000,
            per_minute: 0,
            pins: 100,
            reactions: 50,
            sync: 200,
        }
    }
}

impl Conversation {
    fn read(ports: &impl Ports) -> Self {
        let usual = Self::default();
        let number = |name, range, usual| setting(ports, name, range).unwrap_or(usual);
        Self {
            members: number("channel-members", 2..=1_000_000, usual.members),
            per_minute: number("messages-per-minute", 0..=100_000, usual.per_minute),
            pins: number("channel-pins", 0..=10_000, usual.pins),
            reactions: number("message-reactions", 1..=1_000, usual.reactions),
            sync: number("sync-channels", 1..=400, usual.sync),
        }
    }
}

/// What holds for attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attachments {
    /// Bytes of one.
    pub(super) bytes: i64,
    pub(super) types: Types,
    /// Inspectors that must have called one clean before anybody gets it.
    pub(super) clean_by: Vec<String>,
    pub(super) quotas: Quotas,
    /// Those that one user has announced and not sent.
    pub(super) pending: i64,
    /// Those of one message.
    pub(super) per_message: usize,
    /// The longest life of a link, in seconds.
    pub(super) link_seconds: i64,
    /// How long what is in no message is kept, in seconds.
    pub(super) unsent_seconds: i64,
}

/// The most that a message takes, whatever the operator says.
pub(super) const MAX_PER_MESSAGE: usize = 100;

impl Default for Attachments {
    fn default() -> Self {
        Self {
            bytes: 5 * GIB,
            types: Types::default(),
            clean_by: Vec::new(),
            quotas: Quotas {
                user: 50 * GIB,
                tenant: 5 * TIB,
            },
            pending: 100,
            per_message: 20,
            link_seconds: DAY,
            unsent_seconds: DAY,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default: DEFAULT_LIMIT,
            max: MAX_LIMIT,
            attachments: Attachments::default(),
            conversation: Conversation::default(),
        }
    }
}

impl Limits {
    /// Reads the settings. One that makes no sense is logged as an error and left out: the
    /// usual limit is better than no service.
    pub fn read(ports: &impl Ports) -> Self {
        let max = setting(ports, MAX_SETTING, MAX_RANGE).unwrap_or(MAX_LIMIT);
        let default = setting(ports, DEFAULT_SETTING, 1..=max);
        Self {
            default: default.unwrap_or_else(|| DEFAULT_LIMIT.min(max)),
            max,
            attachments: Attachments::read(ports),
            conversation: Conversation::read(ports),
        }
    }
}

impl Attachments {
    fn read(ports: &impl Ports) -> Self {
        let usual = Self::default();
        let number = |name, range, usual| setting(ports, name, range).unwrap_or(usual);
        let list = |name| ports.setting(name).unwrap_or_default();
        let per_message = number(
            "attachments-per-message",
            0..=MAX_PER_MESSAGE as i64,
            usual.per_message as i64,
        );
        Self {
            bytes: number("attachment-max-bytes", 1..=5 * TIB, usual.bytes),
            types: Types::new(&list("attachment-types"), &list("attachment-types-denied")),
            clean_by: names(&list("attachment-clean-by")),
            quotas: Quotas {
                user: number("attachment-quota-user", 1..=PIB, usual.quotas.user),
                tenant: number("attachment-quota-tenant", 1..=PIB, usual.quotas.tenant),
            },
            pending: number("attachments-pending", 1..=10_000, usual.pending),
            per_message: usize::try_from(per_message).unwrap_or(usual.per_message),
            link_seconds: number("attachment-link-seconds", 1..=30 * DAY, usual.link_seconds),
            unsent_seconds: number(
                "attachment-unsent-seconds",
                60..=365 * DAY,
                usual.unsent_seconds,
            ),
        }
    }
}

/// The elements of a list that has commas or spaces between them.
fn names(text: &str) -> Vec<String> {
    let names = text.split([',', ' ']).filter(|it| !it.is_empty());
    names.map(str::to_owned).collect()
}

fn setting(ports: &impl Ports, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
    let text = ports.setting(name)?;
    let number = text.trim().parse().ok();
    let number = number.filter(|number| range.contains(number));
    if number.is_none() {
        let (low, high) = range.into_inner();
        let message = format!(
            "the setting {name} is no whole number from {low} to {high}: its default counts"
        );
        ports.log(Level::Error, &message);
    }
    number
}
