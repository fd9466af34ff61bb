// A library over JSON-RPC by Jayson's server and client, on PostgreSQL: jayson_shelf.js server DATABASE-PORT PORT | client PORT
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const jayson = load('jayson/promise');

const [role, ...rest] = process.argv.slice(2);

function serve(database, port) {
  const { Pool } = load('pg');
  const pool = new Pool({ connectionString: `postgres://field@127.0.0.1:${database}/field` });
  const all = async (text, ...values) => (await pool.query(text, values)).rows;
  jayson.Server({
    books: ({ page }) => all('SELECT * FROM books ORDER BY title LIMIT 20 OFFSET $1', 20 * page),
    book: async ({ id }) => {
      const [book] = await all('SELECT * FROM books WHERE id = $1', id);
      if (!book) throw { code: 404, message: `no book ${id}` };
      return { ...book, reviews: await all('SELECT stars FROM reviews WHERE book_id = $1', id) };
    },
    review: async ({ book, stars }) => (await all("INSERT INTO reviews (book_id, stars, text) VALUES ($1, $2, '') RETURNING id", book, stars))[0],
    popular: () => all('SELECT b.title, avg(r.stars) FROM books b JOIN reviews r ON r.book_id = b.id GROUP BY b.id ORDER BY 2 DESC LIMIT 10'),
  }).http().listen(Number(port), '127.0.0.1');
}

async function ask(port) {
  const client = jayson.Client.http({ host: '127.0.0.1', port: Number(port) });
  for (let n = 0; n < 12; n++) {
    const { result: books } = await client.request('books', { page: n % 6 });
    await client.request('book', { id: books[n].id });
    const answers = await client.request([client.request('book', { id: 190 + n }, undefined, false), client.request('popular', {}, undefined, false)]);
    for (const { error } of answers) if (error) console.log(error.message);
    await client.request('review', { book: books[0].id, stars: 4 });
  }
}

if (role === 'server') serve(...rest);
else ask(...rest).catch(error => { console.error(error); process.exit(1); });
