//! Who may do what in a channel, as the documentation says it.

use serde_json::{Value as Json, json};

use super::SELF;

/// What somebody is in the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Never,
    /// Comes after the request.
    NotYet,
    Member,
    Moderator,
    Owner,
    Left,
    Banned,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Group,
    Public,
    Direct,
    Archived,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) who: Who,
    pub(super) kind: Kind,
    pub(super) same_tenant: bool,
    pub(super) moderates: bool,
}

impl Case {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        use Kind::{Archived, Direct, Group, Public};
        use Who::{Banned, Left, Member, Moderator, Never, NotYet, Owner};
        let whos = [Never, NotYet, Member, Moderator, Owner, Left, Banned];
        let kinds = [Group, Public, Direct, Archived];
        let flags = [false, true];
        whos.into_iter().flat_map(move |who| {
            kinds.into_iter().flat_map(move |kind| {
                flags.into_iter().flat_map(move |same_tenant| {
                    flags.into_iter().map(move |moderates| Self {
                        who,
                        kind,
                        same_tenant,
                        moderates,
                    })
                })
            })
        })
    }

    pub(super) fn role(self) -> Option<&'static str> {
        match self.who {
            Who::Member => Some("member"),
            Who::Moderator => Some("moderator"),
            Who::Owner => Some("owner"),
            _ => None,
        }
    }

    pub(super) fn is_member(self) -> bool {
        self.same_tenant && self.role().is_some()
    }

    pub(super) fn sees(self) -> bool {
        self.is_member() || (self.same_tenant && self.kind == Kind::Public)
    }

    fn leads(self) -> bool {
        self.is_member() && (self.who != Who::Member || self.moderates)
    }

    fn owns(self) -> bool {
        self.is_member() && self.who == Who::Owner
    }

    /// For members, and nobody else can tell whether there is anything.
    fn member(self, status: u16) -> u16 {
        if self.is_member() { status } else { 404 }
    }

    /// For moderators of the channel, where it isn't a conversation of two.
    fn lead(self, status: u16) -> u16 {
        match (self.is_member(), self.kind, self.leads()) {
            (false, ..) => 404,
            (true, Kind::Direct, _) => 409,
            (true, _, false) => 403,
            (true, _, true) => status,
        }
    }

    fn own(self, status: u16) -> u16 {
        match (self.is_member(), self.kind, self.owns()) {
            (false, ..) => 404,
            (true, Kind::Direct, _) => 409,
            (true, _, false) => 403,
            (true, _, true) => status,
        }
    }
}

/// What has to come of a request.
pub(super) struct Ask {
    pub(super) method: &'static str,
    pub(super) route: &'static str,
    pub(super) query: &'static str,
    pub(super) other: &'static str,
    pub(super) body: Json,
    pub(super) status: u16,
    /// Rows of the answer, where it is a list.
    pub(super) rows: Option<usize>,
    pub(super) permission: &'static str,
}

