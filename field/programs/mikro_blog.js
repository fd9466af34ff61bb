// The blog of MikroORM's guide (articles, users, comments, tags) behind Express, in PostgreSQL: mikro_blog.js DATABASE-PORT PORT
const path = require('path');
const { createRequire } = require('module');

// Packages are those of the folder that this runs for, not of the folder that this file is in.
const need = createRequire(path.join(process.env.PLACE, 'package.json'));
const express = need('express');
const { Collection, EntitySchema, MikroORM, RequestContext, raw, wrap } = need('@mikro-orm/postgresql');

class User { constructor() { this.articles = new Collection(this); } }
class Article { constructor() { this.comments = new Collection(this); this.tags = new Collection(this); } }
class Comment {}
class Tag { constructor() { this.articles = new Collection(this); } }

const base = {
  id: { type: 'number', primary: true },
  createdAt: { type: 'datetime', onCreate: () => new Date() },
  updatedAt: { type: 'datetime', onCreate: () => new Date(), onUpdate: () => new Date() },
};
const schemas = [
  new EntitySchema({
    class: User,
    properties: {
      ...base, fullName: { type: 'string' }, email: { type: 'string', unique: true }, bio: { type: 'text', default: '' },
      articles: { kind: '1:m', entity: () => Article, mappedBy: 'author' },
    },
  }),
  new EntitySchema({
    class: Article,
    properties: {
      ...base, slug: { type: 'string', unique: true }, title: { type: 'string', index: true }, description: { type: 'text' },
      text: { type: 'text', lazy: true }, author: { kind: 'm:1', entity: () => User },
      comments: { kind: '1:m', entity: () => Comment, mappedBy: 'article', orphanRemoval: true },
      tags: { kind: 'm:n', entity: () => Tag, inversedBy: 'articles' },
    },
  }),
  new EntitySchema({
    class: Comment,
    properties: { ...base, text: { type: 'text' }, article: { kind: 'm:1', entity: () => Article }, author: { kind: 'm:1', entity: () => User } },
  }),
  new EntitySchema({
    class: Tag,
    properties: { ...base, name: { type: 'string', length: 20 }, articles: { kind: 'm:n', entity: () => Article, mappedBy: 'tags' } },
  }),
];

async function fill(em) {
  const users = Array.from({ length: 25 }, (_, n) => em.create(User, { fullName: `User ${n}`, email: `user${n}@example.com` }));
  const tags = Array.from({ length: 12 }, (_, n) => em.create(Tag, { name: `tag-${n}` }));
  for (let n = 0; n < 250; n++) {
    const article = em.create(Article, { title: `Article ${n}`, slug: `article-${n}`, description: `About ${n}`, text: 'Words of it. '.repeat(40), author: users[n % 25] });
    article.tags.add(tags[n % 12], tags[(n + 5) % 12]);
    for (let m = 0; m < n % 6; m++) em.create(Comment, { text: `Comment ${m}`, article, author: users[(n + m) % 25] });
  }
  await em.flush();
}

async function main() {
  const orm = await MikroORM.init({ entities: schemas, host: '127.0.0.1', port: Number(process.argv[2]), user: 'field', dbName: 'field' });
  await orm.schema.refreshDatabase();
  await fill(orm.em.fork());
  const em = orm.em;
  const app = express();
  app.use(express.json());
  app.use((request, response, next) => RequestContext.create(orm.em, next));
  const answer = (work) => (request, response, next) => work(request).then((value) => response.json(value ?? null), next);

  app.get('/articles', answer(async ({ query }) => {
    const where = { ...(query.search ? { title: { $ilike: `%${query.search}%` } } : {}), ...(query.tag ? { tags: { name: query.tag } } : {}) };
    const [items, total] = await em.findAndCount(Article, where, { populate: ['author', 'tags'], orderBy: { id: 'desc' }, limit: 20, offset: 20 * Number(query.page ?? 0) });
    return { items, total };
  }));
  app.get('/articles/:slug', answer(({ params }) => em.findOneOrFail(Article, { slug: params.slug }, { populate: ['author', 'tags', 'comments.author', 'text'] })));
  app.post('/articles', answer(async ({ body }) => {
    const article = em.create(Article, { title: body.title, slug: body.slug, description: body.description, text: body.text, author: em.getReference(User, body.author) });
    for (const name of body.tags) article.tags.add((await em.findOne(Tag, { name })) ?? em.create(Tag, { name }));
    await em.flush();
    return article;
  }));
  app.patch('/articles/:id', answer(async ({ params, body }) => {
    const article = await em.findOneOrFail(Article, Number(params.id));
    wrap(article).assign(body);
    await em.flush();
    return article;
  }));
  app.delete('/articles/:id', answer(async ({ params }) => {
    const article = await em.findOneOrFail(Article, Number(params.id), { populate: ['comments'] });
    await em.remove(article).flush();
  }));
  app.post('/articles/:slug/comment', answer(async ({ params, body }) => {
    const article = await em.findOneOrFail(Article, { slug: params.slug });
    const comment = em.create(Comment, { text: body.text, author: em.getReference(User, body.author), article });
    await em.flush();
    return comment;
  }));
  app.get('/users/:id', answer(({ params }) => em.findOneOrFail(User, Number(params.id), { populate: ['articles.tags'] })));
  app.get('/tags', answer(() => em.createQueryBuilder(Tag, 't').select(['t.id', 't.name', raw('count(a.id) as used')]).leftJoin('t.articles', 'a').groupBy('t.id').orderBy({ 't.name': 'asc' }).execute()));
  app.get('/statistics', answer(async () => ({ articles: await em.count(Article), comments: await em.count(Comment), users: await em.count(User) })));
  app.listen(Number(process.argv[3]), '127.0.0.1');
}

main();
