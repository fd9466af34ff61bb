exports.up = pgm => {
  pgm.createTable('readers', { id: 'id', name: { type: 'text', notNull: true }, made: { type: 'timestamp', notNull: true, default: pgm.func('current_timestamp') } });
  pgm.createIndex('readers', 'name');
};
