-- When the URL stops working that the service was given to fetch a video from: an asset that fails after that is made again. The URL
-- itself is never stored. NULL for other steps, where there is no such end, and for attempts that are older than this column.
ALTER TABLE attempt ADD COLUMN url_ends_at INTEGER;
