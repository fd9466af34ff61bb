// A pool of one connection that several tasks share, with promises, with callbacks and with a prepared statement.
const mysql = require('mysql2');

const [host, port, user, database] = process.env.DATABASE.split(' ');
const pool = mysql.createPool({ host, port: Number(port), user, database, connectionLimit: 1 });
const promises = pool.promise();

async function twice() {
  await promises.query('SELECT count(*) AS number FROM orders');
  const client = await promises.getConnection();
  await client.execute('SELECT price FROM orders WHERE id = ?', [2]);
  client.release();
}

function byCallback(done) {
  pool.query('INSERT INTO orders VALUES (3, ?)', ['secret'], (error, result) => done(error, result));
}

(async () => {
  await promises.query('CREATE TABLE orders (id int, price text)');
  await Promise.all([twice(), new Promise((resume) => byCallback(resume))]);
  try {
    await promises.query('SELECT * FROM nowhere');
  } catch (error) {
    console.log(error.message, error.code, error.stack.split('\n').length > 1);
  }
  await new Promise((resume) => pool.query('SELECT id FROM orders').on('result', (row) => console.log(row.id)).on('end', resume));
  await promises.query('DROP TABLE orders');
  await promises.end();
})();
