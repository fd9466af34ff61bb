// Welcomes the person whom the worker is started for.
const { workerData } = require('worker_threads');

require('../job')(async (client, axios, pages) => {
  const { rows: [person] } = await client.query('SELECT id, email FROM people WHERE id = $1', [workerData.job.person]);
  const answer = await axios.post(`${pages}/mails`, { to: person.email, subject: 'Welcome' }, { proxy: false });
  await client.query("INSERT INTO mails (person_id, subject, state, number) VALUES ($1, 'Welcome', 'sent', $2)", [person.id, answer.data.number]);
});
