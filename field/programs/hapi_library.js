// A library as hapi's tutorials build a server: plugins, a cookie to log in, validation, views, files, a server method with a cache; books in PostgreSQL.
//   hapi_library.js DATABASE PORT
const modules = process.env.PLACE + '/node_modules/';
const load = (name) => require(modules + name);
const Hapi = load('@hapi/hapi');
const Boom = load('@hapi/boom');
const Joi = load('joi');
const { Pool } = load('pg');
const fs = require('fs');
const os = require('os');
const path = require('path');
const [database, port] = process.argv.slice(2);

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'library-'));
fs.writeFileSync(path.join(folder, 'style.css'), 'body { margin: 1em; }\n'.repeat(200));
fs.writeFileSync(path.join(folder, 'books.html'), '<h1>Books</h1><ul>{{#each books}}<li><a href="/book/{{id}}">{{title}}</a> {{author}}</li>{{/each}}</ul>');
fs.writeFileSync(path.join(folder, 'book.html'), '<h1>{{book.title}}</h1><p>{{book.author}}</p>{{#each reviews}}<p>{{name}}: {{text}}</p>{{/each}}');

const store = {
  name: 'store',
  register: async (server) => {
    const pool = new Pool({ connectionString: database });
    await pool.query(`CREATE TABLE people (id serial PRIMARY KEY, name text UNIQUE, password text);
      CREATE TABLE authors (id serial PRIMARY KEY, name text, born int);
      CREATE TABLE books (id serial PRIMARY KEY, title text, pages int, author_id int REFERENCES authors);
      CREATE TABLE reviews (id serial PRIMARY KEY, book_id int REFERENCES books ON DELETE CASCADE, person_id int REFERENCES people, stars int, text text);
      CREATE INDEX ON books (author_id); CREATE INDEX ON reviews (book_id);
      INSERT INTO people (name, password) SELECT 'person' || n, 'secret' FROM generate_series(1, 20) n;
      INSERT INTO authors (name, born) SELECT 'Author ' || n, 1900 + n FROM generate_series(1, 40) n;
      INSERT INTO books (title, pages, author_id) SELECT 'Book ' || n, 100 + n, n % 40 + 1 FROM generate_series(1, 300) n;
      INSERT INTO reviews (book_id, person_id, stars, text) SELECT n % 300 + 1, n % 20 + 1, n % 5 + 1, 'I liked it.' FROM generate_series(1, 900) n;`);
    const query = async (text, values) => (await pool.query(text, values)).rows;
    server.decorate('request', 'rows', query);
    server.decorate('server', 'query', query);
    server.events.on('stop', () => pool.end());
  },
};

const login = {
  name: 'login',
  register: async (server) => {
    await server.register(load('@hapi/cookie'));
    server.auth.strategy('session', 'cookie', {
      cookie: { name: 'sid', password: 'a password of more than thirty-two letters', isSecure: false },
      validate: async (request, session) => {
        const [person] = await server.query('SELECT id, name FROM people WHERE id = $1', [session.id]);
        return person ? { isValid: true, credentials: person } : { isValid: false };
      },
    });
    server.auth.default({ strategy: 'session', mode: 'try' });
    server.route({
      method: 'POST', path: '/login',
      options: {
        validate: { payload: Joi.object({ name: Joi.string().required(), password: Joi.string().required() }) },
        handler: async (request, h) => {
          const [person] = await request.rows('SELECT id, password FROM people WHERE name = $1', [request.payload.name]);
          if (!person || person.password !== request.payload.password) throw Boom.unauthorized('wrong name or password');
          request.cookieAuth.set({ id: person.id });
          return h.redirect('/');
        },
      },
    });
  },
};

