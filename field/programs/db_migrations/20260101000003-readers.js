'use strict';

exports.up = async (db) => {
  await db.createTable('readers', {
    id: { type: 'int', primaryKey: true, autoIncrement: true },
    name: { type: 'string', length: 80, notNull: true },
    made: { type: 'datetime', defaultValue: new String('now()') },
  });
  await db.addIndex('readers', 'readers_name', ['name']);
  for (let n = 0; n < 5; n += 1) await db.insert('readers', ['name'], ['readers ' + n]);
};

exports.down = (db) => db.dropTable('readers');

exports._meta = { version: 1 };
