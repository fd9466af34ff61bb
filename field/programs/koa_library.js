// A library of 300 books with Koa: its router, body parser, sessions, views and static files, on PostgreSQL: koa_library.js DATABASE-URL PORT
const path = require('path');
const fs = require('fs');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const whole = module => module.default ?? module;
const Koa = whole(load('koa'));
const Router = whole(load('@koa/router'));
const parse = whole(load('koa-bodyparser'));
const session = whole(load('koa-session'));
const { Pool } = load('pg');

const [url, port] = process.argv.slice(2);
const pool = new Pool({ connectionString: url });
const one = async (text, values) => (await pool.query(text, values)).rows[0];
const all = async (text, values) => (await pool.query(text, values)).rows;

const app = new Koa();
app.keys = ['a secret of at least thirty-two letters'];
app.use(async (ctx, next) => {
  try { await next(); } catch (error) { ctx.status = error.status ?? 500; ctx.body = { error: error.message }; }
});
app.use(session(app.createContext ? {} : {}, app));
app.use(parse());

const router = new Router();
router.get('/', ctx => { ctx.body = '<title>A library</title><h1>A library</h1>'; });
router.post('/login', async ctx => {
  const person = await one('SELECT id, name FROM people WHERE name = $1', [ctx.request.body.name]);
  if (!person) ctx.throw(401, 'who is that?');
  ctx.session.person = person.id;
  ctx.body = { name: person.name };
});
router.get('/book/:id', async ctx => {
  const book = await one('SELECT b.*, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id WHERE b.id = $1', [ctx.params.id]);
  const reviews = await all('SELECT r.stars, r.text, p.name FROM reviews r JOIN people p ON p.id = r.person_id WHERE r.book_id = $1', [ctx.params.id]);
  ctx.body = `<title>${book.title}</title><h1>${book.title}</h1><p>${book.author}</p>` + reviews.map(it => `<p>${it.name}: ${it.stars}</p>`).join('');
});
router.get('/api/books', async ctx => {
  ctx.body = ctx.query.q
    ? await all('SELECT * FROM books WHERE title ILIKE $1 ORDER BY title LIMIT 20', [`%${ctx.query.q}%`])
    : await all('SELECT b.*, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id ORDER BY b.id LIMIT 20 OFFSET $1', [20 * Number(ctx.query.page ?? 0)]);
});
router.get('/api/books/:id', async ctx => {
  const book = await one('SELECT * FROM books WHERE id = $1', [ctx.params.id]);
  if (!book) ctx.throw(404, 'no such book');
  ctx.body = book;
});
router.get('/api/authors/:id', async ctx => {
  const author = await one('SELECT * FROM authors WHERE id = $1', [ctx.params.id]);
  ctx.body = { ...author, books: await all('SELECT id, title FROM books WHERE author_id = $1', [ctx.params.id]) };
});
router.get('/api/popular', async ctx => {
  ctx.body = await all('SELECT b.id, b.title, avg(r.stars) AS stars FROM books b JOIN reviews r ON r.book_id = b.id GROUP BY b.id ORDER BY stars DESC LIMIT 10');
});
router.post('/api/books/:id/reviews', async ctx => {
  if (!ctx.session.person) ctx.throw(401, 'log in first');
  const { stars, text } = ctx.request.body;
  ctx.body = await one('INSERT INTO reviews (book_id, person_id, stars, text) VALUES ($1, $2, $3, $4) RETURNING id', [ctx.params.id, ctx.session.person, stars, text]);
});
router.post('/api/books', async ctx => {
  const { title, pages, author_id } = ctx.request.body;
  ctx.body = await one('INSERT INTO books (title, pages, author_id) VALUES ($1, $2, $3) RETURNING *', [title, pages, author_id]);
});
router.put('/api/books/:id', async ctx => {
  ctx.body = await one('UPDATE books SET title = $2, pages = $3 WHERE id = $1 RETURNING *', [ctx.params.id, ctx.request.body.title, ctx.request.body.pages]);
});
router.delete('/api/books/:id', async ctx => {
  await pool.query('DELETE FROM books WHERE id = $1', [ctx.params.id]);
  ctx.body = {};
});
app.use(router.routes());
app.use(router.allowedMethods());
pool.query(fs.readFileSync(path.join(process.env.PROGRAMS, 'library.sql'), 'utf8')).then(() => app.listen(Number(port), '127.0.0.1'));
