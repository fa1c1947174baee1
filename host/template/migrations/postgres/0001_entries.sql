CREATE TABLE notes_entries (
    id UUID NOT NULL PRIMARY KEY,
    owner VARCHAR(128) COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    created_on TIMESTAMPTZ NOT NULL
);

CREATE INDEX notes_entries_by_owner ON notes_entries (owner, created_on, id);
