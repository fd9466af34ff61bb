-- 30 people, 60 authors, 300 books, 500 reviews.
CREATE TABLE people (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE authors (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE books (id serial PRIMARY KEY, title text NOT NULL, pages int NOT NULL, author_id int NOT NULL REFERENCES authors);
CREATE TABLE reviews (id serial PRIMARY KEY, book_id int NOT NULL REFERENCES books ON DELETE CASCADE, person_id int NOT NULL REFERENCES people, stars int NOT NULL, text text NOT NULL);
INSERT INTO people (name) SELECT 'person' || n FROM generate_series(1, 30) n;
INSERT INTO authors (name) SELECT 'Author ' || n FROM generate_series(1, 60) n;
INSERT INTO books (title, pages, author_id) SELECT 'Book ' || n, 80 + n, 1 + n * 7 % 60 FROM generate_series(1, 300) n;
INSERT INTO reviews (book_id, person_id, stars, text) SELECT 1 + n * 13 % 300, 1 + n % 30, 1 + n % 5, 'What I think' FROM generate_series(1, 500) n;
