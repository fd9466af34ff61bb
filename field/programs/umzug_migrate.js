// Migrations of a library by Umzug, recorded in a table of its own storage: umzug_migrate.js DATABASE-PORT up|pending|down|...
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const { Umzug } = load('umzug');
const { Client } = load('pg');

const database = process.argv[2];
process.argv.splice(2, 1);
const client = new Client({ connectionString: `postgres://field@127.0.0.1:${database}/field` });
const table = (name, columns) => ({
  name: `create-${name}`,
  up: ({ context }) => context.query(`CREATE TABLE ${name} (id serial PRIMARY KEY, ${columns})`),
  down: ({ context }) => context.query(`DROP TABLE ${name}`),
});
const umzug = new Umzug({
  migrations: [
    table('authors', 'name text NOT NULL'),
    table('books', 'title text NOT NULL, author_id int REFERENCES authors'),
    table('tags', 'name text UNIQUE'),
    table('book_tags', 'book_id int REFERENCES books, tag_id int REFERENCES tags'),
    table('readers', 'email text UNIQUE'),
    { name: 'seed-tags', up: async ({ context }) => { for (const name of ['novel', 'essay', 'poem', 'drama']) await context.query('INSERT INTO tags (name) VALUES ($1)', [name]); }, down: ({ context }) => context.query('DELETE FROM tags') },
    table('loans', 'book_id int REFERENCES books, reader_id int REFERENCES readers, until date'),
    { name: 'index-loans', up: ({ context }) => context.query('CREATE INDEX loans_until ON loans (until)'), down: ({ context }) => context.query('DROP INDEX loans_until') },
  ],
  context: client,
  storage: {
    logMigration: ({ name, context }) => context.query('INSERT INTO migrations (name) VALUES ($1)', [name]),
    unlogMigration: ({ name, context }) => context.query('DELETE FROM migrations WHERE name = $1', [name]),
    executed: async ({ context }) => {
      await context.query('CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)');
      return (await context.query('SELECT name FROM migrations ORDER BY name')).rows.map(row => row.name);
    },
  },
  logger: console,
});
client.connect().then(() => umzug.runAsCLI()).finally(() => client.end());
