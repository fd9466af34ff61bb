// A shop's web server that queues work with pg-boss, and its worker.
//   pg_boss_shop.js web|worker DATABASE PORT PAGES
// The web server takes orders and answers how they stand; the worker sends mails (a row each), counts words of pages that it fetches,
// packs parcels in batches, and makes a summary each minute.
const modules = process.env.PLACE + '/node_modules/';
const PgBoss = require(modules + 'pg-boss');
const { Pool } = require(modules + 'pg');
const http = require('http');
const [role, database, port, pages] = process.argv.slice(2);
const pool = new Pool({ connectionString: database });
const boss = new PgBoss(database);
boss.on('error', console.error);

const queues = [
  ['failed', {}],
  ['mails', { retryLimit: 3, retryBackoff: true, deadLetter: 'failed' }],
  ['pages', { retryLimit: 2, expireInSeconds: 60 }],
  ['parcels', {}],
  ['invoices', {}],
  ['stock', { policy: 'short' }],
  ['summary', {}],
];

async function prepare() {
  await pool.query(`CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, person text, total int, state text DEFAULT 'new');
    CREATE TABLE IF NOT EXISTS mails (id serial PRIMARY KEY, receiver text, subject text);
    CREATE TABLE IF NOT EXISTS words (page text PRIMARY KEY, amount int);
    CREATE TABLE IF NOT EXISTS summaries (made timestamptz DEFAULT now(), orders bigint, total bigint)`);
  await boss.start();
  for (const [name, options] of queues) await boss.createQueue(name, options);
  await boss.subscribe('order-placed', 'mails');
  await boss.subscribe('order-placed', 'invoices');
  await boss.schedule('summary', '* * * * *');
}

async function order(body) {
  const { rows: [{ id }] } = await pool.query('INSERT INTO orders (person, total) VALUES ($1, $2) RETURNING id', [body.person, body.total]);
  await boss.publish('order-placed', { order: id, receiver: body.person, subject: `Order ${id}` });
  await boss.send('parcels', { order: id }, { priority: body.total > 200 ? 10 : 0 });
  await boss.sendAfter('mails', { order: id, receiver: body.person, subject: 'How do you like it?' }, null, 20);
  await boss.sendDebounced('stock', { product: body.product }, null, 10, `product-${body.product}`);
  return { id };
}

async function status(id) {
  const { rows } = await pool.query('SELECT * FROM orders WHERE id = $1', [id]);
  return { ...rows[0], waiting: { mails: await boss.getQueueSize('mails'), parcels: await boss.getQueueSize('parcels') } };
}

function serve() {
  http.createServer(async (request, response) => {
    const parts = request.url.split('/');
    let text = '';
    for await (const part of request) text += part;
    try {
      let answer;
      if (request.method === 'POST' && parts[1] === 'orders') answer = await order(JSON.parse(text));
      else if (parts[1] === 'orders') answer = await status(Number(parts[2]));
      else if (parts[1] === 'jobs') answer = await boss.getJobById('pages', parts[2]);
      else if (parts[1] === 'queues') answer = await boss.getQueues();
      else if (parts[1] === 'pages') answer = { job: await boss.send('pages', { page: parts[2] }) };
      else if (parts[1] === 'newsletter') {
        const { rows } = await pool.query('SELECT DISTINCT person FROM orders');
        await boss.insert(rows.map(({ person }) => ({ name: 'mails', data: { receiver: person, subject: 'News' } })));
        answer = { sent: rows.length };
      }
      response.end(JSON.stringify(answer ?? null));
    } catch (error) {
      console.error(error);
      response.statusCode = 500;
      response.end();
    }
  }).listen(Number(port), '127.0.0.1');
}

async function work() {
  const mail = ({ receiver, subject }) => pool.query('INSERT INTO mails (receiver, subject) VALUES ($1, $2)', [receiver, subject]);
  await boss.work('mails', { batchSize: 5 }, (jobs) => Promise.all(jobs.map((job) => mail(job.data))));
  await boss.work('pages', { pollingIntervalSeconds: 1 }, async ([job]) => {
    const text = await new Promise((resolve, reject) => http.get(`${pages}/${job.data.page}.html`, async (answer) => {
      let text = '';
      for await (const part of answer) text += part;
      resolve(text);
    }).on('error', reject));
    const amount = text.split(/\s+/).length;
    await pool.query('INSERT INTO words VALUES ($1, $2) ON CONFLICT (page) DO UPDATE SET amount = $2', [job.data.page, amount]);
    return { amount };
  });
  await boss.work('parcels', { batchSize: 10, priority: true }, async (jobs) => {
    await pool.query("UPDATE orders SET state = 'packed' WHERE id = ANY($1)", [jobs.map((job) => job.data.order)]);
  });
  await boss.work('invoices', { includeMetadata: true }, async ([job]) => {
    const { rows } = await pool.query('SELECT * FROM orders WHERE id = $1', [job.data.order]);
    return { total: rows[0].total, queued: job.createdOn };
  });
  await boss.work('stock', async ([job]) => ({ checked: job.data.product }));
  await boss.work('summary', async () => {
    await pool.query('INSERT INTO summaries (orders, total) SELECT count(*), sum(total) FROM orders');
  });
}

(async () => {
  await prepare();
  if (role === 'web') serve(); else await work();
  const stop = async () => { await boss.stop({ timeout: 5000 }); await pool.end(); setTimeout(() => process.exit(0), 1500); };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
})();
