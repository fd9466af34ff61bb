// The REST API behind the Lift-off tutorial's server: 24 tracks of 8 authors with their modules. Not recorded.
//   apollo_catalog.js PORT
const http = require('http');
const authors = Array.from({ length: 8 }, (_, n) => ({ id: `cat-${n}`, name: `Author ${n}`, photo: `https://example.com/${n}.png` }));
const modules = [];
const tracks = Array.from({ length: 24 }, (_, n) => {
  const own = Array.from({ length: 4 + (n % 6) }, (_, m) => ({ id: `l_${n}_${m}`, trackId: `c_${n}`, title: `Module ${n}.${m}`, length: 200 + m * 30, content: 'Some text. '.repeat(40), videoUrl: 'https://example.com/v' }));
  modules.push(...own);
  return { id: `c_${n}`, title: `Track ${n}`, authorId: `cat-${n % 8}`, thumbnail: `https://example.com/t${n}.png`, length: 3000, modulesCount: own.length, description: 'What it teaches. '.repeat(10), numberOfViews: n * 10, modules: own.map((it) => it.id) };
});
const routes = [
  [/^GET \/tracks$/, () => tracks],
  [/^GET \/track\/([^/]+)$/, (id) => tracks.find((it) => it.id === id)],
  [/^GET \/author\/([^/]+)$/, (id) => authors.find((it) => it.id === id)],
  [/^GET \/track\/([^/]+)\/modules$/, (id) => modules.filter((it) => it.trackId === id)],
  [/^GET \/module\/([^/]+)$/, (id) => modules.find((it) => it.id === id)],
  [/^PATCH \/track\/([^/]+)\/numberOfViews$/, (id) => { const it = tracks.find((one) => one.id === id); if (it) it.numberOfViews += 1; return it; }],
];
http.createServer((request, response) => {
  request.resume();
  const line = `${request.method} ${request.url.split('?')[0]}`;
  const [pattern, answer] = routes.find(([one]) => one.test(line)) || [];
  const body = pattern && answer(...pattern.exec(line).slice(1));
  setTimeout(() => {
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body || { error: 'not found' }));
  }, 5 + Math.random() * 15);
}).listen(Number(process.argv[2]), '127.0.0.1');
