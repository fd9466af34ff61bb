-- The schema of PostGraphile's tutorial (a forum), with a hundred people and six hundred posts.
CREATE SCHEMA forum_example;
CREATE TABLE forum_example.person (id serial PRIMARY KEY, first_name text NOT NULL, last_name text, about text, created_at timestamp DEFAULT now());
CREATE TYPE forum_example.post_topic AS ENUM ('discussion', 'inspiration', 'help', 'showcase');
CREATE TABLE forum_example.post (id serial PRIMARY KEY, author_id integer NOT NULL REFERENCES forum_example.person(id), headline text NOT NULL,
  body text, topic forum_example.post_topic, created_at timestamp DEFAULT now());
CREATE INDEX ON forum_example.post (author_id);
CREATE FUNCTION forum_example.person_full_name(person forum_example.person) RETURNS text AS $$
  SELECT person.first_name || ' ' || person.last_name $$ LANGUAGE sql STABLE;
CREATE FUNCTION forum_example.post_summary(post forum_example.post, length int DEFAULT 50, omission text DEFAULT '…') RETURNS text AS $$
  SELECT CASE WHEN post.body IS NULL THEN NULL ELSE substr(post.body, 0, length) || omission END $$ LANGUAGE sql STABLE;
CREATE FUNCTION forum_example.person_latest_post(person forum_example.person) RETURNS forum_example.post AS $$
  SELECT post.* FROM forum_example.post AS post WHERE post.author_id = person.id ORDER BY created_at DESC LIMIT 1 $$ LANGUAGE sql STABLE;
CREATE FUNCTION forum_example.search_posts(search text) RETURNS SETOF forum_example.post AS $$
  SELECT post.* FROM forum_example.post AS post WHERE position(search IN post.headline) > 0 OR position(search IN post.body) > 0 $$ LANGUAGE sql STABLE;
INSERT INTO forum_example.person (first_name, last_name, about) SELECT 'First' || n, 'Last' || n, 'About ' || n FROM generate_series(1, 100) n;
INSERT INTO forum_example.post (author_id, headline, body, topic)
  SELECT 1 + n * 7 % 100, 'Headline ' || n, repeat('Text ' || n || ' ', 20), (ARRAY['discussion', 'inspiration', 'help', 'showcase'])[1 + n % 4]::forum_example.post_topic
  FROM generate_series(1, 600) n;
