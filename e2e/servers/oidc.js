// An OpenID Connect provider for tests. Its one argument is JSON:
//
//   clients   as oidc-provider's configuration has them
//   accounts  for each login, its claims besides `sub`
//   tls       {cert, key} in PEM form; without, it speaks plain HTTP
//
// It writes one line of JSON with its port once it listens, and ends when its
// standard input does.

import { createServer } from 'node:http';
import { createServer as createSecureServer } from 'node:https';

import Provider from 'oidc-provider';

const { clients, accounts, tls } = JSON.parse(process.argv[2]);

let answer = (request, response) => response.end();
const listener = (request, response) => answer(request, response);
const server = tls ? createSecureServer(tls, listener) : createServer(listener);

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, {
    clients,
    claims: {
      openid: ['sub'],
      profile: ['preferred_username', 'name', 'groups'],
      email: ['email', 'email_verified'],
    },
    // Claims in the id token too, as most providers do.
    conformIdTokenClaims: false,
    cookies: { keys: ['for tests alone'] },
    // Its forms take any password.
    features: { devInteractions: { enabled: true } },
    findAccount: (context, id) => accounts[id] && {
      accountId: id,
      claims: async () => ({ sub: id, ...accounts[id] }),
    },
    pkce: { required: () => true },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  });
  answer = provider.callback();
  process.stdout.write(`${JSON.stringify({ port })}\n`);
});

process.stdin.on('end', () => process.exit()).resume();
