// An SMTP server for tests. Its one argument is JSON:
//
//   tls       {cert, key} in PEM form, for STARTTLS; without, there is none
//   implicit  whether TLS begins with the first byte
//   login     {user, password} that senders must have; without, nobody is asked
//   refuse    recipients that it does not know
//
// It writes one line of JSON with its port once it listens, then one for each
// message that it took: {from, to, secure, user, text}. It ends when its
// standard input does.

import { SMTPServer } from 'smtp-server';

const { tls, implicit = false, login, refuse = [] } = JSON.parse(process.argv[2]);

const tell = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

const server = new SMTPServer({
  ...tls,
  secure: implicit,
  authOptional: !login,
  allowInsecureAuth: true,
  disabledCommands: [...(tls ? [] : ['STARTTLS']), ...(login ? [] : ['AUTH'])],
  onAuth({ username, password }, session, done) {
    const known = username === login.user && password === login.password;
    done(known ? null : new Error('who are you?'), { user: username });
  },
  onRcptTo({ address }, session, done) {
    const unknown = Object.assign(new Error('no such user'), { responseCode: 550 });
    done(refuse.includes(address) ? unknown : null);
  },
  onData(stream, session, done) {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => {
      const { mailFrom, rcptTo } = session.envelope;
      tell({
        from: mailFrom.address,
        to: rcptTo.map(({ address }) => address),
        secure: session.secure,
        user: session.user ?? null,
        text: Buffer.concat(chunks).toString('utf8'),
      });
      done();
    });
  },
});

// What clients do wrong is theirs to tell.
server.on('error', () => {});
server.listen(0, '127.0.0.1', () => tell({ port: server.server.address().port }));

process.stdin.on('end', () => process.exit()).resume();
