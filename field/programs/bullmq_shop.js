// The patterns of BullMQ's guide in one small shop: mails, pages, renewals as flows, retries with backoff, delays, priorities, schedules.
//   bullmq_shop.js web|worker REDIS_PORT PORT PAGES
// The web server queues what is asked for and shows the queues on its board; the worker works on them.
const modules = process.env.PLACE + '/node_modules/';
const { Queue, Worker, FlowProducer, QueueEvents } = require(modules + 'bullmq');
const IORedis = require(modules + 'ioredis');
const { BullMQOtel } = require(modules + 'bullmq-otel');
const [role, store, port, pages] = process.argv.slice(2);
const connection = new IORedis({ port: Number(store), maxRetriesPerRequest: null });
// As the guide's chapter on telemetry says; its copy of OpenTelemetry's API must be the one that is instrumented.
const telemetry = new BullMQOtel('shop');
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function web() {
  const express = require(modules + 'express');
  const { createBullBoard } = require(modules + '@bull-board/api');
  const { BullMQAdapter } = require(modules + '@bull-board/api/bullMQAdapter');
  const { ExpressAdapter } = require(modules + '@bull-board/express');
  const keep = { attempts: 3, backoff: { type: 'exponential', delay: 200 }, removeOnComplete: { count: 200 } };
  const mails = new Queue('mails', { connection, telemetry, defaultJobOptions: keep });
  const fetched = new Queue('pages', { connection, telemetry, defaultJobOptions: keep });
  const orders = new Queue('orders', { connection, telemetry });
  const flows = new FlowProducer({ connection, telemetry });
  const events = new QueueEvents('pages', { connection: connection.duplicate() });
  await orders.upsertJobScheduler('stock', { every: 10000 }, { name: 'stock', data: { shelf: 'A' } });
  const app = express();
  app.use(express.json());
  const board = new ExpressAdapter();
  board.setBasePath('/board');
  createBullBoard({ queues: [mails, fetched, orders].map((queue) => new BullMQAdapter(queue)), serverAdapter: board });
  app.use('/board', board.getRouter());
  app.post('/register', async (request, response) => {
    const job = await mails.add('welcome', { to: request.body.email });
    await mails.add('tips', { to: request.body.email }, { delay: 3000 });
    response.status(202).json({ id: job.id });
  });
  app.post('/newsletter', async (request, response) => {
    const jobs = await mails.addBulk(request.body.emails.map((to) => ({ name: 'news', data: { to }, opts: { priority: 10 } })));
    response.status(202).json({ ids: jobs.map((job) => job.id) });
  });
  app.post('/words', async (request, response) => {
    const job = await fetched.add('words', { page: request.body.page }, { jobId: request.body.once });
    response.json({ words: await job.waitUntilFinished(events, 20000) });
  });
  app.post('/orders', async (request, response) => {
    const { items, email } = request.body;
    const flow = await flows.add({
      name: 'ship', queueName: 'orders', data: { email },
      children: [
        { name: 'charge', queueName: 'orders', data: { total: items.length * 9 } },
        ...items.map((item) => ({ name: 'pick', queueName: 'orders', data: { item } })),
      ],
    });
    response.status(202).json({ id: flow.job.id });
  });
  app.get('/orders/:id', async (request, response) => {
    const job = await orders.getJob(request.params.id);
    if (!job) return response.status(404).end();
    response.json({ state: await job.getState(), result: job.returnvalue, waits: await job.getDependenciesCount() });
  });
  app.get('/counts', async (request, response) => {
    response.json(await Promise.all([mails, fetched, orders].map((queue) => queue.getJobCounts())));
  });
  app.listen(Number(port), '127.0.0.1');
}

function work() {
  const workers = [
    new Worker('mails', async (job) => {
      await job.updateProgress(50);
      await wait(20);
      return `sent to ${job.data.to}`;
    }, { connection: connection.duplicate(), telemetry, concurrency: 5, limiter: { max: 20, duration: 1000 } }),
    new Worker('pages', async (job) => {
      const answer = await fetch(`${pages}/${job.data.page}.html`);
      await job.log(`status ${answer.status}`);
      return (await answer.text()).split(' ').length;
    }, { connection: connection.duplicate(), telemetry, concurrency: 2 }),
    new Worker('orders', async (job) => {
      if (job.name === 'ship') return Object.values(await job.getChildrenValues());
      await wait(30);
      return { [job.name]: job.data.item || job.data.total || 'counted' };
    }, { connection: connection.duplicate(), telemetry, concurrency: 3 }),
  ];
  for (const worker of workers) worker.on('failed', (job, error) => console.log(job.name, error.message));
  process.on('SIGTERM', async () => { await Promise.all(workers.map((worker) => worker.close())); process.exit(0); });
}

if (role === 'web') web(); else work();
