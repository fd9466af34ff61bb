'use strict';

exports.up = async (db) => {
  await db.createTable('books', {
    id: { type: 'int', primaryKey: true, autoIncrement: true },
    name: { type: 'string', length: 80, notNull: true },
    made: { type: 'datetime', defaultValue: new String('now()') },
  });
  await db.addIndex('books', 'books_name', ['name']);
  for (let n = 0; n < 5; n += 1) await db.insert('books', ['name'], ['books ' + n]);
};

exports.down = (db) => db.dropTable('books');

exports._meta = { version: 1 };
