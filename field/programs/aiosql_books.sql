-- name: get_books(count)
SELECT b.id, b.title, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id ORDER BY b.title LIMIT :count;
-- name: get_book(id)^
SELECT * FROM books WHERE id = :id;
-- name: get_reviews(book)
SELECT stars, text FROM reviews WHERE book_id = :book;
-- name: add_review(book, stars, text)<!
INSERT INTO reviews (book_id, stars, text) VALUES (:book, :stars, :text) RETURNING id;
-- name: add_tags(name)*!
INSERT INTO tags (name) VALUES (:name);
-- name: count_reviews()$
SELECT count(*) FROM reviews;
