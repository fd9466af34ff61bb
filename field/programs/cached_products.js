// Products behind cache-manager, in memory and then in Redis by Keyv: cached_products.js DATABASE-PORT REDIS-PORT PORT
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const express = load('express');
const { createCache } = load('cache-manager');
const { Keyv } = load('keyv');
const { default: KeyvRedis } = load('@keyv/redis');
const { Pool } = load('pg');

const [database, redisPort, port] = process.argv.slice(2);
const pool = new Pool({ connectionString: `postgres://field@127.0.0.1:${database}/field` });
const rows = async (text, ...values) => (await pool.query(text, values)).rows;
const cache = createCache({ stores: [new Keyv(), new Keyv({ store: new KeyvRedis(`redis://127.0.0.1:${redisPort}`) })], ttl: 2000, refreshThreshold: 500 });
const app = express();
app.use(express.json());
app.get('/books', async ({ query }, response) => response.json(await cache.wrap(`page:${query.page || 0}`, () => rows('SELECT * FROM books ORDER BY title LIMIT 20 OFFSET $1', 20 * (query.page || 0)))));
app.get('/books/:id', async ({ params }, response) => {
  const book = await cache.wrap(`book:${params.id}`, async () => (await rows('SELECT * FROM books WHERE id = $1', params.id))[0]);
  const reviews = await cache.wrap(`reviews:${params.id}`, () => rows('SELECT stars, text FROM reviews WHERE book_id = $1', params.id));
  response.json({ ...book, reviews });
});
app.post('/books/:id/reviews', async ({ params, body }, response) => {
  await pool.query("INSERT INTO reviews (book_id, stars, text) VALUES ($1, $2, 'Good')", [params.id, body.stars]);
  await cache.mdel([`reviews:${params.id}`, 'popular']);
  response.status(201).end();
});
app.get('/popular', async (request, response) => response.json(await cache.wrap('popular', () => rows('SELECT b.title, avg(r.stars) AS stars FROM books b JOIN reviews r ON r.book_id = b.id GROUP BY b.id ORDER BY 2 DESC LIMIT 10'))));
app.listen(Number(port), '127.0.0.1');
