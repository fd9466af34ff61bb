// Sends mails that wait, at most twenty at once, over the API of a mailer.
require('../job')(async (client, axios, pages) => {
  const { rows } = await client.query("SELECT m.id, m.subject, p.email FROM mails m JOIN people p ON p.id = m.person_id WHERE m.state = 'waits' ORDER BY m.id LIMIT 20");
  for (const mail of rows) {
    const answer = await axios.post(`${pages}/mails`, { to: mail.email, subject: mail.subject }, { proxy: false });
    await client.query("UPDATE mails SET state = 'sent', number = $2 WHERE id = $1", [mail.id, answer.data.number]);
  }
});
