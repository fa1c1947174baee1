//! Files and their bytes.

use serde_json::json;

use super::{Asks, CREATE_FILE, DELETE_FILE, Expected, UPDATE_FILE, VIEW_FILE};
use crate::matrix::rules::{FILE, LOOSE_FILE, SELF};

impl Asks<'_> {
    pub(super) fn attachments(&mut self) {
        const ONE: &str = "/attachments/{id}";
        const CONTENT: &str = "/attachments/{id}/content";
        const UPLOADS: &str = "/attachments/uploads";
        const UPLOAD: &str = "/attachments/uploads/{id}";
        let facts = self.facts;
        // Who has a token for it may upload; whom it is for is decided when it is sent.
        let made = || Expected::Made(vec!["chat_files", "chat_usage"]);
        let announced = json!({"channelId": "c", "name": "n", "size": 1});
        self.add(
            ("POST", "/attachments", ""),
            CREATE_FILE,
            ("", Some(announced)),
            made(),
        );
        self.add(("POST", UPLOADS, ""), CREATE_FILE, ("", None), made());

        for (target, file) in [FILE, LOOSE_FILE].into_iter().zip(&facts.files) {
            let (sees, may) = (facts.sees_file(file), facts.may_change_file(file));
            let is_own = sees && file.creator == SELF;
            let found = self.gate(sees, true, Expected::Found(target));
            self.add(("GET", ONE, ""), VIEW_FILE, (target, None), found);
            let kept_back = Some(json!({"state": "quarantined"}));
            let changed = Expected::Changed(target);
            let kept = self.gate(sees, facts.case.moderates, changed.clone());
            self.add(("PATCH", ONE, ""), UPDATE_FILE, (target, kept_back), kept);
            let gone = self.gate(sees, may, changed);
            self.add(("DELETE", ONE, ""), DELETE_FILE, (target, None), gone);
            // It is there already, for the one whose it is.
            let again = self.gate(is_own, true, Expected::Duplicate);
            for (method, route) in [("PUT", CONTENT), ("PATCH", UPLOAD), ("DELETE", UPLOAD)] {
                self.add(
                    (method, route, ""),
                    CREATE_FILE,
                    (target, None),
                    again.clone(),
                );
            }
            let whole = self.gate(is_own, true, Expected::Answered);
            self.add(("HEAD", UPLOAD, ""), CREATE_FILE, (target, None), whole);
            let bytes = match self.gate(sees, true, Expected::Answered) {
                Expected::Missing => Expected::Unseen,
                other => other,
            };
            for route in [CONTENT, "/attach-files/{id}/content"] {
                self.add(("GET", route, ""), VIEW_FILE, (target, None), bytes.clone());
            }
            // Nothing was made of these.
            let none = match bytes {
                Expected::Answered => Expected::Unseen,
                other => other,
            };
            let route = "/attachments/{id}/thumbnail";
            self.add(("GET", route, ""), VIEW_FILE, (target, None), none);
            let link = self.gate(sees, true, Expected::Made(vec!["chat_links"]));
            let route = "/attachments/{id}/links";
            self.add(("POST", route, ""), VIEW_FILE, (target, None), link);
            let read = match self.gate(sees, may, Expected::Answered) {
                Expected::Forbidden => Expected::Unseen,
                other => other,
            };
            let route = "/attachments/{id}/downloads";
            self.add(("GET", route, ""), VIEW_FILE, (target, None), read);
        }
    }
}
