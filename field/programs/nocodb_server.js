// NocoDB within an Express application, as its documentation starts it from npm.
const { createRequire } = require('module');
const local = createRequire(process.env.PLACE + '/package.json');
const express = local('express');
const { Noco } = local('nocodb');

(async () => {
  const app = express();
  const server = app.listen(Number(process.env.PORT), '127.0.0.1');
  app.use(await Noco.init({}, server, app));
  console.log('ready');
})();
