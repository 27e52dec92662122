-- The catalog's metadata, version 4: annotations on samples of entries, in named sets.

-- A set is of an entry, not of a version: samples are known by their keys, and what is annotated
-- stays when a version comes that has the sample no more, or again.
CREATE TABLE annotation_set (
    id INTEGER PRIMARY KEY,
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0, -- one more with every change
    samples INTEGER NOT NULL DEFAULT 0,  -- that are annotated, if only with nothing
    annotations INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,    -- that count for the quota of the entry's owner
    UNIQUE (entry, name)
);

-- As of a run, rows refer to no set, which is gone at once while they go with the housekeeping.
CREATE TABLE annotated_sample (
    annotation_set INTEGER NOT NULL,   -- annotation_set.id
    sample TEXT NOT NULL,              -- its key
    PRIMARY KEY (annotation_set, sample)
) WITHOUT ROWID;

CREATE TABLE annotation (
    id INTEGER PRIMARY KEY,            -- rises in the order in which they came
    annotation_set INTEGER NOT NULL,
    sample TEXT NOT NULL,              -- its key
    name TEXT NOT NULL,                -- the annotation's id, unique on its sample
    type TEXT NOT NULL,                -- box, polygon, ...
    class TEXT,                        -- the value of the key "class", where it has one
    document TEXT NOT NULL,            -- JSON
    UNIQUE (annotation_set, sample, name)
);
CREATE INDEX annotation_in_set ON annotation (annotation_set); -- with the id behind it
CREATE INDEX annotation_class ON annotation (annotation_set, class);

CREATE TABLE annotation_set_gone (
    annotation_set INTEGER PRIMARY KEY
);
CREATE TRIGGER annotation_set_removed AFTER DELETE ON annotation_set
BEGIN
    INSERT INTO annotation_set_gone (annotation_set) VALUES (OLD.id);
END;
