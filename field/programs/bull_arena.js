// Arena's pages, as its readme mounts them, over three queues of a shop that are filled here. bull_arena.js REDIS_PORT PORT
const modules = process.env.PLACE + '/node_modules/';
const Arena = require(modules + 'bull-arena');
const Bull = require(modules + 'bull');
const [store, port] = process.argv.slice(2).map(Number);
const redis = { host: '127.0.0.1', port: store };
const names = ['mails', 'pages', 'orders'];

async function main() {
  for (const name of names) {
    const queue = new Bull(name, { redis });
    for (let n = 0; n < 40; n += 1) await queue.add({ n, person: n % 7 }, { delay: n % 8 === 7 ? 600000 : 0 });
    const work = async (job) => {
      if (job.data.n % 10 === 9) throw new Error('the receiver is gone');
      return job.data.n;
    };
    if (name !== 'orders') queue.process(work);
  }
  const queues = names.map((name) => ({ name, hostId: 'shop', type: 'bull', redis }));
  const pages = Arena({ Bull, queues }, { basePath: '/', disableListen: true });
  require(modules + 'express')().use(pages).listen(port, '127.0.0.1');
}

main();
