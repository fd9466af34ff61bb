// A library's API in middleware of Connect, on PostgreSQL: shelf_connect.js DATABASE-PORT PORT
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const connect = load('connect');
const { Pool } = load('pg');

const [database, port] = process.argv.slice(2);
const pool = new Pool({ connectionString: `postgres://field@127.0.0.1:${database}/field` });
const rows = async (text, values) => (await pool.query(text, values)).rows;

const one = async id => {
  const [book] = await rows('SELECT * FROM books WHERE id = $1', [id]);
  if (!book) throw Object.assign(new Error('no such book'), { status: 404 });
  [book.author] = await rows('SELECT * FROM authors WHERE id = $1', [book.author_id]);
  book.tags = await rows('SELECT t.* FROM tags t JOIN book_tags bt ON bt.tag_id = t.id WHERE bt.book_id = $1', [id]);
  book.reviews = await rows('SELECT stars, text FROM reviews WHERE book_id = $1 ORDER BY id', [id]);
  return book;
};

async function books(request) {
  const [, id, part] = request.path.split('/');
  if (request.method === 'GET' && id) return one(id);
  if (request.method === 'GET' && request.query.get('q')) return rows('SELECT * FROM books WHERE title ILIKE $1 ORDER BY title LIMIT 20', [`%${request.query.get('q')}%`]);
  if (request.method === 'GET') return rows('SELECT b.*, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id ORDER BY title LIMIT 20 OFFSET $1', [20 * Number(request.query.get('page'))]);
  if (part === 'reviews') return (await rows('INSERT INTO reviews (book_id, stars, text) VALUES ($1, $2, $3) RETURNING *', [id, request.body.stars, request.body.text]))[0];
  if (request.method === 'DELETE') return rows('DELETE FROM books WHERE id = $1', [id]);
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { title, author_id, tags } = request.body;
    const saved = id
      ? await client.query('UPDATE books SET title = $2 WHERE id = $1 RETURNING *', [id, title])
      : await client.query('INSERT INTO books (title, author_id) VALUES ($1, $2) RETURNING *', [title, author_id]);
    const book = saved.rows[0];
    await client.query('DELETE FROM book_tags WHERE book_id = $1', [book.id]);
    for (const tag of tags) await client.query('INSERT INTO book_tags VALUES ($1, $2)', [book.id, tag]);
    await client.query('COMMIT');
    return book;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

async function authors(request) {
  const [, id] = request.path.split('/');
  if (!id) return rows('SELECT a.*, count(b.id) AS books FROM authors a LEFT JOIN books b ON b.author_id = a.id GROUP BY a.id ORDER BY a.name LIMIT 15 OFFSET $1', [15 * Number(request.query.get('page'))]);
  const [author] = await rows('SELECT * FROM authors WHERE id = $1', [id]);
  return { ...author, books: await rows('SELECT * FROM books WHERE author_id = $1 ORDER BY title', [id]) };
}

async function tags(request) {
  const [, id] = request.path.split('/');
  if (!id) return rows('SELECT t.*, count(bt.book_id) AS books FROM tags t LEFT JOIN book_tags bt ON bt.tag_id = t.id GROUP BY t.id');
  return rows('SELECT b.* FROM books b JOIN book_tags bt ON bt.book_id = b.id WHERE bt.tag_id = $1', [id]);
}

const popular = () => rows('SELECT b.id, b.title, avg(r.stars) AS stars FROM books b JOIN reviews r ON r.book_id = b.id GROUP BY b.id ORDER BY stars DESC LIMIT 10');
const answer = handler => (request, response, next) => {
  const url = new URL(request.url, 'http://shelf');
  request.path = url.pathname;
  request.query = url.searchParams;
  handler(request).then(found => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(found ?? null));
  }).catch(next);
};

const app = connect();
app.use(load('body-parser').json());
app.use('/books', answer(books));
app.use('/authors', answer(authors));
app.use('/tags', answer(tags));
app.use('/popular', answer(popular));
app.use((error, request, response, next) => {
  response.statusCode = error.status || 500;
  response.end(error.message);
});
app.listen(Number(port), '127.0.0.1');
