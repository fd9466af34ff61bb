// What Bee-Queue's readme and examples show, in one small service: sums that a request waits for, jobs that are saved with retries,
// backoff, delays and timeouts, many saved at once, progress, and the queue's health.
//   bee_queue_shop.js web|worker REDIS_PORT PORT PAGES
const modules = process.env.PLACE + '/node_modules/';
const Queue = require(modules + 'bee-queue');
const [role, store, port, pages] = process.argv.slice(2);
const redis = { host: '127.0.0.1', port: Number(store) };
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

function web() {
  const express = require(modules + 'express');
  const options = { redis, isWorker: false, activateDelayedJobs: false, removeOnSuccess: false };
  const queues = { addition: new Queue('addition', options), mails: new Queue('mails', options), words: new Queue('words', options) };
  const app = express();
  app.use(express.json());
  app.post('/run/:x/:y', (request, response, next) => {
    const job = queues.addition.createJob({ x: Number(request.params.x), y: Number(request.params.y) }).timeout(3000).retries(2);
    job.on('succeeded', (sum) => response.json({ sum }));
    job.on('failed', (error) => response.status(500).json({ error: error.message }));
    job.save().catch(next);
  });
  app.post('/mails', async (request, response) => {
    const job = await queues.mails.createJob({ to: request.body.to }).retries(3).backoff('exponential', 200).save();
    await queues.mails.createJob({ to: request.body.to, tips: true }).delayUntil(Date.now() + 3000).save();
    response.status(202).json({ id: job.id });
  });
  app.post('/newsletter', async (request, response) => {
    const errors = await queues.mails.saveAll(request.body.people.map((to) => queues.mails.createJob({ to, news: true })));
    response.status(202).json({ failed: errors.size });
  });
  app.post('/words/:page', async (request, response) => {
    const job = await queues.words.createJob({ page: Number(request.params.page) }).setId(`page-${request.body.once}`).save();
    if (!job.id) return response.status(409).end();
    job.on('succeeded', (words) => response.json({ words }));
  });
  app.get('/mails/:id', async (request, response) => {
    const job = await queues.mails.getJob(request.params.id);
    if (!job) return response.status(404).end();
    response.json({ status: job.status, progress: job.progress, data: job.data });
  });
  app.get('/board', async (request, response) => {
    const health = await Promise.all(Object.values(queues).map((queue) => queue.checkHealth()));
    const done = await queues.mails.getJobs('succeeded', { size: 20 });
    const waiting = await queues.mails.getJobs('waiting', { start: 0, end: 20 });
    response.json({ health, done: done.map((job) => job.id), waiting: waiting.map((job) => job.id) });
  });
  app.listen(Number(port), '127.0.0.1');
}

function work() {
  const options = { redis, activateDelayedJobs: true, removeOnSuccess: false };
  const queues = [new Queue('addition', options), new Queue('mails', options), new Queue('words', { ...options, removeOnSuccess: true })];
  const [addition, mails, words] = queues;
  addition.process(3, async (job) => job.data.x + job.data.y);
  mails.process(5, async (job) => {
    job.reportProgress(50);
    await wait(30);
    return `sent to ${job.data.to}`;
  });
  words.process(2, async (job) => (await (await fetch(`${pages}/${job.data.page}.html`)).text()).split(' ').length);
  for (const queue of queues) {
    queue.on('failed', (job, error) => console.log(queue.name, job.id, error.message));
    queue.checkStalledJobs(5000);
  }
  process.on('SIGTERM', async () => { await Promise.all(queues.map((queue) => queue.close(3000).catch(() => {}))); process.exit(0); });
}

if (role === 'web') web(); else work();
