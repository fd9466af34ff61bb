// Serves the shop, asks it, and prints what it answers.
const http = require('node:http');
const app = require('./app.js');

const server = app.listen(0, '127.0.0.1', async () => {
  const base = `http://127.0.0.1:${server.address().port}`;
  for (const path of ['/customers/7/orders/1?full=yes', '/broken', '/late', '/stream', '/missing']) {
    const answer = await fetch(base + path);
    console.log(path, answer.status, await answer.text());
  }
  const headers = { 'content-type': 'application/json' };
  const posted = await fetch(`${base}/echo`, { method: 'POST', headers, body: '{"a":1}' });
  console.log(await posted.text());
  const agent = new http.Agent({ keepAlive: true });
  http.get(`${base}/customers/7/orders/1`, { agent }, (first) => {
    first.resume().on('end', () => setTimeout(() => {
      http.get(`${base}/late`, { agent }, (second) => {
        second.resume().on('end', () => {
          agent.destroy();
          server.close();
        });
      });
    }, 5));
  });
});
