// A shop's basket, leaderboard and cached products in Redis: redis_shop.js redis|ioredis REDIS-PORT PORT
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const express = load('express');

const [kind, redisPort, port] = process.argv.slice(2);
const app = express();
app.use(express.json());
const answer = handler => async (request, response, next) => {
  try { response.json(await handler(request) ?? null); } catch (error) { next(error); }
};

async function withRedis() {
  const client = await load('redis').createClient({ url: `redis://127.0.0.1:${redisPort}` }).on('error', console.error).connect();
  for (let n = 1; n <= 100; n++) await client.hSet(`product:${n}`, { name: `Product ${n}`, price: 3 + n % 40, stock: 20 });
  app.get('/products/:id', answer(({ params }) => client.hGetAll(`product:${params.id}`)));
  app.post('/baskets/:user', answer(({ params, body }) => client.hIncrBy(`basket:${params.user}`, String(body.product), body.count)));
  app.get('/baskets/:user', answer(async ({ params }) => {
    const basket = await client.hGetAll(`basket:${params.user}`);
    const lines = [];
    for (const [product, count] of Object.entries(basket)) lines.push({ ...await client.hGetAll(`product:${product}`), count });
    return lines;
  }));
  app.post('/orders/:user', answer(async ({ params }) => {
    const basket = await client.hGetAll(`basket:${params.user}`);
    const all = client.multi();
    for (const [product, count] of Object.entries(basket)) all.hIncrBy(`product:${product}`, 'stock', -count).zIncrBy('sold', Number(count), product);
    await all.del(`basket:${params.user}`).exec();
    return Object.keys(basket).length;
  }));
  app.get('/top', answer(() => client.zRangeWithScores('sold', 0, 9, { REV: true })));
}

async function withIoredis() {
  const redis = new (load('ioredis'))(Number(redisPort), '127.0.0.1');
  const filled = redis.pipeline();
  for (let n = 1; n <= 100; n++) filled.hset(`product:${n}`, { name: `Product ${n}`, price: 3 + n % 40, stock: 20 });
  await filled.exec();
  redis.defineCommand('take', { numberOfKeys: 1, lua: "local left = tonumber(redis.call('hget', KEYS[1], 'stock')) if left < tonumber(ARGV[1]) then return redis.error_reply('OUT of stock') end return redis.call('hincrby', KEYS[1], 'stock', -ARGV[1])" });
  app.get('/products/:id', answer(({ params }) => redis.hgetall(`product:${params.id}`)));
  app.post('/baskets/:user', answer(({ params, body }) => redis.multi().hincrby(`basket:${params.user}`, body.product, body.count).expire(`basket:${params.user}`, 3600).exec()));
  app.get('/baskets/:user', answer(async ({ params }) => {
    const basket = await redis.hgetall(`basket:${params.user}`);
    const products = await Promise.all(Object.keys(basket).map(product => redis.hgetall(`product:${product}`)));
    return products.map((product, n) => ({ ...product, count: Object.values(basket)[n] }));
  }));
  app.post('/orders/:user', async (request, response, next) => {
    try {
      const basket = await redis.hgetall(`basket:${request.params.user}`);
      for (const [product, count] of Object.entries(basket)) {
        await redis.take(`product:${product}`, count);
        await redis.zincrby('sold', count, product);
      }
      await redis.del(`basket:${request.params.user}`);
      response.json(Object.keys(basket).length);
    } catch (error) {
      if (error.name !== 'ReplyError') return next(error);
      response.status(409).json({ error: error.message });
    }
  });
  app.get('/top', answer(() => redis.zrevrange('sold', 0, 9, 'WITHSCORES')));
}

(kind === 'redis' ? withRedis() : withIoredis()).then(() => app.listen(Number(port), '127.0.0.1'));
