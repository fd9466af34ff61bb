// A newsroom on Etherpad: its program makes groups, authors and pads over the API; people open pads, write, chat and look back.
//   etherpad_client.js ADDRESS
const io = require(process.env.PLACE + '/node_modules/socket.io-client');
const site = process.argv[2];
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function api(call, given = {}) {
  const answer = await fetch(`${site}/api/1.2.15/${call}?${new URLSearchParams({ apikey: 'key', ...given })}`);
  const { code, message, data } = await answer.json();
  if (code) console.log(call, given, message);
  return data || {};
}

const page = async (path) => (await fetch(site + path)).text();

// One who writes in a pad: sends a change, and the next when it is accepted, while others' changes come in.
class Writer {
  constructor(pad, name) {
    this.pad = pad;
    this.name = name;
    this.waiting = null;
  }

  async open() {
    const opened = await fetch(`${site}/p/${this.pad}`);
    await opened.text();
    const ready = new Promise((done) => { this.waiting = done; });
    // Where a browser sends its cookie, this client has it in the address, as Etherpad's own tests do.
    const cookie = opened.headers.getSetCookie().map((it) => it.split(';')[0]).join('; ');
    this.socket = io(site, { transports: ['websocket'], forceNew: true, query: { cookie } });
    this.socket.on('message', (message) => this.hear(message));
    this.socket.on('connect', () => this.socket.json.send({
      component: 'pad', type: 'CLIENT_READY', padId: this.pad, sessionID: null, token: `t.${this.name}aaaaaaaaaaaaaaaa`, protocolVersion: 2,
      userInfo: { userId: null, name: this.name, colorId: null },
    }));
    await Promise.race([ready, wait(8000)]);
  }

  hear(message) {
    const data = message.data || {};
    if (message.type === 'CLIENT_VARS') {
      this.revision = data.collab_client_vars.rev;
      this.length = data.collab_client_vars.initialAttributedText.text.length;
    } else if (data.type === 'ACCEPT_COMMIT') {
      this.revision = data.newRev;
    } else if (data.type === 'NEW_CHANGES') {
      const [, length, sign, change] = /^Z:([0-9a-z]+)([<>])([0-9a-z]+)/.exec(data.changeset);
      this.revision = data.newRev;
      this.length = parseInt(length, 36) + (sign === '>' ? 1 : -1) * parseInt(change, 36);
      return;
    } else if (data.type !== 'CHAT_MESSAGES') return;
    this.waiting?.();
    this.waiting = null;
  }

  say(data) {
    this.socket.json.send({ type: 'COLLABROOM', component: 'pad', data });
  }

  async write(text) {
    const accepted = new Promise((done) => { this.waiting = done; });
    const count = text.length.toString(36);
    this.say({ type: 'USER_CHANGES', baseRev: this.revision, apool: { numToAttrib: {}, nextNum: 0 }, changeset: `Z:${this.length.toString(36)}>${count}+${count}$${text}` });
    this.length += text.length;
    await Promise.race([accepted, wait(3000)]);
  }

  async readChat(head) {
    const read = new Promise((done) => { this.waiting = done; });
    this.say({ type: 'GET_CHAT_MESSAGES', start: 0, end: head });
    await Promise.race([read, wait(3000)]);
  }
}

async function main() {
  const authors = [];
  for (let n = 0; n < 12; n++) authors.push((await api('createAuthorIfNotExistsFor', { name: `Writer ${n}`, authorMapper: n })).authorID);
  const { groupID } = await api('createGroupIfNotExistsFor', { groupMapper: 'desk' });
  for (let n = 0; n < 10; n++) {
    await api('createGroupPad', { groupID, padName: `draft${n}`, text: `Draft ${n}\n${'What we know so far. '.repeat(20)}` });
    await api('createSession', { groupID, authorID: authors[n], validUntil: 2000000000 });
  }
  const pads = [];
  for (let n = 0; n < 25; n++) {
    pads.push(`article-${n}`);
    await api('createPad', { padID: `article-${n}`, text: `Article ${n}\n\n${'It stood by the sea. '.repeat(30)}` });
  }
  await page('/');
  for (const pad of pads.slice(0, 10)) {
    const people = [new Writer(pad, 'ann'), new Writer(pad, 'ben'), new Writer(pad, 'cleo')].slice(0, 2 + (pads.indexOf(pad) % 2));
    for (const one of people) await one.open();
    for (let turn = 0; turn < 12; turn++) {
      await people[turn % people.length].write('Some more words. '.slice(0, 5 + turn));
      if (turn % 4 === 0) people[0].say({ type: 'CHAT_MESSAGE', text: `What of line ${turn}?` });
      await wait(150);
    }
    await people[0].readChat(2);
    for (const one of people) one.socket.close();
    await page(`/p/${pad}/timeslider`);
    for (const kind of ['txt', 'html', 'etherpad']) await page(`/p/${pad}/export/${kind}`);
  }
  for (const pad of pads) {
    await api('getText', { padID: pad });
    await api('getHTML', { padID: pad });
    await api('getRevisionsCount', { padID: pad });
    await api('getLastEdited', { padID: pad });
    await api('listAuthorsOfPad', { padID: pad });
    if (pads.indexOf(pad) < 10) await api('getChatHistory', { padID: pad });
  }
  for (const pad of pads.slice(0, 6)) {
    await api('appendText', { padID: pad, text: '\nThe end.' });
    await api('saveRevision', { padID: pad });
    await api('createDiffHTML', { padID: pad, startRev: 0, endRev: 1 });
    await api('copyPad', { sourceID: pad, destinationID: `${pad}-copy`, force: true });
    await api('restoreRevision', { padID: pad, rev: 1 });
  }
  console.log((await api('listAllPads')).padIDs?.length, 'pads');
  await api('listPads', { groupID });
  await api('listAllGroups');
  await api('listSessionsOfGroup', { groupID });
  for (const author of authors) await api('listPadsOfAuthor', { authorID: author });
  await api('deletePad', { padID: pads[24] });
  process.exit(0);
}

main();
