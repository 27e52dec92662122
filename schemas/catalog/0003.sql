-- The catalog's metadata, version 3: class rasters of runs, and runs that are removed piece by piece.

ALTER TABLE run ADD COLUMN rasters INTEGER NOT NULL DEFAULT 0;

-- The class raster of a sample: 0 background, class id + 1, and the highest value for "not predicted".
CREATE TABLE run_raster (
    run INTEGER NOT NULL,              -- as of a prediction
    sample INTEGER NOT NULL,
    height INTEGER NOT NULL,           -- pixels, those of the version's tiles
    width INTEGER NOT NULL,
    bits INTEGER NOT NULL CHECK (bits IN (8, 16)),
    pixels BLOB NOT NULL,              -- row by row, little-endian, as a store's LZ4 chunk
    PRIMARY KEY (run, sample)
);
CREATE TRIGGER run_raster_added BEFORE INSERT ON run_raster
WHEN (SELECT state FROM run WHERE id = NEW.run) <> 0
BEGIN
    SELECT raise(ABORT, 'the run is committed');
END;
CREATE TRIGGER run_raster_changed BEFORE UPDATE ON run_raster
WHEN (SELECT state FROM run WHERE id = OLD.run) <> 0 OR NEW.run <> OLD.run
BEGIN
    SELECT raise(ABORT, 'the run is committed');
END;
CREATE TRIGGER run_raster_removed BEFORE DELETE ON run_raster
WHEN (SELECT state FROM run WHERE id = OLD.run) <> 0
BEGIN
    SELECT raise(ABORT, 'the run is committed');
END;

-- A run is gone at once, and what it had with the next housekeeping: millions of rows in one
-- transaction would hold everybody else. So these tables do not refer to the run any more, and no new
-- run has the number of one of these.
CREATE TABLE run_gone (
    run INTEGER PRIMARY KEY
);
CREATE TRIGGER run_removed AFTER DELETE ON run
BEGIN
    INSERT INTO run_gone (run) VALUES (OLD.id);
END;

CREATE TABLE run_sample_free (
    run INTEGER NOT NULL,              -- run.id
    sample INTEGER NOT NULL,           -- sample.id, of the run's version
    PRIMARY KEY (run, sample)
) WITHOUT ROWID;
INSERT INTO run_sample_free (run, sample) SELECT run, sample FROM run_sample;
DROP TABLE run_sample;
ALTER TABLE run_sample_free RENAME TO run_sample;

CREATE TABLE prediction_free (
    id INTEGER PRIMARY KEY,            -- rises in the order in which they came
    run INTEGER NOT NULL,              -- run.id
    sample INTEGER NOT NULL,
    name TEXT NOT NULL,                -- the annotation's id, unique in its sample
    document TEXT NOT NULL,            -- JSON
    UNIQUE (run, sample, name)
);
INSERT INTO prediction_free (id, run, sample, name, document)
SELECT id, run, sample, name, document FROM prediction;
DROP TABLE prediction;
ALTER TABLE prediction_free RENAME TO prediction;
CREATE INDEX prediction_run ON prediction (run); -- with the id behind it

-- As before.
CREATE TRIGGER run_sample_added BEFORE INSERT ON run_sample
WHEN (SELECT state FROM run WHERE id = NEW.run) <> 0
BEGIN
    SELECT raise(ABORT, 'the run is committed');
END;
CREATE TRIGGER run_sample_changed BEFORE UPDATE ON run_sample
BEGIN
    SELECT raise(ABORT, 'a run''s samples are added or removed');
END;
CREATE TRIGGER run_sample_removed BEFORE DELETE ON run_sample
WHEN (SELECT state FROM run WHERE id = OLD.run) <> 0
BEGIN
    SELECT raise(ABORT, 'the run is committed');
END;
CREATE TRIGGER prediction_added BEFORE INSERT ON prediction
WHEN (SELECT state FROM run WHERE id = NEW.run) <> 0
BEGIN
    SELECT raise(ABORT, 'the run is committed');
END;
CREATE TRIGGER prediction_changed BEFORE UPDATE ON prediction
WHEN (SELECT state FROM run WHERE id = OLD.run) <> 0 OR NEW.run <> OLD.run
BEGIN
    SELECT raise(ABORT, 'the run is committed');
END;
CREATE TRIGGER prediction_removed BEFORE DELETE ON prediction
WHEN (SELECT state FROM run WHERE id = OLD.run) <> 0
BEGIN
    SELECT raise(ABORT, 'the run is committed');
END;
