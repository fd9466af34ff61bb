// A gateway in front of two services, as the recipes of http-proxy-middleware have it: proxy_gateway.js PORT BOOKS SHOP
const path = require('path');
const { createRequire } = require('module');
const load = createRequire(path.join(process.env.PLACE, 'node_modules/'));
const express = load('express');
const { createProxyMiddleware, responseInterceptor } = load('http-proxy-middleware');

const [port, books, shop] = process.argv.slice(2);
const app = express();
app.use('/library', createProxyMiddleware({ target: `http://127.0.0.1:${books}`, changeOrigin: true }));
app.use('/shop', createProxyMiddleware({
  target: `http://127.0.0.1:${shop}`,
  pathRewrite: { '^/v1': '' },
  selfHandleResponse: true,
  on: {
    proxyRes: responseInterceptor(async (buffer, answer, request, response) => {
      response.setHeader('X-Gateway', 'shelf');
      return buffer;
    }),
  },
}));
app.use('/both', createProxyMiddleware({
  router: request => (request.url.startsWith('/books') ? `http://127.0.0.1:${books}` : `http://127.0.0.1:${shop}`),
  target: `http://127.0.0.1:${shop}`,
}));
app.get('/health', (request, response) => response.json({ up: true }));
app.listen(Number(port), '127.0.0.1');
