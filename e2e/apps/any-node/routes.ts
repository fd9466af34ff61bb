// Routes whose handlers are elsewhere, bound, named and anonymous.
import express, { type Request, type Response } from 'express';
import { show, Orders } from './handlers.ts';

const app = express();
const orders = new Orders();

const inline = async (request: Request, response: Response): Promise<void> => {
  response.json({ inline: true } as { inline: boolean });
};

app.get('/orders/:id', show);
app.get('/orders', orders.list.bind(orders));
app.get('/inline', inline);
app.get('/anonymous', (request: Request, response: Response): void => {
  response.json({});
});
const server = app.listen(0, '127.0.0.1', async () => {
  const { port } = server.address() as { port: number };
  for (const path of ['/orders/1', '/orders', '/inline', '/anonymous']) await (await fetch(`http://127.0.0.1:${port}${path}`)).text();
  server.close();
  server.closeAllConnections();
});
