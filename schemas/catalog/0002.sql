-- The catalog's metadata, version 2: models, runs with their predictions, evaluations.

-- A model is of no entry: whoever owns it names it in runs on any entry.
CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,         -- the public id, as an entry's
    owner INTEGER NOT NULL REFERENCES user (id),
    reference TEXT NOT NULL,           -- the owner's own name for it
    name TEXT NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}', -- JSON
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    UNIQUE (owner, reference)
);

-- Predictions of one model for the samples of one version.
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    entry INTEGER NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,          -- stays as long as the run does
    release INTEGER,                   -- where one was asked for
    model INTEGER NOT NULL REFERENCES model (id),
    owner INTEGER NOT NULL REFERENCES user (id), -- who made it
    name TEXT NOT NULL,
    grp TEXT,                          -- NULL: samples of all groups
    metadata TEXT NOT NULL DEFAULT '{}', -- JSON
    state INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2)), -- open, being committed, committed
    created INTEGER NOT NULL,
    committed INTEGER,
    samples INTEGER NOT NULL,          -- that there are to predict
    predicted INTEGER NOT NULL DEFAULT 0,   -- of them
    predictions INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,       -- that count for the owner's quota
    blob INTEGER REFERENCES blob (id),      -- the run's file, when it is committed
    file_digest TEXT,                       -- its SHA-256
    content_digest TEXT,                    -- what the file says its content is
    UNIQUE (entry, owner, name),
    FOREIGN KEY (entry, version) REFERENCES version (entry, number)
);
CREATE INDEX run_entry ON run (entry, id);
CREATE INDEX run_model ON run (model);
CREATE INDEX run_owner ON run (owner);
CREATE INDEX run_version ON run (entry, version);
CREATE INDEX run_blob ON run (blob);
CREATE INDEX run_state ON run (state) WHERE state = 1;

-- Samples that the model has predicted, with something found in them or not.
CREATE TABLE run_sample (
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    sample INTEGER NOT NULL,           -- sample.id, of the run's version
    PRIMARY KEY (run, sample)
) WITHOUT ROWID;

CREATE TABLE prediction (
    id INTEGER PRIMARY KEY,            -- rises in the order in which they came
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    sample INTEGER NOT NULL,
    name TEXT NOT NULL,                -- the annotation's id, unique in its sample
    document TEXT NOT NULL,            -- JSON
    UNIQUE (run, sample, name)
);
CREATE INDEX prediction_run ON prediction (run); -- with the id behind it

-- What is committed stays, whoever asks. Rows go with their run, which is gone by then.
CREATE TRIGGER run_stays BEFORE UPDATE ON run WHEN OLD.state = 2
BEGIN
    SELECT raise(ABORT, 'the run is committed');
END;
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

-- The scores of a run, as jobs. Those that ran when the server ended are pending again.
CREATE TABLE evaluation (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    run INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    owner INTEGER NOT NULL REFERENCES user (id), -- who asked first
    parameters TEXT NOT NULL,          -- canonical JSON
    state INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2, 3)), -- pending, running, done, failed
    attempts INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',  -- of a failure
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    document TEXT,                     -- JSON, when it is done
    UNIQUE (run, parameters)
);
CREATE INDEX evaluation_state ON evaluation (state, id);
CREATE INDEX evaluation_owner ON evaluation (owner, state);

CREATE TABLE evaluation_metric (
    evaluation INTEGER NOT NULL REFERENCES evaluation (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (evaluation, name)
) WITHOUT ROWID;
CREATE INDEX evaluation_metric_name ON evaluation_metric (name, value, evaluation);

CREATE TRIGGER evaluation_stays BEFORE UPDATE ON evaluation WHEN OLD.state = 2
BEGIN
    SELECT raise(ABORT, 'the evaluation is done');
END;
