// A small shop on Express, for the tests beside it.
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const express = load('express');
const Database = load('better-sqlite3');

module.exports = () => {
  const db = new Database(':memory:');
  db.exec('CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, price INTEGER NOT NULL)');
  const app = express();
  app.use(express.json());
  app.get('/products', (request, response) => response.json(db.prepare('SELECT * FROM products ORDER BY id').all()));
  app.get('/products/:id', (request, response) => {
    const product = db.prepare('SELECT * FROM products WHERE id = ?').get(request.params.id);
    if (!product) return response.status(404).json({ error: 'no such product' });
    response.json(product);
  });
  app.post('/products', (request, response) => {
    const { lastInsertRowid } = db.prepare('INSERT INTO products (name, price) VALUES (?, ?)').run(request.body.name, request.body.price);
    response.status(201).json({ id: lastInsertRowid });
  });
  app.put('/products/:id', (request, response) => response.json({ changed: db.prepare('UPDATE products SET price = ? WHERE id = ?').run(request.body.price, request.params.id).changes }));
  app.delete('/products/:id', (request, response) => response.status(204).end(String(db.prepare('DELETE FROM products WHERE id = ?').run(request.params.id).changes)));
  app.use((error, request, response, next) => response.status(error.code === 'SQLITE_CONSTRAINT_UNIQUE' ? 409 : 400).json({ error: error.message }));
  return app;
};
