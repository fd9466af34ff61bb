// ES modules, named imports of builtin modules, and a worker thread that a request starts.
import { execFile } from 'node:child_process';
import { get } from 'node:http';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import express from 'express';

const app = express();
app.get('/worker', async (req, res) => {
  const { stdout } = await promisify(execFile)('echo', ['from a command']);
  new Worker(new URL('./worker.mjs', import.meta.url)).on('message', (message) => res.send(stdout + message));
});
const server = app.listen(0, '127.0.0.1', () => {
  get(`http://127.0.0.1:${server.address().port}/worker`, (answer) => {
    let text = '';
    answer.on('data', (part) => { text += part; });
    answer.on('end', () => {
      console.log(text);
      server.close();
    });
  });
});