/// All requests of a case, from the rules.
pub(super) fn asks(case: Case) -> Vec<Ask> {
    let mut all = Vec::new();
    let mut add = |permission,
                   method,
                   route,
                   (query, other): (&'static str, &'static str),
                   body,
                   status,
                   rows| {
        all.push(Ask {
            method,
            route,
            query,
            other,
            body,
            status,
            rows,
            permission,
        });
    };
    const NONE: (&str, &str) = ("", "");
    const CHANNEL: &str = "/channels/{id}";
    let (view, create, update, delete) = ("1", "2", "3", "4");
    let null = || Json::Null;
    let is_open = case.kind != Kind::Archived;
    let if_open = |status: u16| if is_open { status } else { 409 };
    let seen = usize::from(case.is_member());

    add(
        create,
        "POST",
        "/channels",
        NONE,
        json!({"kind": "group"}),
        201,
        None,
    );
    let listed = usize::from(case.is_member() && is_open);
    add(view, "GET", "/channels", NONE, null(), 200, Some(listed));
    let archived = usize::from(case.is_member() && !is_open);
    add(
        view,
        "GET",
        "/channels",
        ("?archived=true", ""),
        null(),
        200,
        Some(archived),
    );
    let found = usize::from(case.same_tenant && case.kind == Kind::Public);
    add(
        view,
        "GET",
        "/channels",
        ("?public=true", ""),
        null(),
        200,
        Some(found),
    );
    let shown = if case.sees() { 200 } else { 404 };
    add(view, "GET", CHANNEL, NONE, null(), shown, None);
    // Who sees a public channel without being in it is told that it isn't the caller's.
    let edit = |status: u16| match (case.sees(), case.is_member()) {
        (true, false) => 403,
        _ => status,
    };
    add(
        update,
        "PATCH",
        CHANNEL,
        NONE,
        json!({"name": "n"}),
        edit(case.lead(200)),
        None,
    );
    add(
        update,
        "PATCH",
        CHANNEL,
        NONE,
        json!({"retentionSeconds": null, "kind": "public"}),
        edit(case.own(200)),
        None,
    );
    add(
        update,
        "PUT",
        "/channels/{id}/archive",
        NONE,
        null(),
        edit(case.own(200)),
        None,
    );
    add(
        update,
        "DELETE",
        "/channels/{id}/archive",
        NONE,
        null(),
        edit(case.own(200)),
        None,
    );

    let joins = match (case.sees(), case.is_member(), case.who) {
        (false, ..) => 404,
        (true, true, _) => 200,
        (true, false, Who::Banned) => 403,
        (true, false, _) => if_open(200),
    };
    add(
        create,
        "POST",
        "/channels/{id}/join",
        NONE,
        null(),
        joins,
        None,
    );
    let leaves = match case.kind {
        Kind::Direct => case.member(409),
        _ => case.member(204),
    };
    add(
        view,
        "POST",
        "/channels/{id}/leave",
        NONE,
        null(),
        leaves,
        None,
    );
    const MEMBERS: &str = "/channels/{id}/members";
    const MEMBER: &str = "/channels/{id}/members/{userId}";
    let members = if case.is_member() { Some(4) } else { None };
    add(
        view,
        "GET",
        MEMBERS,
        NONE,
        null(),
        case.member(200),
        members,
    );
    add(
        create,
        "PUT",
        MEMBER,
        ("", "new"),
        null(),
        if case.leads() {
            case.lead(if_open(204))
        } else {
            case.lead(204)
        },
        None,
    );
    let promotes = match case.lead(204) {
        204 if !case.owns() => 403,
        204 => if_open(204),
        other => other,
    };
    add(
        create,
        "PUT",
        MEMBER,
        ("", "new"),
        json!({"role": "moderator"}),
        promotes,
        None,
    );
    add(
        create,
        "PUT",
        MEMBER,
        ("", "reader"),
        null(),
        case.lead(204),
        None,
    );
    let banned = if case.lead(204) == 204 {
        if_open(403)
    } else {
        case.lead(204)
    };
    add(create, "PUT", MEMBER, ("", "out"), null(), banned, None);
    add(
        update,
        "PATCH",
        MEMBER,
        ("", "reader"),
        json!({"role": "moderator"}),
        case.own(204),
        None,
    );
    let nobody = if case.own(204) == 204 {
        404
    } else {
        case.own(204)
    };
    add(
        update,
        "PATCH",
        MEMBER,
        ("", "nobody"),
        json!({"role": "owner"}),
        nobody,
        None,
    );
    // Against each of the roles. A conversation of two says so only to who might.
    let sends_away = |target: &str| match (case.is_member(), target) {
        (false, _) => 404,
        (true, _) if !case.leads() => 403,
        (true, "steward" | "author") if !case.owns() => 403,
        (true, "nobody") => 404,
        (true, _) if case.kind == Kind::Direct => 409,
        (true, _) => 204,
    };
    for target in ["reader", "steward", "author", "nobody"] {
        let target: &'static str = target;
        add(
            delete,
            "DELETE",
            MEMBER,
            ("", target),
            null(),
            sends_away(target),
            None,
        );
        let bans = match (case.lead(204), target) {
            (204, "steward" | "author") if !case.owns() => 403,
            (other, _) => other,
        };
        add(
            delete,
            "PUT",
            "/channels/{id}/bans/{userId}",
            ("", target),
            null(),
            bans,
            None,
        );
    }
    // Bans are listed for whoever may make them.
    let bans = match (case.is_member(), case.leads()) {
        (false, _) => 404,
        (true, false) => 403,
        (true, true) => 200,
    };
    // A public channel is no secret, its bans are.
    add(
        view,
        "GET",
        "/channels/{id}/bans",
        NONE,
        null(),
        bans,
        (bans == 200).then_some(1),
    );
    add(
        delete,
        "DELETE",
        "/channels/{id}/bans/{userId}",
        ("", "out"),
        null(),
        case.lead(204),
        None,
    );

    add(
        view,
        "PUT",
        "/channels/{id}/mute",
        NONE,
        null(),
        case.member(200),
        None,
    );
    add(
        view,
        "DELETE",
        "/channels/{id}/mute",
        NONE,
        null(),
        case.member(200),
        None,
    );
    for way in [
        "/channels/{id}/read",
        "/channels/{id}/unread",
        "/channels/{id}/delivered",
    ] {
        add(
            view,
            "PUT",
            way,
            NONE,
            json!({"seq": 1}),
            case.member(200),
            None,
        );
    }
    const MESSAGES: &str = "/channels/{id}/messages";
    add(view, "GET", MESSAGES, NONE, null(), case.member(200), None);
    let sent = case.member(if_open(200));
    add(
        create,
        "POST",
        MESSAGES,
        NONE,
        json!({"body": "new"}),
        sent,
        None,
    );
    add(
        view,
        "POST",
        "/channels/{id}/typing",
        NONE,
        null(),
        case.member(204),
        None,
    );
    add(
        view,
        "GET",
        "/channels/{id}/pins",
        NONE,
        null(),
        case.member(200),
        case.is_member().then_some(1),
    );
    add(
        view,
        "GET",
        "/channels/{id}/reports",
        NONE,
        null(),
        bans,
        (bans == 200).then_some(1),
    );

    add(
        view,
        "PUT",
        "/messages/{id}/reactions/{emoji}",
        ("", "x"),
        null(),
        case.member(204),
        None,
    );
    add(
        view,
        "DELETE",
        "/messages/{id}/reactions/{emoji}",
        ("", "x"),
        null(),
        404,
        None,
    );
    add(
        view,
        "GET",
        "/messages/{id}/reactions",
        NONE,
        null(),
        case.member(200),
        case.is_member().then_some(0),
    );
    let pins = match (case.is_member(), case.kind) {
        (false, _) => 404,
        (true, Kind::Direct) => 204,
        (true, _) => {
            if case.leads() {
                204
            } else {
                403
            }
        }
    };
    add(
        update,
        "PUT",
        "/messages/{id}/pin",
        NONE,
        null(),
        pins,
        None,
    );
    let unpins = if pins == 204 { 404 } else { pins };
    add(
        update,
        "DELETE",
        "/messages/{id}/pin",
        NONE,
        null(),
        unpins,
        None,
    );
    for method in ["PUT", "DELETE"] {
        add(
            view,
            method,
            "/messages/{id}/favorite",
            NONE,
            null(),
            case.member(204),
            None,
        );
        add(
            view,
            method,
            "/messages/{id}/hidden",
            NONE,
            null(),
            case.member(204),
            None,
        );
    }
    for route in ["/messages/{id}/versions", "/messages/{id}/thread"] {
        add(
            view,
            "GET",
            route,
            NONE,
            null(),
            case.member(200),
            case.is_member().then_some(0),
        );
    }
    let forwarded = case.member(if_open(200));
    add(
        create,
        "POST",
        "/messages/{id}/forward",
        NONE,
        json!({"channelId": "c"}),
        forwarded,
        None,
    );
    add(
        view,
        "POST",
        "/messages/{id}/reports",
        NONE,
        json!({"reason": "r"}),
        case.member(200),
        None,
    );
    let closes = if case.leads() { 204 } else { 404 };
    add(
        update,
        "PATCH",
        "/reports/{id}",
        NONE,
        json!({"state": "resolved"}),
        closes,
        None,
    );

    add(
        view,
        "GET",
        "/search",
        ("?q=findme", ""),
        null(),
        200,
        Some(seen),
    );
    add(
        view,
        "GET",
        "/search",
        ("?q=findme&channelId=c", ""),
        null(),
        200,
        Some(seen),
    );
    for route in ["/mentions", "/favorites", "/blocks"] {
        add(view, "GET", route, NONE, null(), 200, Some(0));
    }
    add(view, "GET", "/sync", NONE, null(), 200, None);
    add(view, "GET", "/export", NONE, null(), 200, None);
    add(view, "GET", "/events", NONE, null(), 200, None);
    add(view, "POST", "/events/tickets", NONE, null(), 201, None);
    add(
        view,
        "PUT",
        "/presence",
        NONE,
        json!({"status": "online"}),
        204,
        None,
    );
    add(
        view,
        "GET",
        "/presence",
        ("?ids=author,reader", ""),
        null(),
        200,
        Some(0),
    );
    add(
        view,
        "PUT",
        "/blocks/{userId}",
        ("", "author"),
        null(),
        204,
        None,
    );
    add(
        view,
        "DELETE",
        "/blocks/{userId}",
        ("", "author"),
        null(),
        404,
        None,
    );
    add(
        delete,
        "POST",
        "/users/{userId}/erasure",
        ("", SELF),
        null(),
        200,
        None,
    );
    let erases = if case.moderates { 200 } else { 403 };
    add(
        delete,
        "POST",
        "/users/{userId}/erasure",
        ("", "reader"),
        null(),
        erases,
        None,
    );
    all
}

