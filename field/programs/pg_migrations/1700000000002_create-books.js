exports.up = pgm => {
  pgm.createTable('books', { id: 'id', name: { type: 'text', notNull: true }, made: { type: 'timestamp', notNull: true, default: pgm.func('current_timestamp') } });
  pgm.createIndex('books', 'name');
};
