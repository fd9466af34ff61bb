// Sends one mail over a provider's API.
module.exports = async ({ to, subject, text }, helpers) => {
  const answer = await fetch(process.env.MAILS + '/v1/mails', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ to, subject, text }) });
  if (!answer.ok) throw new Error(`the provider answered ${answer.status}`);
  helpers.logger.info(`sent ${subject} to ${to}`);
};
