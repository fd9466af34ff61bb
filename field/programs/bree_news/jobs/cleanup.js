// Removes what is old, and counts what is left.
require('../job')(async (client) => {
  await client.query("DELETE FROM mails WHERE state = 'sent' AND added < now() - interval '30 seconds'");
  await client.query("DELETE FROM items WHERE added < now() - interval '60 seconds'");
  await client.query('INSERT INTO counts (items, mails) SELECT (SELECT count(*) FROM items), (SELECT count(*) FROM mails)');
});
