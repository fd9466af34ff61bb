// A book service behind Express on Kysely, its queries and its helpers for relations as its documentation has them: kysely_shelf.js DATABASE-PORT PORT
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const express = load('express');
const { Pool } = load('pg');

async function main() {
  const { Kysely, PostgresDialect, sql } = await import(path.join(process.env.PLACE, 'node_modules/kysely/dist/index.js')).catch(() => load('kysely'));
  const { jsonArrayFrom, jsonObjectFrom } = await import(path.join(process.env.PLACE, 'node_modules/kysely/dist/helpers/postgres.js')).catch(() => load('kysely/helpers/postgres'));
  const [database, port] = process.argv.slice(2);
  const db = new Kysely({ dialect: new PostgresDialect({ pool: new Pool({ connectionString: `postgres://field@127.0.0.1:${database}/field` }) }) });
  const author = eb => jsonObjectFrom(eb.selectFrom('authors').selectAll('authors').whereRef('authors.id', '=', 'books.author_id')).as('author');
  const tags = eb => jsonArrayFrom(eb.selectFrom('tags').innerJoin('book_tags', 'book_tags.tag_id', 'tags.id').select(['tags.id', 'tags.name']).whereRef('book_tags.book_id', '=', 'books.id')).as('tags');
  const reviews = eb => jsonArrayFrom(eb.selectFrom('reviews').selectAll('reviews').whereRef('reviews.book_id', '=', 'books.id')).as('reviews');

  const app = express();
  app.use(express.json());
  const answer = handler => async (request, response, next) => {
    try { response.json(await handler(request) ?? null); } catch (error) { next(error); }
  };
  app.get('/books', answer(({ query }) => {
    const books = db.selectFrom('books').selectAll('books').select(eb => [author(eb), tags(eb)]).orderBy('title');
    return query.q ? books.where('title', 'ilike', `%${query.q}%`).limit(20).execute() : books.limit(20).offset(20 * Number(query.page)).execute();
  }));
  app.get('/books/:id', answer(({ params }) => db.selectFrom('books').selectAll('books').select(eb => [author(eb), tags(eb), reviews(eb)]).where('books.id', '=', Number(params.id)).executeTakeFirst()));
  app.post('/books', answer(({ body }) => db.transaction().execute(async trx => {
    const book = await trx.insertInto('books').values({ title: body.title, author_id: body.author_id }).returningAll().executeTakeFirstOrThrow();
    await trx.insertInto('book_tags').values(body.tags.map(tag_id => ({ book_id: book.id, tag_id }))).execute();
    return book;
  })));
  app.put('/books/:id', answer(({ params, body }) => db.transaction().execute(async trx => {
    const book_id = Number(params.id);
    await trx.updateTable('books').set({ title: body.title }).where('id', '=', book_id).execute();
    await trx.deleteFrom('book_tags').where('book_id', '=', book_id).execute();
    await trx.insertInto('book_tags').values(body.tags.map(tag_id => ({ book_id, tag_id }))).execute();
    return trx.selectFrom('books').selectAll('books').select(tags).where('id', '=', book_id).executeTakeFirst();
  })));
  app.delete('/books/:id', answer(async ({ params }) => { await db.deleteFrom('books').where('id', '=', Number(params.id)).execute(); }));
  app.post('/books/:id/reviews', answer(({ params, body }) => db.insertInto('reviews').values({ book_id: Number(params.id), ...body }).returningAll().executeTakeFirst()));
  app.get('/authors', answer(({ query }) => db.selectFrom('authors').leftJoin('books', 'books.author_id', 'authors.id').selectAll('authors').select(eb => eb.fn.count('books.id').as('books')).groupBy('authors.id').orderBy('name').limit(15).offset(15 * Number(query.page)).execute()));
  app.get('/authors/:id', answer(({ params }) => db.selectFrom('authors').selectAll('authors').select(eb => jsonArrayFrom(eb.selectFrom('books').selectAll('books').select(tags).whereRef('books.author_id', '=', 'authors.id')).as('books')).where('id', '=', Number(params.id)).executeTakeFirst()));
  app.get('/tags', answer(() => db.selectFrom('tags').selectAll().orderBy('name').execute()));
  app.get('/tags/:id', answer(({ params }) => db.selectFrom('books').innerJoin('book_tags', 'book_tags.book_id', 'books.id').selectAll('books').select(author).where('book_tags.tag_id', '=', Number(params.id)).execute()));
  app.get('/popular', answer(() => db.selectFrom('books').innerJoin('reviews', 'reviews.book_id', 'books.id').selectAll('books').select(sql`avg(reviews.stars)`.as('stars')).groupBy('books.id').orderBy('stars', 'desc').limit(10).execute()));
  app.listen(Number(port), '127.0.0.1');
}

main();
