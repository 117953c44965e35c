-- The items of a row are kept as they are sent. How they were written is kept beside them, for those who want them back
-- as they came: white space takes no part in sending.

-- NULL where the items are written as the array has them: in rows that older formats made, too.
ALTER TABLE item_block ADD COLUMN layouts BLOB;
