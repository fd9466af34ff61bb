// A book service behind Express on Bookshelf, its models and relations as its documentation has them: bookshelf_shelf.js DATABASE-PORT PORT
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const express = load('express');

const [database, port] = process.argv.slice(2);
const knex = load('knex')({ client: 'pg', connection: `postgres://field@127.0.0.1:${database}/field` });
const bookshelf = load('bookshelf')(knex);

const Author = bookshelf.model('Author', { tableName: 'authors', books() { return this.hasMany('Book', 'author_id'); } });
const Tag = bookshelf.model('Tag', { tableName: 'tags', books() { return this.belongsToMany('Book', 'book_tags', 'tag_id', 'book_id'); } });
const Review = bookshelf.model('Review', { tableName: 'reviews' });
const Book = bookshelf.model('Book', {
  tableName: 'books',
  author() { return this.belongsTo('Author', 'author_id'); },
  tags() { return this.belongsToMany('Tag', 'book_tags', 'book_id', 'tag_id'); },
  reviews() { return this.hasMany('Review', 'book_id'); },
});

const app = express();
app.use(express.json());
const answer = handler => async (request, response, next) => {
  try { response.json(await handler(request) ?? null); } catch (error) { next(error); }
};
app.get('/books', answer(({ query }) => {
  if (query.q) return new Book().where('title', 'ilike', `%${query.q}%`).fetchAll({ withRelated: ['author', 'tags'] });
  return new Book().orderBy('title').fetchPage({ page: Number(query.page) + 1, pageSize: 20, withRelated: ['author', 'tags'] });
}));
app.get('/books/:id', answer(({ params }) => new Book({ id: params.id }).fetch({ withRelated: ['author', 'tags', 'reviews'], require: false })));
app.post('/books', answer(({ body }) => bookshelf.transaction(async transacting => {
  const book = await new Book({ title: body.title, author_id: body.author_id }).save(null, { transacting });
  await book.tags().attach(body.tags, { transacting });
  return book;
})));
app.put('/books/:id', answer(({ params, body }) => bookshelf.transaction(async transacting => {
  const book = await new Book({ id: params.id }).save({ title: body.title }, { patch: true, transacting });
  await book.tags().detach(null, { transacting });
  await book.tags().attach(body.tags, { transacting });
  return book.refresh({ transacting, withRelated: ['tags'] });
})));
app.delete('/books/:id', answer(async ({ params }) => { await new Book({ id: params.id }).destroy(); }));
app.post('/books/:id/reviews', answer(async ({ params, body }) => {
  const book = await new Book({ id: params.id }).fetch();
  return book.related('reviews').create(body);
}));
app.get('/authors', answer(async ({ query }) => {
  const authors = await new Author().orderBy('name').fetchPage({ page: Number(query.page) + 1, pageSize: 15, withRelated: ['books'] });
  return authors.map(author => ({ ...author.serialize({ shallow: true }), books: author.related('books').length }));
}));
app.get('/authors/:id', answer(({ params }) => new Author({ id: params.id }).fetch({ withRelated: ['books.tags'] })));
app.get('/tags', answer(() => new Tag().fetchAll()));
app.get('/tags/:id', answer(({ params }) => new Tag({ id: params.id }).fetch({ withRelated: ['books', 'books.author'] })));
app.get('/popular', answer(async () => {
  const rows = await knex('reviews').select('book_id').avg('stars as stars').groupBy('book_id').orderBy('stars', 'desc').limit(10);
  return new Book().where('id', 'in', rows.map(row => row.book_id)).fetchAll({ withRelated: ['author'] });
}));
app.listen(Number(port), '127.0.0.1');
