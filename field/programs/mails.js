// Thirty mails with two bodies, some with a file, as an application's tests would send them; then they are read over the API.
const nodemailer = require(process.env.PLACE + '/node_modules/nodemailer');
const [smtp, web] = process.argv.slice(2);
const transport = nodemailer.createTransport({ host: '127.0.0.1', port: Number(smtp), ignoreTLS: true });
const get = async (path, method = 'GET') => (await fetch(`http://127.0.0.1:${web}/api${path}`, { method })).text();
(async () => {
  for (let n = 0; n < 30; n++) {
    await transport.sendMail({ from: 'shop@example.com', to: `user${n % 5}@example.com`, subject: `Order ${n}`, text: `Thanks for order ${n}.`,
      html: `<p>Thanks for <b>order ${n}</b>.</p>`, attachments: n % 3 ? [] : [{ filename: 'bill.txt', content: 'bill '.repeat(2000) }] });
  }
  for (let round = 0; round < 4; round++) {
    const mails = JSON.parse(await get('/email'));
    for (const mail of (Array.isArray(mails) ? mails : mails.emails || []).slice(0, 12)) {
      await get(`/email/${mail.id}`); await get(`/email/${mail.id}/html`); await get(`/email/${mail.id}/source`);
      if (mail.attachments) await get(`/email/${mail.id}/attachment/bill.txt`);
      if (round === 3) await get(`/email/${mail.id}`, 'DELETE');
    }
    await get('/config'); await get('/healthz'); await get('/');
  }
})();
