// A small shop on Express and SQLite, prepared for nothing.
const { exec } = require('node:child_process');
const { promisify } = require('node:util');
const express = require('express');
const Database = require('better-sqlite3');

const db = new Database(':memory:');
db.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT)');
db.prepare('INSERT INTO orders (customer) VALUES (?)').run('ada');

const app = express();
const orders = express.Router({ mergeParams: true });

function show(req, res) {
  res.json(db.prepare('SELECT * FROM orders WHERE id = ?').all(req.params.id));
}

orders.get('/orders/:id', show);
app.use('/customers/:customer', orders);
app.get('/broken', (req, res) => {
  res.json(db.prepare('SELECT * FROM nowhere').all());
});
app.get('/late', async (req, res) => {
  await new Promise((resume) => setTimeout(resume, 2));
  const { stdout } = await promisify(exec)('echo late');
  res.send(stdout);
});
app.post('/echo', express.json(), (req, res) => res.json({ got: req.body, rows: db.prepare('SELECT 1 AS one').all() }));
app.get('/stream', (req, res) => {
  res.write('one ');
  setTimeout(() => res.end('two'), 20);
});
app.use((error, req, res, next) => {
  res.status(500).send(error.stack);
});

module.exports = app;
