// Serves one route with five statements a request, for measurements. The first argument is the port.
const express = require('express');
const Database = require('better-sqlite3');

const database = new Database(':memory:');
database.exec('CREATE TABLE items (id INTEGER PRIMARY KEY, price REAL)');
const insert = database.prepare('INSERT INTO items (price) VALUES (?)');
for (let price = 1; price <= 100; price += 1) insert.run(price);
const select = database.prepare('SELECT price FROM items WHERE id = ?');

const app = express();
app.get('/carts/:first', (request, response) => {
  let total = 0;
  for (let offset = 0; offset < 5; offset += 1) total += select.get(Number(request.params.first) + offset).price;
  response.json({ total });
});
app.listen(Number(process.argv[2]), '127.0.0.1');
