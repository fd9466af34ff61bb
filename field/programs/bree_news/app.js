// A news service with jobs by Bree, as its documentation has them: at intervals, by the clock and on demand. app.js PORT
const http = require('http');
const path = require('path');
const { createRequire } = require('module');
const need = createRequire(path.join(process.env.PLACE, 'package.json'));
const { Pool } = need('pg');
const Bree = need('bree');

const pool = new Pool({ connectionString: process.env.DATABASE_URL });
const bree = new Bree({
  root: path.join(__dirname, 'jobs'),
  defaultExtension: 'js',
  errorHandler: (error, data) => console.error(data && data.name, error),
  jobs: [
    { name: 'feeds', interval: '10s', timeout: '1s' },
    { name: 'mails', interval: '8s', timeout: '3s' },
    { name: 'digest', interval: 'every 20 seconds' },
    { name: 'cleanup', interval: '30s' },
  ],
});

const tables = `
  CREATE TABLE feeds (id serial PRIMARY KEY, path text, fetched timestamptz);
  CREATE TABLE items (id serial PRIMARY KEY, feed_id integer REFERENCES feeds, title text, added timestamptz DEFAULT now(), UNIQUE (feed_id, title));
  CREATE TABLE people (id serial PRIMARY KEY, email text UNIQUE, wants_news boolean DEFAULT true);
  CREATE TABLE mails (id serial PRIMARY KEY, person_id integer REFERENCES people, subject text, state text DEFAULT 'waits', number integer, added timestamptz DEFAULT now());
  CREATE TABLE counts (id serial PRIMARY KEY, items bigint, mails bigint);
  INSERT INTO feeds (path) SELECT '/feeds/' || n FROM generate_series(1, 12) n;
  INSERT INTO people (email) SELECT 'person' || n || '@example.com' FROM generate_series(1, 60) n`;

async function answer(request, body) {
  const url = new URL(request.url, 'http://localhost');
  if (request.method === 'POST' && url.pathname === '/people') {
    const { rows: [person] } = await pool.query('INSERT INTO people (email) VALUES ($1) RETURNING id', [body.email]);
    const name = `welcome-${person.id}`;
    await bree.add({ name, path: path.join(__dirname, 'jobs', 'welcome.js'), worker: { workerData: { person: person.id } }, person: person.id, timeout: false, interval: 0 });
    await bree.run(name);
    return person;
  }
  if (url.pathname === '/items') return (await pool.query('SELECT i.id, i.title, f.path FROM items i JOIN feeds f ON f.id = i.feed_id ORDER BY i.id DESC LIMIT 30')).rows;
  if (url.pathname === '/mails') return (await pool.query('SELECT state, count(*) FROM mails GROUP BY state')).rows;
  if (url.pathname === '/jobs') return bree.config.jobs.map((job) => ({ name: job.name, runs: bree.workers.has(job.name) }));
  return null;
}

(async () => {
  await pool.query(tables);
  await bree.start();
  http.createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    const value = await answer(request, text ? JSON.parse(text) : undefined).catch((error) => ({ error: String(error) }));
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(value));
  }).listen(Number(process.argv[2]), '127.0.0.1');
})();
