// A store behind Express on Knex, with its schema builder, migrations, seeds, joins and transactions, in PostgreSQL.
//   knex_store.js DATABASE-PORT PORT
const path = require('path');
const { createRequire } = require('module');
const need = createRequire(path.join(process.env.PLACE, 'package.json'));
const express = need('express');

const knex = need('knex')({ client: 'pg', connection: { host: '127.0.0.1', port: Number(process.argv[2]), user: 'field', database: 'field' }, pool: { min: 2, max: 10 } });
const some = (amount, make) => Array.from({ length: amount }, (_, n) => make(n));

// What `knex migrate:make` would have made files of.
const migrations = [
  ['people', (it) => { it.increments(); it.string('name').notNullable(); it.string('email').unique(); it.timestamps(true, true); }],
  ['categories', (it) => { it.increments(); it.string('name').notNullable(); }],
  ['products', (it) => { it.increments(); it.string('name'); it.decimal('price', 10, 2); it.integer('stock'); it.integer('category_id').references('categories.id').index(); }],
  ['orders', (it) => { it.increments(); it.integer('person_id').references('people.id').index(); it.string('state').defaultTo('new'); it.timestamps(true, true); }],
  ['lines', (it) => {
    it.increments(); it.integer('order_id').references('orders.id').onDelete('CASCADE').index(); it.integer('product_id').references('products.id'); it.integer('quantity'); it.decimal('price', 10, 2);
  }],
  ['reviews', (it) => { it.increments(); it.integer('product_id').references('products.id').index(); it.integer('person_id').references('people.id'); it.integer('stars'); it.text('words'); }],
];
const source = {
  getMigrations: async () => migrations.map(([name]) => name),
  getMigrationName: (name) => name,
  getMigration: async (name) => ({ up: (db) => db.schema.createTable(name, migrations.find(([one]) => one === name)[1]), down: (db) => db.schema.dropTable(name) }),
};

async function seed() {
  await knex('people').insert(some(80, (n) => ({ name: `Person ${n}`, email: `person${n}@example.com` })));
  await knex('categories').insert(some(12, (n) => ({ name: `Category ${n}` })));
  await knex.batchInsert('products', some(300, (n) => ({ name: `Product ${n}`, price: 3 + n / 10, stock: 500, category_id: n % 12 + 1 })), 100);
  await knex.batchInsert('orders', some(400, (n) => ({ person_id: n % 80 + 1, state: n % 3 ? 'sent' : 'new' })), 100);
  await knex.batchInsert('lines', some(1200, (n) => ({ order_id: n % 400 + 1, product_id: n * 7 % 300 + 1, quantity: n % 4 + 1, price: 5 })), 200);
  await knex.batchInsert('reviews', some(600, (n) => ({ product_id: n % 300 + 1, person_id: n % 80 + 1, stars: n % 5 + 1, words: 'Good enough.' })), 200);
}

function order(body) {
  return knex.transaction(async (trx) => {
    const [made] = await trx('orders').insert({ person_id: body.person }).returning('*');
    const products = await trx('products').whereIn('id', body.lines.map((line) => line.product)).forUpdate();
    await trx('lines').insert(body.lines.map((line) => ({
      order_id: made.id, product_id: line.product, quantity: line.quantity, price: products.find((one) => one.id === line.product).price,
    })));
    for (const line of body.lines) await trx('products').where({ id: line.product }).decrement('stock', line.quantity);
    return made;
  });
}

(async () => {
  await knex.migrate.latest({ migrationSource: source });
  await seed();
  const app = express();
  app.use(express.json());
  const answer = (work) => (request, response, next) => work(request).then((value) => response.json(value ?? null), next);

  app.get('/categories', answer(() => knex('categories as c').leftJoin('products as p', 'p.category_id', 'c.id').groupBy('c.id').select('c.*').count('p.id as products').orderBy('c.name')));
  app.get('/products', answer(async ({ query }) => {
    const found = knex('products').modify((it) => {
      if (query.q) it.whereILike('name', `%${query.q}%`);
      if (query.category) it.where('category_id', query.category);
      if (query.most) it.where('price', '<=', query.most);
    });
    const [{ count }] = await found.clone().count();
    return { count: Number(count), items: await found.orderBy(query.sort ?? 'id').limit(20).offset(20 * Number(query.page ?? 0)) };
  }));
  app.get('/products/:id', answer(async ({ params }) => {
    const product = await knex('products as p').join('categories as c', 'c.id', 'p.category_id').where('p.id', params.id).first('p.*', 'c.name as category');
    const reviews = await knex('reviews as r').join('people as q', 'q.id', 'r.person_id').where('r.product_id', params.id).select('r.stars', 'r.words', 'q.name');
    return { ...product, reviews };
  }));
  app.post('/products/:id/reviews', answer(async ({ params, body }) => (await knex('reviews').insert({ ...body, product_id: params.id }).returning('*'))[0]));
  app.post('/orders', answer(({ body }) => order(body)));
  app.get('/orders/:id', answer(async ({ params }) => ({
    ...await knex('orders').where({ id: params.id }).first(), lines: await knex('lines as l').join('products as p', 'p.id', 'l.product_id').where('l.order_id', params.id).select('l.*', 'p.name'),
  })));
  app.patch('/orders/:id', answer(async ({ params, body }) => (await knex('orders').where({ id: params.id }).update({ state: body.state, updated_at: knex.fn.now() }).returning('*'))[0]));
  app.delete('/orders/:id', answer(({ params }) => knex('orders').where({ id: params.id }).del()));
  app.get('/people/:id', answer(async ({ params }) => ({
    ...await knex('people').where({ id: params.id }).first(),
    orders: await knex('orders as o').join('lines as l', 'l.order_id', 'o.id').where('o.person_id', params.id).groupBy('o.id').select('o.id', 'o.state').sum({ total: knex.raw('l.quantity * l.price') }).orderBy('o.id', 'desc').limit(10),
  })));
  app.put('/people', answer(async ({ body }) => (await knex('people').insert(body).onConflict('email').merge(['name']).returning('*'))[0]));
  app.get('/best', answer(() => knex.with('sold', (it) => it.from('lines').select('product_id').sum('quantity as quantity').groupBy('product_id'))
    .from('sold').join('products as p', 'p.id', 'sold.product_id').select('p.id', 'p.name', 'sold.quantity').orderBy('sold.quantity', 'desc').limit(10)));
  app.listen(Number(process.argv[3]), '127.0.0.1');
})();
