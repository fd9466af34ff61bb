// A pool of one connection that several tasks share, with promises and with callbacks.
const { Pool } = require('pg');

const pool = new Pool({ connectionString: process.env.DATABASE, max: 1 });

async function twice() {
  await pool.query('SELECT count(*) FROM pg_class');
  const client = await pool.connect();
  await client.query({ text: 'SELECT $1::int AS two', values: [2] });
  client.release();
}

function byCallback(done) {
  pool.query('SELECT 3 AS three', (error, result) => done(error, result));
}

(async () => {
  await Promise.all([twice(), new Promise((resume) => byCallback(resume))]);
  try {
    await pool.query('SELECT * FROM nowhere');
  } catch (error) {
    console.log(error.stack);
  }
  await pool.end();
})();