/// What the table of requests walks, for the other matrix.
pub(in crate::matrix) const OPERATIONS: [(&str, &str); 52] = [
    ("DELETE", "/blocks/{userId}"),
    ("DELETE", "/channels/{id}/archive"),
    ("DELETE", "/channels/{id}/bans/{userId}"),
    ("DELETE", "/channels/{id}/members/{userId}"),
    ("DELETE", "/channels/{id}/mute"),
    ("DELETE", "/messages/{id}/favorite"),
    ("DELETE", "/messages/{id}/hidden"),
    ("DELETE", "/messages/{id}/pin"),
    ("DELETE", "/messages/{id}/reactions/{emoji}"),
    ("GET", "/blocks"),
    ("GET", "/channels"),
    ("GET", "/channels/{id}"),
    ("GET", "/channels/{id}/bans"),
    ("GET", "/channels/{id}/members"),
    ("GET", "/channels/{id}/messages"),
    ("GET", "/channels/{id}/pins"),
    ("GET", "/channels/{id}/reports"),
    ("GET", "/events"),
    ("GET", "/export"),
    ("GET", "/favorites"),
    ("GET", "/mentions"),
    ("GET", "/messages/{id}/reactions"),
    ("GET", "/messages/{id}/thread"),
    ("GET", "/messages/{id}/versions"),
    ("GET", "/presence"),
    ("GET", "/search"),
    ("GET", "/sync"),
    ("PATCH", "/channels/{id}"),
    ("PATCH", "/channels/{id}/members/{userId}"),
    ("PATCH", "/reports/{id}"),
    ("POST", "/channels"),
    ("POST", "/channels/{id}/join"),
    ("POST", "/channels/{id}/leave"),
    ("POST", "/channels/{id}/messages"),
    ("POST", "/channels/{id}/typing"),
    ("POST", "/events/tickets"),
    ("POST", "/messages/{id}/forward"),
    ("POST", "/messages/{id}/reports"),
    ("POST", "/users/{userId}/erasure"),
    ("PUT", "/blocks/{userId}"),
    ("PUT", "/channels/{id}/archive"),
    ("PUT", "/channels/{id}/bans/{userId}"),
    ("PUT", "/channels/{id}/delivered"),
    ("PUT", "/channels/{id}/members/{userId}"),
    ("PUT", "/channels/{id}/mute"),
    ("PUT", "/channels/{id}/read"),
    ("PUT", "/channels/{id}/unread"),
    ("PUT", "/messages/{id}/favorite"),
    ("PUT", "/messages/{id}/hidden"),
    ("PUT", "/messages/{id}/pin"),
    ("PUT", "/messages/{id}/reactions/{emoji}"),
    ("PUT", "/presence"),
];
