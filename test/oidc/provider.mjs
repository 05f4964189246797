// An OpenID provider for tests: one person, whose groups are the argument. Prints its URL.
// POST /test/rotate replaces its keys. After POST /test/hang it responds to no request.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [redirectUri, ...groups] = process.argv.slice(2);
const secret = 'a-secret-with-:-and-%';
const cookieKey = randomUUID();

function newKey(alg) {
  const { privateKey } = alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg };
}

function configuration(keys) {
  return {
    jwks: { keys },
    cookies: { keys: [cookieKey] },
    clients: [{
      client_id: 'dbaas-client',
      client_secret: secret,
      redirect_uris: [redirectUri],
      response_types: ['code'],
      id_token_signed_response_alg: keys[0].alg,
      grant_types: ['authorization_code', 'client_credentials', 'urn:ietf:params:oauth:grant-type:device_code'],
    }],
    pkce: { methods: ['S256'], required: () => true },
    claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['name'] },
    conformIdTokenClaims: false,
    findAccount: (context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, groups, email: `${id}@example.com`, email_verified: true }),
    }),
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (context, resource) => ({
          scope: '',
          audience: resource === 'urn:test:dbaas' ? 'dbaas' : 'another',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: keys[0].alg } },
        }),
      },
    },
  };
}

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const start = (alg) => new Provider(issuer, configuration([newKey(alg)])).callback();
  let handle = start('RS256');
  let isHanging = false;
  server.on('request', (request, response) => {
    if (request.url === '/test/rotate') {
      handle = start('ES256');
      response.end('{}');
    } else if (request.url === '/test/hang') {
      isHanging = true;
      response.end('{}');
    } else if (!isHanging) {
      handle(request, response);
    }
  });
  console.log(issuer);
});
process.stdin.on('end', () => process.exit(0)).resume();
