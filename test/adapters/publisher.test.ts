import { createServer } from 'node:http';
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import type { Publisher } from '../../src/world.ts';
import { openWorld, startFarSide } from './tools.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.close());

/** The adapter of a tenant whose publisher listens there, or at its own path. */
function publisherAt(baseUrl: string, listenerUrl?: string) {
  const urls = { ...sandbox.urls('acme') };
  const rateLimit = undefined;
  const settings = { baseUrl, apiKey: 'sandbox-publisher-key', rateLimit, listenerUrl };
  const world = openWorld(urls, { publisher: { ...settings, sharesOptimoveLimit: false } });
  if (!world.publisher) throw new Error('this tenant has a publisher');
  return { publisher: world.publisher, notes: world.notes };
}

/** A gate that has the publisher decide, and the checks of these customers. */
async function askThrough(
  publisher: Publisher,
  customers: number,
  { forwarded = (body: Buffer) => body, told = (allowed: boolean) => allowed } = {},
) {
  const gate = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const allowed = told(await publisher.decide(forwarded(body), 1_500));
    const { user, User } = JSON.parse(body.toString());
    response.end(JSON.stringify({ user_id: user?.user_id ?? User.User_id, allowed }));
  });
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void gate.close());
  const address = gate.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const campaignId = sandbox.createTriggered('acme', {
    customers,
    noTierShare: 0.3,
    awardedBy: 'publisher',
    tags: ['vip'],
    gateUrls: [`http://127.0.0.1:${port}/gate`],
  });
  const fire = { perSecond: 200, codesAs: 'mixed', fieldsAs: 'mixed', idsAs: 'mixed' } as const;
  await sandbox.fireChecks('acme', campaignId, { ...fire, forSeconds: customers / 200 }).finished;
  return sandbox.verdict('acme', campaignId);
}

test.each([
  ['its listener', (base: string) => `${base}/triggers?tenant=acme`],
  ['its own path, where no listener was told', () => undefined],
])(
  'a trigger is forwarded to the letter to %s, and the answer decides',
  async (_name, listener) => {
    const base = sandbox.urls('acme').publisher;
    const { publisher } = publisherAt(base, listener(base));
    const { triggered, violations } = await askThrough(publisher, 60);
    expect(violations).toEqual([]);
    expect(triggered?.checks.allowed).toBeGreaterThan(20);
    expect(triggered?.checks.denied).toBeGreaterThan(5);
  },
);

test('the sandbox finds out who forwards another body', async () => {
  const { publisher } = publisherAt(sandbox.urls('acme').publisher);
  const forwarded = (body: Buffer) => Buffer.from(JSON.stringify(JSON.parse(`${body}`), null, 1));
  const { violations } = await askThrough(publisher, 5, { forwarded });
  expect(violations.filter((each) => each.startsWith('forwarded otherwise'))).not.toEqual([]);
});

test('the sandbox finds out who says yes where the publisher said no', async () => {
  const { publisher } = publisherAt(sandbox.urls('acme').publisher);
  const { violations } = await askThrough(publisher, 40, { told: () => true });
  expect(new Set(violations.map((each) => each.split(' · ')[0]))).toEqual(
    new Set(['allowed but not held']),
  );
});

const body = Buffer.from('{ "user": {"user_id":"P-1"}, "amount": 1.0 }\n');

test.each([
  ['a missing word', '{"user_id":"P-1"}'],
  ['a word that is neither', '{"allowed":"perhaps"}'],
  ['a text', '"Unauthorized"'],
  ['a list', '[true]'],
])('%s is no yes', async (_name, text) => {
  const far = await startFarSide((_request, response) => void response.end(text));
  onTestFinished(() => far.close());
  const { publisher } = publisherAt(far.url);
  await expect(publisher.decide(body, 1_500)).rejects.toMatchObject({ kind: 'malformed' });
});

test('any casing of the answer will do', async () => {
  const far = await startFarSide((_request, response) => void response.end('{"Allowed":"TRUE"}'));
  onTestFinished(() => far.close());
  expect(await publisherAt(far.url).publisher.decide(body, 1_500)).toBe(true);
});

test('an answer that does not come ends with the budget, and the trigger is not sent twice', async () => {
  const far = await startFarSide(() => {});
  onTestFinished(() => far.close());
  const { publisher } = publisherAt(far.url);
  await expect(publisher.decide(body, 50)).rejects.toMatchObject({ name: 'TimeoutError' });
  expect(far.received.map((each) => [each.method, each.url, each.body])).toEqual([
    ['POST', '/v1/publish', body.toString()],
  ]);
});

test('a publisher that does not know our key is told of', async () => {
  const far = await startFarSide((_request, response) => void response.writeHead(401).end());
  onTestFinished(() => far.close());
  const { publisher, notes } = publisherAt(far.url);
  await expect(publisher.decide(body, 1_500)).rejects.toMatchObject({ kind: 'unauthorized' });
  expect(notes).toEqual([{ told: 'unauthorized', farSide: 'publisher' }]);
});
