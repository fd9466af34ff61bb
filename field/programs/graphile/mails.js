// A stand-in for a mail provider: takes each mail after a moment. mails.js PORT
const http = require('http');
http.createServer((request, response) => {
  let size = 0;
  request.on('data', data => { size += data.length; });
  request.on('end', () => setTimeout(() => { response.setHeader('Content-Type', 'application/json'); response.end(JSON.stringify({ accepted: true, size })); }, 40));
}).listen(Number(process.argv[2]), '127.0.0.1');
