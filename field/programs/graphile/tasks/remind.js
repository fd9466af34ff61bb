// Reminds a person of a basket; asked for anew at each visit under the same key, so that the last one counts.
module.exports = async ({ id }, helpers) => {
  const { rows: [person] } = await helpers.query('SELECT email, orders FROM person WHERE id = $1', [id]);
  if (person.orders === 0) await helpers.addJob('send_mail', { to: person.email, subject: 'Your basket', text: 'It is still there.' });
};
