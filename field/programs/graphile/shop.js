// The shop's side: people sign up and buy; each purchase asks for jobs in the transaction that it is written in.
const { Pool } = require('pg');
const { makeWorkerUtils } = require('graphile-worker');

const pause = time => new Promise(resolve => setTimeout(resolve, time));

async function main() {
  const pool = new Pool({ connectionString: process.env.DATABASE_URL });
  const worker = await makeWorkerUtils({ pgPool: pool });
  for (let number = 1; number <= 90; number++) {
    if (number % 3 === 1) {
      const { rows: [person] } = await pool.query('INSERT INTO person (name, email) VALUES ($1, $2) RETURNING id', [`Person ${number}`, `person${number}@example.com`]);
      await worker.addJob('remind', { id: person.id }, { jobKey: `remind:${person.id}`, runAt: new Date(Date.now() + 15000) });
    }
    const client = await pool.connect();
    await client.query('BEGIN');
    const { rows: [buyer] } = await client.query('SELECT id FROM person ORDER BY id OFFSET $1 LIMIT 1', [(number * 5) % Math.ceil(number / 3)]);
    const { rows: [purchase] } = await client.query('INSERT INTO purchase (person_id) VALUES ($1) RETURNING id', [buyer.id]);
    await client.query('INSERT INTO purchase_line SELECT $1, 1 + ($1 * 7 + n * 3) % 30, n FROM generate_series(1, 1 + $1 % 4) n', [purchase.id]);
    await client.query("SELECT graphile_worker.add_job('bill', json_build_object('id', $1::int), queue_name => 'bills', max_attempts => 5)", [purchase.id]);
    await client.query('COMMIT');
    client.release();
    if (number === 45) {
      // A letter to everyone who has signed up.
      const { rows: people } = await pool.query('SELECT email FROM person ORDER BY id');
      await worker.addJobs(people.map(({ email }) => ({ identifier: 'send_mail', payload: { to: email, subject: 'News', text: 'New goods are in.' } })));
    }
    await pause(300 + (number * 137) % 900);
  }
  await worker.release();
  await pool.end();
}

main().catch(error => { console.error(error); process.exitCode = 1; });
