// Greets a person who signed up.
module.exports = async ({ id }, helpers) => {
  const { rows: [person] } = await helpers.query('SELECT id, name, email FROM person WHERE id = $1', [id]);
  await helpers.addJob('send_mail', { to: person.email, subject: `Hello ${person.name}`, text: 'Welcome to the shop.' });
  await helpers.query('UPDATE person SET greeted_at = now() WHERE id = $1', [id]);
};
