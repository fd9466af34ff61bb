// Three workers take from a stock under Redlock's locks, as its readme shows: redlock_stock.js REDIS-PORT
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const Redis = load('ioredis');
const { default: Redlock } = load('redlock');

const redis = new Redis(Number(process.argv[2]), '127.0.0.1');
const redlock = new Redlock([redis], { retryCount: 20, retryDelay: 40, retryJitter: 20 });
redlock.on('error', () => {});

async function take(product) {
  return redlock.using([`lock:${product}`], 2000, async () => {
    const left = Number(await redis.get(`stock:${product}`));
    if (left < 1) return false;
    await new Promise(done => setTimeout(done, 5));
    await redis.set(`stock:${product}`, left - 1);
    await redis.rpush('sold', product);
    return true;
  });
}

async function worker() {
  for (let n = 0; n < 20; n++) await take(n % 4);
}

async function main() {
  for (let n = 0; n < 4; n++) await redis.set(`stock:${n}`, 12);
  await Promise.all([worker(), worker(), worker()]);
  console.log('sold', await redis.llen('sold'));
  const lock = await redlock.acquire(['report'], 1000);
  await lock.extend(1000);
  await lock.release();
  await redis.quit();
}
main().catch(error => { console.error(error); process.exit(1); });
