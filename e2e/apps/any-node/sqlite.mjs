import { DatabaseSync } from 'node:sqlite';

const db = new DatabaseSync(':memory:');
db.exec('CREATE TABLE orders (id INTEGER)');
console.log(db.prepare('SELECT * FROM orders').all(), db.constructor === DatabaseSync, db instanceof DatabaseSync);
try {
  db.prepare('SELECT * FROM nowhere');
} catch (error) {
  console.log(error.stack);
}
