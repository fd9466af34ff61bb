// A shop's reports through Got: pagination, hooks and retries as its documentation has them. got_sync.mjs URL
import path from 'path';
import { createRequire } from 'module';
import { pathToFileURL } from 'url';

const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const { default: got, HTTPError } = await import(pathToFileURL(load.resolve('got')));

const api = got.extend({
  prefixUrl: process.argv[2],
  responseType: 'json',
  retry: { limit: 2 },
  hooks: { beforeRequest: [options => { options.headers['x-client'] = 'reports'; }] },
});

const users = await api.paginate.all('users', { pagination: { transform: response => response.body.items } });
const orders = await api.paginate.all('orders', { pagination: { transform: response => response.body.items } });
console.log(users.length, 'users', orders.length, 'orders');
const best = orders.filter(order => order.count === 3).slice(0, 12);
for (const order of best) {
  const product = await api(`products/${order.product}`).json();
  console.log(users.find(user => user.id === order.user).name, product.name, product.price * order.count);
}
for (const id of [57, 58]) {
  try {
    await api(`products/${id}`);
  } catch (error) {
    if (!(error instanceof HTTPError)) throw error;
    console.log(id, error.response.statusCode, error.response.body.error);
  }
}
await api.post('orders', { json: { user: 1, product: 2, count: 1 } });
const posts = await Promise.all([1, 2, 3].map(n => got(`posts/1/${n}`, { prefixUrl: process.argv[2] }).text()));
console.log(posts.join('').length);
