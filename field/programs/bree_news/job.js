// What each job needs: packages of the folder that this runs for, and a connection that ends with the job.
const path = require('path');
const { createRequire } = require('module');
const need = createRequire(path.join(process.env.PLACE, 'package.json'));
const { Client } = need('pg');

module.exports = async (work) => {
  const client = new Client({ connectionString: process.env.DATABASE_URL });
  await client.connect();
  try {
    await work(client, need('axios'), process.env.PAGES_URL);
  } finally {
    await client.end();
  }
};
