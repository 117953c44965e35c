-- When the URL stops working that the service was given to fetch a video from. The URL itself is never stored.
ALTER TABLE attempt ADD COLUMN url_ends_at bigint;
ALTER TABLE late_word ADD COLUMN url_ends_at bigint;
