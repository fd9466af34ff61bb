// A library's API as Fastify's guides build one: plugins, schemas for what comes and goes, decorators, a token to log in; books in PostgreSQL.
//   fastify_library.js DATABASE PORT
const modules = process.env.PLACE + '/node_modules/';
const load = (name) => require(modules + name);
const fp = load('fastify-plugin');
const [database, port] = process.argv.slice(2);
const fastify = load('fastify')({ logger: false });

const store = fp(async (app) => {
  app.register(load('@fastify/postgres'), { connectionString: database });
  app.after(async () => {
    await app.pg.query(`CREATE TABLE people (id serial PRIMARY KEY, name text UNIQUE, password text);
      CREATE TABLE authors (id serial PRIMARY KEY, name text, born int);
      CREATE TABLE books (id serial PRIMARY KEY, title text, pages int, author_id int REFERENCES authors);
      CREATE TABLE reviews (id serial PRIMARY KEY, book_id int REFERENCES books ON DELETE CASCADE, person_id int REFERENCES people, stars int, text text);
      CREATE INDEX ON books (author_id); CREATE INDEX ON reviews (book_id);
      INSERT INTO people (name, password) SELECT 'person' || n, 'secret' FROM generate_series(1, 20) n;
      INSERT INTO authors (name, born) SELECT 'Author ' || n, 1900 + n FROM generate_series(1, 40) n;
      INSERT INTO books (title, pages, author_id) SELECT 'Book ' || n, 100 + n, n % 40 + 1 FROM generate_series(1, 300) n;
      INSERT INTO reviews (book_id, person_id, stars, text) SELECT n % 300 + 1, n % 20 + 1, n % 5 + 1, 'I liked it.' FROM generate_series(1, 900) n;`);
  });
});

const login = fp(async (app) => {
  app.register(load('@fastify/jwt'), { secret: 'a secret' });
  app.decorate('authenticate', async (request, reply) => {
    try { await request.jwtVerify(); } catch (error) { reply.send(error); }
  });
  const body = { type: 'object', required: ['name', 'password'], properties: { name: { type: 'string' }, password: { type: 'string' } } };
  app.post('/login', { schema: { body } }, async (request, reply) => {
    const { rows: [person] } = await app.pg.query('SELECT id, name, password FROM people WHERE name = $1', [request.body.name]);
    if (!person || person.password !== request.body.password) return reply.unauthorized();
    return { token: app.jwt.sign({ id: person.id, name: person.name }) };
  });
});

async function books(app) {
  const book = { type: 'object', required: ['title', 'author_id'], properties: { title: { type: 'string' }, pages: { type: 'integer' }, author_id: { type: 'integer' } } };
  const query = { type: 'object', properties: { q: { type: 'string', default: '' }, page: { type: 'integer', default: 0 } } };
  const params = { type: 'object', properties: { id: { type: 'integer' } } };
  const short = { type: 'array', items: { type: 'object', properties: { id: { type: 'integer' }, title: { type: 'string' }, author: { type: 'string' } } } };
  const secured = { onRequest: [app.authenticate] };

  app.get('/', async () => ({ name: 'library' }));
  app.get('/api/books', { schema: { querystring: query, response: { 200: short } } }, async (request) => {
    const { rows } = await app.pg.query('SELECT b.id, b.title, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id WHERE b.title ILIKE $1 ORDER BY b.title LIMIT 25 OFFSET $2', [`%${request.query.q}%`, 25 * request.query.page]);
    return rows;
  });
  app.get('/api/popular', async () => (await app.pg.query('SELECT b.id, b.title, avg(r.stars) AS stars FROM books b JOIN reviews r ON r.book_id = b.id GROUP BY b.id ORDER BY stars DESC, b.id LIMIT 10')).rows);
  app.get('/api/books/:id', { schema: { params } }, async (request, reply) => {
    // One connection for both, as the plugin's documentation has it.
    const client = await app.pg.connect();
    try {
      const { rows: [found] } = await client.query('SELECT b.*, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id WHERE b.id = $1', [request.params.id]);
      if (!found) return reply.notFound();
      const { rows } = await client.query('SELECT r.stars, r.text, p.name FROM reviews r JOIN people p ON p.id = r.person_id WHERE r.book_id = $1 ORDER BY r.id', [found.id]);
      return { ...found, reviews: rows };
    } finally {
      client.release();
    }
  });
  app.get('/api/authors/:id', { schema: { params } }, async (request, reply) => {
    const { rows: [author] } = await app.pg.query('SELECT * FROM authors WHERE id = $1', [request.params.id]);
    if (!author) return reply.notFound();
    const { rows } = await app.pg.query('SELECT id, title, pages FROM books WHERE author_id = $1 ORDER BY id', [author.id]);
    return { ...author, books: rows };
  });
  app.post('/api/books', { ...secured, schema: { body: book } }, async (request, reply) => {
    const { title, pages, author_id } = request.body;
    const { rows: [made] } = await app.pg.query('INSERT INTO books (title, pages, author_id) VALUES ($1, $2, $3) RETURNING *', [title, pages, author_id]);
    return reply.code(201).send(made);
  });
  app.put('/api/books/:id', { ...secured, schema: { body: book, params } }, async (request, reply) => {
    const { title, pages, author_id } = request.body;
    const { rows: [changed] } = await app.pg.query('UPDATE books SET title = $1, pages = $2, author_id = $3 WHERE id = $4 RETURNING *', [title, pages, author_id, request.params.id]);
    return changed || reply.notFound();
  });
  app.delete('/api/books/:id', { ...secured, schema: { params } }, async (request, reply) => {
    await app.pg.query('DELETE FROM books WHERE id = $1', [request.params.id]);
    return reply.code(204).send();
  });
  app.post('/api/books/:id/reviews', { ...secured, schema: { params } }, async (request, reply) => {
    // In a transaction, as the plugin's documentation has it.
    const made = await app.pg.transact(async (client) => {
      const { rows: [review] } = await client.query('INSERT INTO reviews (book_id, person_id, stars, text) VALUES ($1, $2, $3, $4) RETURNING *', [request.params.id, request.user.id, request.body.stars, request.body.text]);
      return review;
    });
    return reply.code(201).send(made);
  });
}

fastify.register(load('@fastify/sensible'));
fastify.register(store);
fastify.register(login);
fastify.register(books);
fastify.listen({ port: Number(port), host: '127.0.0.1' });
process.on('SIGINT', async () => { await fastify.close(); process.exit(0); });
