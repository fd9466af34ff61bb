const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const request = load('supertest');
const { test, beforeEach } = require('node:test');
const assert = require('node:assert');
const shop = require('./app');

let app;
beforeEach(async () => {
  app = shop();
  for (const name of ['lamp', 'chair', 'table']) await request(app).post('/products').send({ name, price: 10 }).expect(201);
});

test('lists products', async () => {
  const { body } = await request(app).get('/products').expect('Content-Type', /json/).expect(200);
  assert.deepStrictEqual(body.map(product => product.name), ['lamp', 'chair', 'table']);
});
test('shows a product', () => request(app).get('/products/2').expect(200, { id: 2, name: 'chair', price: 10 }));
test('knows no other', () => request(app).get('/products/9').expect(404));
test('refuses a name that is taken', () => request(app).post('/products').send({ name: 'lamp', price: 3 }).expect(409));
test('refuses what has no name', () => request(app).post('/products').send({ price: 3 }).expect(400));
test('refuses what is no JSON', () => request(app).post('/products').set('Content-Type', 'application/json').send('{"name":').expect(400));
test('changes a price', async () => {
  await request(app).put('/products/1').send({ price: 12 }).expect(200, { changed: 1 });
  const { body } = await request(app).get('/products/1');
  assert.strictEqual(body.price, 12);
});
test('deletes a product', async () => {
  const agent = request.agent(app);
  await agent.delete('/products/1').expect(204);
  await agent.get('/products/1').expect(404);
});
for (const price of [1, 20, 300]) {
  test(`takes a price of ${price}`, async () => {
    const { body } = await request(app).post('/products').send({ name: `thing of ${price}`, price }).expect(201);
    await request(app).get(`/products/${body.id}`).expect(200);
  });
}
