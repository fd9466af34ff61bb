// A shop's chores through SuperAgent: an agent, queries, forms, and errors as its guide has them. superagent_admin.js URL
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const superagent = load('superagent');

const url = process.argv[2];
async function main() {
  const agent = superagent.agent().set('Accept', 'application/json');
  const { body: { token } } = await agent.post(`${url}/token`).type('form').send({ name: 'ann', password: 'secret' });
  agent.auth(token, { type: 'bearer' });
  for (const category of ['category-1', 'category-3']) {
    const { body } = await agent.get(`${url}/products`).query({ category });
    for (const product of body.items) await agent.put(`${url}/products/${product.id}`).send({ price: product.price + 2 });
    console.log(category, body.items.length);
  }
  const made = await agent.post(`${url}/users`).send({ name: 'New', email: 'new@example.org' });
  await agent.get(`${url}/users/${made.body.id}`);
  await agent.delete(`${url}/users/${made.body.id}`);
  try {
    await agent.get(`${url}/users/${made.body.id}`);
  } catch (error) {
    console.log(error.status, error.response.body.error);
  }
  const { status } = await agent.get(`${url}/products/60`).ok(answer => answer.status < 500).retry(2);
  console.log(status);
}
main().catch(error => { console.error(error.message); process.exit(1); });
