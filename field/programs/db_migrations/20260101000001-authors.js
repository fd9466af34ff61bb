'use strict';

exports.up = async (db) => {
  await db.createTable('authors', {
    id: { type: 'int', primaryKey: true, autoIncrement: true },
    name: { type: 'string', length: 80, notNull: true },
    made: { type: 'datetime', defaultValue: new String('now()') },
  });
  await db.addIndex('authors', 'authors_name', ['name']);
  for (let n = 0; n < 5; n += 1) await db.insert('authors', ['name'], ['authors ' + n]);
};

exports.down = (db) => db.dropTable('authors');

exports._meta = { version: 1 };
