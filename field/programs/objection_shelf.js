// A book service behind Express on Objection, its models and graphs as its guide has them: objection_shelf.js DATABASE-PORT PORT
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const express = load('express');
const { Model } = load('objection');

const [database, port] = process.argv.slice(2);
Model.knex(load('knex')({ client: 'pg', connection: `postgres://field@127.0.0.1:${database}/field` }));

class Author extends Model {
  static tableName = 'authors';
  static get relationMappings() {
    return { books: { relation: Model.HasManyRelation, modelClass: Book, join: { from: 'authors.id', to: 'books.author_id' } } };
  }
}

class Tag extends Model {
  static tableName = 'tags';
  static get relationMappings() {
    return { books: { relation: Model.ManyToManyRelation, modelClass: Book, join: { from: 'tags.id', through: { from: 'book_tags.tag_id', to: 'book_tags.book_id' }, to: 'books.id' } } };
  }
}

class Review extends Model {
  static tableName = 'reviews';
}

class Book extends Model {
  static tableName = 'books';
  static get relationMappings() {
    return {
      author: { relation: Model.BelongsToOneRelation, modelClass: Author, join: { from: 'books.author_id', to: 'authors.id' } },
      tags: { relation: Model.ManyToManyRelation, modelClass: Tag, join: { from: 'books.id', through: { from: 'book_tags.book_id', to: 'book_tags.tag_id' }, to: 'tags.id' } },
      reviews: { relation: Model.HasManyRelation, modelClass: Review, join: { from: 'books.id', to: 'reviews.book_id' } },
    };
  }
}

const app = express();
app.use(express.json());
const answer = handler => async (request, response, next) => {
  try { response.json(await handler(request) ?? null); } catch (error) { next(error); }
};
app.get('/books', answer(async ({ query }) => {
  const books = Book.query().withGraphFetched('[author, tags]').orderBy('title');
  if (query.q) return books.where('title', 'ilike', `%${query.q}%`).limit(20);
  return books.page(Number(query.page), 20);
}));
app.get('/books/:id', answer(({ params }) => Book.query().findById(params.id).withGraphFetched('[author, tags, reviews]')));
app.post('/books', answer(({ body }) => Book.transaction(trx =>
  Book.query(trx).insertGraph({ title: body.title, author_id: body.author_id, tags: body.tags.map(id => ({ '#dbRef': id })) }))));
app.put('/books/:id', answer(({ params, body }) => Book.transaction(trx =>
  Book.query(trx).upsertGraphAndFetch({ id: Number(params.id), title: body.title, tags: body.tags.map(id => ({ id })) }, { relate: true, unrelate: true }))));
app.delete('/books/:id', answer(({ params }) => Book.query().deleteById(params.id)));
app.post('/books/:id/reviews', answer(async ({ params, body }) => {
  const book = await Book.query().findById(params.id).throwIfNotFound();
  return book.$relatedQuery('reviews').insert(body);
}));
app.get('/authors', answer(({ query }) => Author.query().select('authors.*', Author.relatedQuery('books').count().as('books')).page(Number(query.page), 15)));
app.get('/authors/:id', answer(({ params }) => Author.query().findById(params.id).withGraphFetched('books.tags')));
app.get('/tags', answer(() => Tag.query().select('tags.*', Tag.relatedQuery('books').count().as('books'))));
app.get('/tags/:id', answer(({ params }) => Tag.query().findById(params.id).withGraphFetched('books.author')));
app.get('/popular', answer(() => Book.query().joinRelated('reviews').groupBy('books.id').select('books.*').avg('reviews.stars as stars').orderBy('stars', 'desc').limit(10)));
app.listen(Number(port), '127.0.0.1');
