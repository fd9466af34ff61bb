-- 40 authors, 200 books with one to four of 12 tags, 600 reviews.
CREATE TABLE authors (id serial PRIMARY KEY, name text NOT NULL, country text NOT NULL);
CREATE TABLE books (id serial PRIMARY KEY, title text NOT NULL, pages int NOT NULL DEFAULT 100, author_id int NOT NULL REFERENCES authors ON DELETE CASCADE);
CREATE TABLE tags (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE book_tags (book_id int NOT NULL REFERENCES books ON DELETE CASCADE, tag_id int NOT NULL REFERENCES tags ON DELETE CASCADE, PRIMARY KEY (book_id, tag_id));
CREATE TABLE reviews (id serial PRIMARY KEY, book_id int NOT NULL REFERENCES books ON DELETE CASCADE, stars int NOT NULL, text text NOT NULL);
CREATE INDEX ON books (author_id);
CREATE INDEX ON reviews (book_id);
CREATE INDEX ON book_tags (tag_id);
INSERT INTO authors (name, country) SELECT 'Author ' || n, 'Country ' || n % 7 FROM generate_series(1, 40) n;
INSERT INTO books (title, pages, author_id) SELECT 'Book ' || n, 80 + n, 1 + n * 7 % 40 FROM generate_series(1, 200) n;
INSERT INTO tags (name) SELECT 'tag ' || n FROM generate_series(1, 12) n;
INSERT INTO book_tags SELECT n, 1 + (n * k * 5) % 12 FROM generate_series(1, 200) n, generate_series(1, 4) k ON CONFLICT DO NOTHING;
INSERT INTO reviews (book_id, stars, text) SELECT 1 + n * 13 % 200, 1 + n % 5, 'What I think of it' FROM generate_series(1, 600) n;
