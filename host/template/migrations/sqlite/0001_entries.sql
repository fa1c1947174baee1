CREATE TABLE notes_entries (
    id BLOB NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    body TEXT NOT NULL,
    created_on INTEGER NOT NULL
);

CREATE INDEX notes_entries_by_owner ON notes_entries (owner, created_on, id);
