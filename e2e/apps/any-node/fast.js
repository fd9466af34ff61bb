// Fastify with a route, an error and a plugin.
const fastify = require('fastify')();

async function show(request) {
  return { id: request.params.id, stack: new Error('here').stack };
}

fastify.register(async (scope) => {
  scope.get('/orders/:id', show);
  scope.get('/broken', async () => {
    throw new TypeError('broken');
  });
}, { prefix: '/api' });

fastify.listen({ port: 0, host: '127.0.0.1' }, async (error, base) => {
  for (const path of ['/api/orders/3', '/api/broken', '/missing']) {
    const answer = await fetch(base + path);
    console.log(answer.status, await answer.text());
  }
  await fastify.close();
});
