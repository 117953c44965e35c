-- The items of a planned chunk in one row: a chunk is read before every request, and a row for every item costs more
-- than their bytes do.

-- `position` is run.id * 2^40 + the sequence number of the first item. Rows are never changed.
CREATE TABLE item_block (
  position     INTEGER PRIMARY KEY,
  item_count   INTEGER NOT NULL CHECK (item_count > 0),
  -- Whether the array is what a request has, byte for byte.
  in_wire_form INTEGER NOT NULL CHECK (in_wire_form IN (0, 1)),
  -- XXH64 of the array with the position as its seed; NULL in rows that this step made.
  checksum     INTEGER,
  -- JSON array of the items' source texts as they came. The last column, since it is long.
  sources      TEXT NOT NULL
) STRICT;

-- Planned chunks have every item once. A run that died while it was planned is planned anew from nothing; items that
-- are in no chunk yet are left behind.
INSERT INTO item_block (position, item_count, in_wire_form, sources)
  SELECT position, (SELECT count(*) FROM item WHERE item.position >= planned.position AND item.position < planned.ending),
         0,
         (SELECT '[' || group_concat(source, ',') || ']' FROM
           (SELECT source FROM item WHERE item.position >= planned.position AND item.position < planned.ending
            ORDER BY item.position))
  FROM (SELECT (run << 40) + first_item AS position, (run << 40) + first_item + item_count AS ending
        FROM chunk WHERE parent IS NULL) AS planned
  WHERE EXISTS (SELECT 1 FROM item WHERE item.position >= planned.position AND item.position < planned.ending);

DROP TABLE item;
