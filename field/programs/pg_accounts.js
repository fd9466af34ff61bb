// What the guide of node-postgres shows, as a bank's program: pg_accounts.js DATABASE-PORT open|day|report
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const { Client, Pool } = load('pg');

const [database, action] = process.argv.slice(2);
const connectionString = `postgres://field@127.0.0.1:${database}/field`;

async function open() {
  const client = new Client({ connectionString });
  await client.connect();
  await client.query('CREATE TABLE accounts (id serial PRIMARY KEY, owner text NOT NULL, balance int NOT NULL CHECK (balance >= 0))');
  await client.query('CREATE TABLE transfers (id serial PRIMARY KEY, source int NOT NULL REFERENCES accounts, target int NOT NULL REFERENCES accounts, amount int NOT NULL, made timestamptz NOT NULL DEFAULT now())');
  for (let n = 1; n <= 50; n++) {
    await client.query('INSERT INTO accounts (owner, balance) VALUES ($1, $2)', [`Owner ${n}`, 40 + (n * 37) % 100]);
  }
  await client.end();
}

async function transfer(pool, source, target, amount) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('UPDATE accounts SET balance = balance - $1 WHERE id = $2', [amount, source]);
    await client.query('UPDATE accounts SET balance = balance + $1 WHERE id = $2', [amount, target]);
    const made = await client.query('INSERT INTO transfers (source, target, amount) VALUES ($1, $2, $3) RETURNING id', [source, target, amount]);
    await client.query('COMMIT');
    return made.rows[0].id;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

async function day() {
  const pool = new Pool({ connectionString, max: 5 });
  let refused = 0;
  for (let n = 0; n < 60; n++) {
    try {
      await transfer(pool, 1 + (n * 7) % 50, 1 + (n * 11 + 3) % 50, 10 + (n * 13) % 40);
    } catch (error) {
      if (error.code !== '23514') throw error;
      refused += 1;
    }
  }
  console.log('transfers refused:', refused);
  await pool.end();
}

async function report() {
  const pool = new Pool({ connectionString });
  const { rows: richest } = await pool.query('SELECT id, owner, balance FROM accounts ORDER BY balance DESC LIMIT 15');
  for (const account of richest) {
    const { rows: [sums] } = await pool.query({ name: 'sums', text: 'SELECT count(*) AS transfers, coalesce(sum(amount), 0) AS amount FROM transfers WHERE source = $1', values: [account.id] });
    console.log(account.owner.padEnd(12), String(account.balance).padStart(5), sums.transfers, sums.amount);
  }
  const { rows } = await pool.query({ text: 'SELECT date_trunc($1, made), sum(amount) FROM transfers GROUP BY 1', values: ['hour'], rowMode: 'array' });
  console.log(rows.length, 'hours');
  await pool.end();
}

({ open, day, report })[action]().catch(error => { console.error(error); process.exit(1); });
