// Reads feeds into PostgreSQL by rss-parser: rss_reader.js DATABASE-PORT URL
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const Parser = load('rss-parser');
const { Pool } = load('pg');

const [database, url] = process.argv.slice(2);
const pool = new Pool({ connectionString: `postgres://field@127.0.0.1:${database}/field` });
const parser = new Parser({ headers: { 'User-Agent': 'reader' } });

async function main() {
  await pool.query('CREATE TABLE IF NOT EXISTS feeds (id serial PRIMARY KEY, url text UNIQUE, title text, seen timestamptz)');
  await pool.query('CREATE TABLE IF NOT EXISTS posts (id serial PRIMARY KEY, feed int REFERENCES feeds, guid text, title text, link text, made timestamptz, UNIQUE (feed, guid))');
  for (let n = 1; n <= 8; n++) await pool.query('INSERT INTO feeds (url) VALUES ($1) ON CONFLICT DO NOTHING', [`${url}/feeds/${n}`]);
  const { rows: feeds } = await pool.query('SELECT * FROM feeds ORDER BY id');
  for (const feed of feeds) {
    const found = await parser.parseURL(feed.url);
    let added = 0;
    for (const item of found.items) {
      const { rowCount } = await pool.query('INSERT INTO posts (feed, guid, title, link, made) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING', [feed.id, item.guid, item.title, item.link, item.isoDate]);
      added += rowCount;
    }
    await pool.query('UPDATE feeds SET title = $2, seen = now() WHERE id = $1', [feed.id, found.title]);
    console.log(found.title, added, 'new');
  }
  const { rows } = await pool.query('SELECT f.title, count(p.id) FROM feeds f LEFT JOIN posts p ON p.feed = f.id GROUP BY f.id');
  console.log(rows.length, 'feeds');
  await pool.end();
}
main().catch(error => { console.error(error); process.exit(1); });
