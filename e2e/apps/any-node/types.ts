// Types that Node takes out by itself, and tests of its own runner.
import { test } from 'node:test';
import assert from 'node:assert';
import express, { type Request, type Response } from 'express';

interface Order { id: string; }

function show(request: Request, response: Response): void {
  const order: Order = { id: String(request.params.id) };
  response.json(order);
}

test('answers', async () => {
  const server = express().get('/orders/:id', show).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const address = server.address() as { port: number };
  const order = (await (await fetch(`http://127.0.0.1:${address.port}/orders/7`)).json()) as Order;
  server.close();
  assert.equal(order.id, '7');
});

test('fails', () => { assert.equal(1 as number, 2); });
