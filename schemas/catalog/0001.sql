-- The catalog's metadata, version 1. Run once, in one transaction, by whoever opens an older
-- database; what was run is recorded with its checksum. Times are microseconds since 1970 (UTC),
-- flags 0 or 1, JSON is text, digests are lower-case hex unless a column says blob.

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- People ------------------------------------------------------------------------------------------

CREATE TABLE user (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    disabled INTEGER NOT NULL DEFAULT 0,
    scopes INTEGER NOT NULL DEFAULT 7, -- what its tokens may have at most
    quota_bytes INTEGER,               -- NULL: no limit
    quota_entries INTEGER,
    quota_uploads INTEGER              -- uploads that are open at one time
);

CREATE TABLE token (
    id INTEGER PRIMARY KEY,
    user INTEGER NOT NULL REFERENCES user (id),
    prefix TEXT NOT NULL UNIQUE,       -- the public part: vt_<prefix>_...
    hash BLOB NOT NULL UNIQUE,         -- SHA-256 of the whole token, which is nowhere
    scopes INTEGER NOT NULL,           -- 1 read, 2 write, 4 publish, 8 admin
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER,
    last_used INTEGER,                 -- to a few minutes
    note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX token_user ON token (user);

-- Entries -----------------------------------------------------------------------------------------

CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,         -- the public id: 16 of a-z and 2-7, at random
    owner INTEGER NOT NULL REFERENCES user (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    license TEXT NOT NULL DEFAULT '',
    public INTEGER NOT NULL DEFAULT 0,
    published INTEGER,                 -- when it last became public
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    revision INTEGER NOT NULL DEFAULT 1,
    deleted INTEGER,                   -- in the bin since then
    expires INTEGER,                   -- and gone after that
    head INTEGER,                      -- number of the current version; NULL: nothing saved yet
    -- What follows is of the head, taken from its store.
    info TEXT,                         -- JSON
    west REAL, south REAL, east REAL, north REAL,
    start_time INTEGER, end_time INTEGER,
    samples INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    dtype TEXT,
    bands INTEGER, rows INTEGER, cols INTEGER,
    tasks TEXT                         -- names with commas
);
CREATE INDEX entry_owner ON entry (owner, updated);
CREATE INDEX entry_updated ON entry (updated, id);
CREATE INDEX entry_created ON entry (created, id);
CREATE INDEX entry_name ON entry (name, id);
CREATE INDEX entry_public ON entry (public, updated);
CREATE INDEX entry_seen ON entry (id, public, owner, deleted, head); -- who sees what, without the rows
CREATE INDEX entry_expires ON entry (expires) WHERE expires IS NOT NULL;

CREATE TABLE entry_tag (
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    PRIMARY KEY (entry, tag)
) WITHOUT ROWID;
CREATE INDEX entry_tag_tag ON entry_tag (tag);

CREATE TABLE entry_class (
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (entry, position)
) WITHOUT ROWID;
CREATE INDEX entry_class_name ON entry_class (name);

CREATE TABLE entry_sensor (
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    PRIMARY KEY (entry, name)
) WITHOUT ROWID;
CREATE INDEX entry_sensor_name ON entry_sensor (name);

CREATE TABLE entry_task (
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    task TEXT NOT NULL,
    PRIMARY KEY (entry, task)
) WITHOUT ROWID;
CREATE INDEX entry_task_task ON entry_task (task);

CREATE TABLE entry_share (
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    user INTEGER NOT NULL REFERENCES user (id),
    access INTEGER NOT NULL CHECK (access IN (1, 2)),  -- 1 read, 2 write
    PRIMARY KEY (entry, user)
) WITHOUT ROWID;
CREATE INDEX entry_share_user ON entry_share (user);

-- A box that crosses the antimeridian is two rows: id is twice the entry's, or one more.
CREATE VIRTUAL TABLE entry_box USING rtree (id, west, east, south, north);
CREATE VIRTUAL TABLE entry_text USING fts5 (name, words, tokenize = 'unicode61 remove_diacritics 2');

-- Versions: what was saved ------------------------------------------------------------------------

CREATE TABLE version (
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,              -- of size, block size and block list
    size INTEGER NOT NULL,
    block_size INTEGER NOT NULL,
    blocks BLOB NOT NULL,              -- 32 bytes each
    created INTEGER NOT NULL,
    creator INTEGER NOT NULL REFERENCES user (id),
    parent TEXT,                       -- digest of the version that it followed
    info TEXT NOT NULL,                -- JSON
    samples INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (entry, number)
);

CREATE TABLE release (
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL DEFAULT '',
    notes TEXT NOT NULL DEFAULT '',
    created INTEGER NOT NULL,
    creator INTEGER NOT NULL REFERENCES user (id),
    PRIMARY KEY (entry, number),
    FOREIGN KEY (entry, version) REFERENCES version (entry, number)
) WITHOUT ROWID;

CREATE TABLE blob (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,         -- 32 hex digits, at random
    size INTEGER NOT NULL,
    created INTEGER NOT NULL
);

-- Blocks first_block ... first_block + count - 1 of a version lie in a blob from blob_offset.
CREATE TABLE segment (
    entry INTEGER NOT NULL,
    version INTEGER NOT NULL,
    first_block INTEGER NOT NULL,
    count INTEGER NOT NULL,
    blob INTEGER NOT NULL REFERENCES blob (id),
    blob_offset INTEGER NOT NULL,
    PRIMARY KEY (entry, version, first_block),
    FOREIGN KEY (entry, version) REFERENCES version (entry, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX segment_blob ON segment (blob);

CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    user INTEGER NOT NULL REFERENCES user (id),
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    size INTEGER NOT NULL,             -- of the whole store
    block_size INTEGER NOT NULL,
    blocks BLOB NOT NULL,
    received BLOB NOT NULL,            -- a bit a block: is it there, from wherever
    boot TEXT NOT NULL DEFAULT '',     -- the system's start in which these bits were true
    blob INTEGER REFERENCES blob (id), -- what is sent; NULL: nothing is missing, or committed
    state INTEGER NOT NULL DEFAULT 0,  -- 0 open, 1 committed
    version INTEGER,                   -- when committed
    reserved INTEGER NOT NULL DEFAULT 0 -- bytes that count for the user's quota meanwhile
);
CREATE INDEX upload_entry ON upload (entry);
CREATE INDEX upload_user ON upload (user, state);
CREATE INDEX upload_expires ON upload (expires);
CREATE INDEX upload_blob ON upload (blob);

-- Where the blocks of an open upload lie or will lie: the segments of the coming version.
CREATE TABLE upload_segment (
    upload TEXT NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    first_block INTEGER NOT NULL,
    count INTEGER NOT NULL,
    blob INTEGER NOT NULL REFERENCES blob (id),
    blob_offset INTEGER NOT NULL,
    PRIMARY KEY (upload, first_block)
) WITHOUT ROWID;
CREATE INDEX upload_segment_blob ON upload_segment (blob);

-- Samples -----------------------------------------------------------------------------------------

-- Those of version v: since <= v AND (until IS NULL OR until > v).
CREATE TABLE sample (
    id INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    grp TEXT NOT NULL,
    position INTEGER NOT NULL,         -- in its group
    since INTEGER NOT NULL,
    until INTEGER,
    digest INTEGER NOT NULL DEFAULT 0, -- the same for samples that are the same
    west REAL, south REAL, east REAL, north REAL,
    footprint BLOB,                    -- corners as doubles, longitude, latitude, ...; NULL: the box
    time INTEGER,
    scene TEXT NOT NULL DEFAULT '',    -- its URI
    crs TEXT NOT NULL DEFAULT '',      -- "EPSG:32633"; "" when it has no number
    crs_index INTEGER NOT NULL DEFAULT 0, -- in the version's info
    geotransform BLOB,                 -- 6 doubles, little-endian; NULL: none
    col INTEGER, row INTEGER, cols INTEGER, rows INTEGER,  -- the window
    boxes INTEGER NOT NULL DEFAULT 0,
    classes TEXT NOT NULL DEFAULT '{}', -- JSON: objects by class
    image_crc INTEGER NOT NULL,
    label_crc INTEGER NOT NULL,
    valid_fraction REAL,
    metadata TEXT,                     -- JSON; NULL: too long to be kept here
    places BLOB NOT NULL DEFAULT x''  -- where its arrays lie in the store: 16 bytes each, u64
                                       -- address, u32 size, u32 array, little-endian
);
CREATE INDEX sample_entry ON sample (entry, id, since, until);
CREATE INDEX sample_key ON sample (key, entry, since, until);
CREATE INDEX sample_group ON sample (entry, grp, position, since);
-- Samples without a time come before all others; src/server/query/queryables.c has the same.
CREATE INDEX sample_time ON sample (coalesce(time, -99999999999999999), id);
CREATE INDEX sample_entry_time ON sample (entry, coalesce(time, -99999999999999999), id);

CREATE TABLE sample_class (
    sample INTEGER NOT NULL REFERENCES sample (id) ON DELETE CASCADE,
    class TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (sample, class)
) WITHOUT ROWID;
CREATE INDEX sample_class_class ON sample_class (class, sample);

CREATE VIRTUAL TABLE sample_box USING rtree (id, west, east, south, north);

-- What was done: rows are only ever added, and each has the hash of the one before it. -------------

CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    user TEXT NOT NULL,                -- a name; '' for nobody, '-' for the machine's own operator
    token TEXT NOT NULL,               -- prefix of the token
    action TEXT NOT NULL,
    entry TEXT NOT NULL,               -- slug, or ''
    detail TEXT NOT NULL,              -- JSON
    result INTEGER NOT NULL,           -- HTTP code
    previous TEXT NOT NULL,            -- hash of the row before; '' of the first
    hash TEXT NOT NULL
);

CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN
    SELECT raise(ABORT, 'the audit log is only ever added to');
END;
CREATE TRIGGER audit_all_stays BEFORE DELETE ON audit
BEGIN
    SELECT raise(ABORT, 'the audit log is only ever added to');
END;
