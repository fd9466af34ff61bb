exports.up = pgm => {
  pgm.createTable('authors', { id: 'id', name: { type: 'text', notNull: true }, made: { type: 'timestamp', notNull: true, default: pgm.func('current_timestamp') } });
  pgm.createIndex('authors', 'name');
};
