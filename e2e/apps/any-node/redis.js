// The two clients of Redis.
const { createClient } = require('redis');
const Redis = require('ioredis');

(async () => {
  const port = Number(process.env.REDIS_PORT);
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  await client.connect();
  await client.set('name', 'a secret');
  console.log(await client.get('name'));
  await client.lPush('name', 'x').catch((error) => console.log(error.message));
  client.destroy();
  const other = new Redis(port, '127.0.0.1');
  await other.mset('a', 'secret', 'b', 'secret');
  console.log(await other.mget('a', 'b'));
  other.disconnect();
})();
