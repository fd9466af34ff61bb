// Ends in the way that its argument names, in the middle of a request.
const { execFileSync } = require('node:child_process');
const http = require('node:http');

const how = {
  exit: () => process.exit(3),
  throw: () => { throw new Error('thrown'); },
  reject: async () => { throw new TypeError('rejected'); },
  kill: () => process.kill(process.pid, 'SIGKILL'),
  terminate: () => process.kill(process.pid, 'SIGTERM'),
  abort: (request) => {
    request.socket.destroy();
    server.close();
  },
};
const server = http.createServer((request) => {
  execFileSync('true');
  return how[process.argv[2]](request);
});
server.listen(0, '127.0.0.1', () => {
  http.get({ host: '127.0.0.1', port: server.address().port, path: '/end' }).on('error', (error) => console.log(error.message));
});
