// Puts a mail for each person who wants news into the queue.
require('../job')(async (client) => {
  const { rows: [{ count }] } = await client.query("SELECT count(*) FROM items WHERE added > now() - interval '20 seconds'");
  if (count === '0') return;
  await client.query('BEGIN');
  await client.query("INSERT INTO mails (person_id, subject) SELECT id, $1 FROM people WHERE wants_news AND id % 4 = $2", [`${count} new items`, Number(count) % 4]);
  await client.query('COMMIT');
});
