// A library's API on Polka, its routes and middleware as its readme has them, on PostgreSQL: shelf_polka.js DATABASE-PORT PORT
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const polka = load('polka');
const { Pool } = load('pg');

const [database, port] = process.argv.slice(2);
const pool = new Pool({ connectionString: `postgres://field@127.0.0.1:${database}/field` });
const all = async (text, ...values) => (await pool.query(text, values)).rows;
const first = async (text, ...values) => (await all(text, ...values))[0];
const send = (response, body, status = 200) => {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(body ?? null));
};
const onError = (error, request, response) => send(response, { error: error.message }, error.code === '23503' ? 422 : 500);
const answer = handler => async (request, response, next) => {
  try { send(response, await handler(request)); } catch (error) { next(error); }
};

async function setTags(book, tags) {
  await pool.query('DELETE FROM book_tags WHERE book_id = $1', [book]);
  await pool.query('INSERT INTO book_tags SELECT $1, unnest($2::int[])', [book, tags]);
}

polka({ onError })
  .use(load('body-parser').json())
  .get('/books', answer(({ query }) => query.q
    ? all('SELECT * FROM books WHERE title ILIKE $1 ORDER BY title LIMIT 20', `%${query.q}%`)
    : all('SELECT b.*, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id ORDER BY b.title LIMIT 20 OFFSET $1', 20 * Number(query.page))))
  .get('/books/:id', async (request, response, next) => {
    try {
      const book = await first('SELECT * FROM books WHERE id = $1', request.params.id);
      if (!book) return send(response, { error: 'no such book' }, 404);
      const [author, tags, reviews] = await Promise.all([
        first('SELECT * FROM authors WHERE id = $1', book.author_id),
        all('SELECT t.* FROM tags t JOIN book_tags bt ON bt.tag_id = t.id WHERE bt.book_id = $1', book.id),
        all('SELECT stars, text FROM reviews WHERE book_id = $1', book.id),
      ]);
      send(response, { ...book, author, tags, reviews });
    } catch (error) {
      next(error);
    }
  })
  .post('/books', answer(async ({ body }) => {
    const book = await first('INSERT INTO books (title, author_id) VALUES ($1, $2) RETURNING *', body.title, body.author_id);
    await setTags(book.id, body.tags);
    return book;
  }))
  .put('/books/:id', answer(async ({ params, body }) => {
    await setTags(params.id, body.tags);
    return first('UPDATE books SET title = $2 WHERE id = $1 RETURNING *', params.id, body.title);
  }))
  .delete('/books/:id', answer(({ params }) => all('DELETE FROM books WHERE id = $1', params.id)))
  .post('/books/:id/reviews', answer(({ params, body }) => first('INSERT INTO reviews (book_id, stars, text) VALUES ($1, $2, $3) RETURNING *', params.id, body.stars, body.text)))
  .get('/authors', answer(({ query }) => all('SELECT a.*, count(b.id) AS books FROM authors a LEFT JOIN books b ON b.author_id = a.id GROUP BY a.id ORDER BY a.name LIMIT 15 OFFSET $1', 15 * Number(query.page))))
  .get('/authors/:id', answer(async ({ params }) => {
    const author = await first('SELECT * FROM authors WHERE id = $1', params.id);
    author.books = await all('SELECT * FROM books WHERE author_id = $1', params.id);
    for (const book of author.books) {
      book.stars = (await first('SELECT round(avg(stars), 1) AS stars FROM reviews WHERE book_id = $1', book.id)).stars;
    }
    return author;
  }))
  .get('/tags', answer(() => all('SELECT t.*, count(*) AS books FROM tags t JOIN book_tags bt ON bt.tag_id = t.id GROUP BY t.id')))
  .get('/tags/:id', answer(({ params }) => all('SELECT b.* FROM books b JOIN book_tags bt ON bt.book_id = b.id WHERE bt.tag_id = $1', params.id)))
  .get('/popular', answer(() => all('SELECT b.id, b.title, avg(r.stars) AS stars FROM books b JOIN reviews r ON r.book_id = b.id GROUP BY b.id ORDER BY stars DESC LIMIT 10')))
  .listen(Number(port), '127.0.0.1');
