-- Catalogs hold many items of one text, which have one vector: the index of an
-- embedding space is over the different vectors. A graph over thousands of
-- equal ones falls apart into islands that a search does not leave.

-- +goose Up

-- A hash of the vector, by which items find their point; NULL: not worked out
-- yet, for rows from before this column.
ALTER TABLE embeddings ADD COLUMN point bigint;

-- Whether points of the space are kept: from when it was first indexed.
ALTER TABLE spaces ADD COLUMN indexed boolean NOT NULL DEFAULT false;

CREATE TABLE points (
    space  integer NOT NULL,
    point  bigint NOT NULL,
    vector vector NOT NULL,
    PRIMARY KEY (space, point)
);
ALTER TABLE points ALTER COLUMN vector SET STORAGE EXTERNAL;
ALTER TABLE points SET (toast_tuple_target = 8160);
