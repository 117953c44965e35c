-- The items of a planned chunk in one row: a chunk is read before every request, and a row for every item costs more
-- than their bytes do.

-- `position` is run.id * 2^40 + the sequence number of the first item. Rows are never changed.
CREATE TABLE item_block (
  position     INTEGER PRIMARY KEY,
  item_count   INTEGER NOT NULL CHECK (item_count > 0),
  -- Whether the array is what a request has, byte for byte.
  in_wire_form INTEGER NOT NULL CHECK (in_wire_form IN (0, 1)),
  -- XXH64 of the array; its seed is the position, complemented for an array in wire form. NULL in rows that this step
  -- made.
  checksum     INTEGER,
  -- JSON array of the items' source texts as they came. The last column, since it is long.
  sources      TEXT NOT NULL
) STRICT;

-- Planned chunks have every item once. A run that died while it was planned is planned anew from nothing; items that
-- are in no chunk yet are left behind.
CREATE TABLE item_part (
  position INTEGER PRIMARY KEY,
  ending   INTEGER NOT NULL,
  found    INTEGER NOT NULL
) STRICT;

WITH RECURSIVE part (position, ending, last) AS (
  SELECT (run << 40) + first_item, (run << 40) + first_item + min(item_count, 256), (run << 40) + first_item + item_count
    FROM chunk WHERE parent IS NULL
  UNION ALL
  SELECT ending, min(ending + 256, last), last FROM part WHERE ending < last)
INSERT INTO item_part (position, ending, found)
  SELECT position, ending, (SELECT count(*) FROM item WHERE item.position >= part.position AND item.position < part.ending)
    FROM part;

INSERT INTO item_block (position, item_count, in_wire_form, sources)
  SELECT position, found, 0,
         (SELECT '[' || group_concat(source, ',') || ']' FROM
           (SELECT source FROM item WHERE item.position >= item_part.position AND item.position < item_part.ending
            ORDER BY item.position))
  FROM item_part WHERE found = ending - position;

-- Where items are missing, those behind them keep their numbers.
INSERT INTO item_block (position, item_count, in_wire_form, sources)
  SELECT item.position, 1, 0, '[' || source || ']'
  FROM item_part JOIN item ON item.position >= item_part.position AND item.position < item_part.ending
  WHERE found <> ending - item_part.position;

DROP TABLE item_part;
DROP TABLE item;