const books = {
  name: 'books',
  register: async (server) => {
    // What changes seldom is kept for ten seconds, as the tutorial on caching has it.
    server.method('popular', () => server.query('SELECT b.id, b.title, avg(r.stars) AS stars FROM books b JOIN reviews r ON r.book_id = b.id GROUP BY b.id ORDER BY stars DESC, b.id LIMIT 10'), {
      cache: { expiresIn: 10000, generateTimeout: 2000 }, generateKey: () => 'popular',
    });
    const one = async (request) => {
      const [book] = await request.rows('SELECT b.*, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id WHERE b.id = $1', [request.params.id]);
      if (!book) throw Boom.notFound();
      return book;
    };
    const reviews = (request) => request.rows('SELECT r.stars, r.text, p.name FROM reviews r JOIN people p ON p.id = r.person_id WHERE r.book_id = $1 ORDER BY r.id', [request.params.id]);
    const id = Joi.object({ id: Joi.number().integer().required() });
    const book = Joi.object({ title: Joi.string().min(2).required(), pages: Joi.number().integer(), author_id: Joi.number().integer().required() });
    const listed = (request) => request.rows('SELECT b.id, b.title, a.name AS author FROM books b JOIN authors a ON a.id = b.author_id WHERE b.title ILIKE $1 ORDER BY b.title LIMIT 25 OFFSET $2', [`%${request.url.searchParams.get('q') ?? ''}%`, 25 * Number(request.url.searchParams.get('page') || 0)]);
    server.route([
      { method: 'GET', path: '/', handler: async (request, h) => h.view('books', { books: await listed(request) }) },
      { method: 'GET', path: '/book/{id}', options: { validate: { params: id } }, handler: async (request, h) => h.view('book', { book: await one(request), reviews: await reviews(request) }) },
      { method: 'GET', path: '/static/{file*}', options: { auth: false }, handler: { directory: { path: folder } } },
      { method: 'GET', path: '/api/books', handler: listed },
      { method: 'GET', path: '/api/popular', handler: () => server.methods.popular() },
      { method: 'GET', path: '/api/books/{id}', options: { validate: { params: id } }, handler: async (request) => ({ ...(await one(request)), reviews: await reviews(request) }) },
      { method: 'GET', path: '/api/authors/{id}', options: { validate: { params: id } }, handler: async (request) => {
        const [author] = await request.rows('SELECT * FROM authors WHERE id = $1', [request.params.id]);
        if (!author) throw Boom.notFound();
        return { ...author, books: await request.rows('SELECT id, title, pages FROM books WHERE author_id = $1 ORDER BY id', [author.id]) };
      } },
      { method: 'POST', path: '/api/books', options: { auth: { mode: 'required' }, validate: { payload: book } }, handler: async (request, h) => {
        const { title, pages, author_id } = request.payload;
        const [made] = await request.rows('INSERT INTO books (title, pages, author_id) VALUES ($1, $2, $3) RETURNING *', [title, pages, author_id]);
        return h.response(made).code(201);
      } },
      { method: 'PUT', path: '/api/books/{id}', options: { auth: { mode: 'required' }, validate: { params: id, payload: book } }, handler: async (request) => {
        await one(request);
        const { title, pages, author_id } = request.payload;
        return (await request.rows('UPDATE books SET title = $1, pages = $2, author_id = $3 WHERE id = $4 RETURNING *', [title, pages, author_id, request.params.id]))[0];
      } },
      { method: 'DELETE', path: '/api/books/{id}', options: { auth: { mode: 'required' }, validate: { params: id } }, handler: async (request, h) => {
        await request.rows('DELETE FROM books WHERE id = $1', [request.params.id]);
        return h.response().code(204);
      } },
      { method: 'POST', path: '/api/books/{id}/reviews', options: { auth: { mode: 'required' }, validate: { params: id, payload: Joi.object({ stars: Joi.number().min(1).max(5), text: Joi.string() }) } }, handler: async (request, h) => {
        await one(request);
        const { stars, text } = request.payload;
        const [made] = await request.rows('INSERT INTO reviews (book_id, person_id, stars, text) VALUES ($1, $2, $3, $4) RETURNING *', [request.params.id, request.auth.credentials.id, stars, text]);
        return h.response(made).code(201);
      } },
    ]);
  },
};

async function main() {
  const server = Hapi.server({ port: Number(port), host: '127.0.0.1' });
  await server.register([load('@hapi/inert'), load('@hapi/vision')]);
  server.views({ engines: { html: load('handlebars') }, path: folder });
  await server.register([store, login, books]);
  await server.start();
  process.on('SIGINT', async () => { await server.stop({ timeout: 2000 }); process.exit(0); });
}

main();
