//! Files.

use serde_json::{Value as Json, json};

use super::{
    Asks, CREATE_FILE, DELETE_FILE, Expected, FILE_RELATIONS, UPDATE_FILE, VIEW_FILE, including,
};
use crate::matrix::rules::{FILE, LOOSE_FILE, MESSAGE};

impl Asks<'_> {
    pub(super) fn files(&mut self) {
        const ALL: &str = "/attach-files";
        const ONE: &str = "/attach-files/{id}";
        let facts = self.facts;
        let message = facts.message(MESSAGE).unwrap();
        let (sees, may) = (facts.sees(message), facts.may_change(message));
        let loose = json!({"fileKey": "new"});
        let made = Expected::Created(vec!["chat_files"]);
        self.add(
            ("POST", ALL, ""),
            CREATE_FILE,
            ("", Some(loose.clone())),
            made.clone(),
        );
        let attached = json!({"fileKey": "new", "messageId": self.named(MESSAGE)});
        let made = self.gate_in_body(sees, may, made);
        self.add(
            ("POST", ALL, ""),
            CREATE_FILE,
            (MESSAGE, Some(attached.clone())),
            made,
        );
        let both = Expected::Created(vec!["chat_files", "chat_files"]);
        let path = "/attach-files/bulk";
        let bulk = |file: &Json| Some(json!({"attachmentFiles": [loose, file]}));
        self.add(
            ("POST", path, ""),
            CREATE_FILE,
            ("", bulk(&loose)),
            both.clone(),
        );
        let both = self.gate_in_body(sees, may, both);
        self.add(
            ("POST", path, ""),
            CREATE_FILE,
            (MESSAGE, bulk(&attached)),
            both,
        );

        let visible = self.visible_files();
        for query in [String::new(), including(FILE_RELATIONS)] {
            let list = Expected::List(visible.clone());
            self.add(("GET", ALL, &query), VIEW_FILE, ("", None), list);
        }
        let count = Expected::Count(visible.len());
        self.add(
            ("GET", "/attach-files/count", ""),
            VIEW_FILE,
            ("", None),
            count,
        );
        let changeable = facts.files.iter().filter(|it| facts.may_change_file(it));
        let changed = Expected::ChangedAll(changeable.map(|it| it.id).collect());
        let change = Some(json!({"fileKey": "other"}));
        self.add(
            ("PATCH", ALL, ""),
            UPDATE_FILE,
            ("", change.clone()),
            changed,
        );

        for (target, file) in [FILE, LOOSE_FILE].into_iter().zip(&facts.files) {
            let (sees, may) = (facts.sees_file(file), facts.may_change_file(file));
            let found = self.gate(sees, true, Expected::Found(target));
            for query in [String::new(), including(FILE_RELATIONS)] {
                let found = found.clone();
                self.add(("GET", ONE, &query), VIEW_FILE, (target, None), found);
            }
            let changed = self.gate(sees, may, Expected::Changed(target));
            self.add(
                ("PATCH", ONE, ""),
                UPDATE_FILE,
                (target, change.clone()),
                changed.clone(),
            );
            self.add(
                ("PUT", ONE, ""),
                UPDATE_FILE,
                (target, change.clone()),
                changed.clone(),
            );
            self.add(("DELETE", ONE, ""), DELETE_FILE, (target, None), changed);
        }
    }
}
