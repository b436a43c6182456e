import { connect, createServer } from 'node:net';
import { Agent } from 'undici';
import { afterEach, expect, test } from 'vitest';
import { createEndpoint } from '../../src/adapters/http/endpoint.ts';
import { exchange } from '../../src/adapters/http/exchange.ts';
import { permit, reading, type SmallFarSide, startFarSide, waitUntil } from './tools.ts';

const farSides: SmallFarSide[] = [];
const agent = new Agent();
afterEach(async () => {
  for (const farSide of farSides.splice(0)) await farSide.close();
});

async function start(answer: Parameters<typeof startFarSide>[0]): Promise<SmallFarSide> {
  const farSide = await startFarSide(answer);
  farSides.push(farSide);
  return farSide;
}

function outgoing(origin: string, timeoutMs: number) {
  const body = Buffer.from('{}');
  return { name: 'test', origin, path: '/', method: 'POST', headers: {}, body, timeoutMs } as const;
}

test('no answer in time is unknown once the request has left', async () => {
  const { url, received } = await start(() => undefined);
  await expect(exchange(agent, outgoing(url, 200))).rejects.toMatchObject({ kind: 'unknown' });
  expect(received).toHaveLength(1);
});

test('half an answer in time is no answer', async () => {
  const { url } = await start((_request, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('{"half":');
  });
  await expect(exchange(agent, outgoing(url, 200))).rejects.toMatchObject({ kind: 'unknown' });
});

test('what was given up before its connection stood is not sent afterwards', async () => {
  const { url, received } = await start((_request, response) => response.end('{}'));
  const waiting: (() => void)[] = [];
  const slow = new Agent({
    connect: ({ port }, callback) => {
      const socket = connect(Number(port), '127.0.0.1');
      waiting.push(() => callback(null, socket));
    },
  });
  const lost = exchange(slow, outgoing(url, 50));
  await expect(lost).rejects.toMatchObject({ kind: 'not_sent' });
  const second = exchange(slow, outgoing(url, 5_000));
  await waitUntil(() => waiting.length === 2);
  for (const open of waiting) open();
  expect((await second).status).toBe(200);
  expect(received).toHaveLength(1);
});

test('what beforeSend throws keeps everything unsent', async () => {
  const { url, received } = await start((_request, response) => response.end('{}'));
  const beforeSend = () => {
    throw new Error('not now');
  };
  const kept = exchange(agent, { ...outgoing(url, 5_000), beforeSend });
  await expect(kept).rejects.toMatchObject({ kind: 'not_sent' });
  expect(received).toEqual([]);
});

test('calls after one another share their connections', async () => {
  const sockets = new Set<unknown>();
  const { url } = await start((request, response) => {
    sockets.add(request.socket);
    response.end('{}');
  });
  for (let call = 0; call < 5; call += 1) await exchange(agent, outgoing(url, 5_000));
  // An answer may end a moment before undici sees its connection as free.
  expect(sockets.size).toBeLessThanOrEqual(2);
});

test('a far side that hangs up before it answers has perhaps acted', async () => {
  const server = createServer((socket) => socket.once('data', () => socket.destroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('no port');
  const lost = exchange(agent, outgoing(`http://127.0.0.1:${address.port}`, 5_000));
  await expect(lost).rejects.toMatchObject({ kind: 'unknown' });
  await new Promise((resolve) => server.close(resolve));
});

test('a halt that cannot be written does not hide that our key is unknown', async () => {
  const { url } = await start((_request, response) => response.writeHead(401).end());
  let halts = 0;
  const endpoint = createEndpoint(
    { farSide: 'platform', baseUrl: url, headers: () => ({}), limit: undefined },
    {
      turn: () => Promise.reject(new Error('no limit, no turn')),
      onUnauthorized: async () => {
        halts += 1;
        throw new Error('the ledger is away');
      },
    },
  );
  const question = { name: 'test', path: '/', timeoutMs: 5_000, read: () => true };
  const unauthorized = { kind: 'unauthorized', message: 'platform test: answered 401' };
  await expect(endpoint.read(question, reading())).rejects.toMatchObject(unauthorized);
  const call = endpoint.call({ ...question, body: {} });
  await expect(call.send(permit())).rejects.toMatchObject(unauthorized);
  await waitUntil(() => halts === 2);
});

test.each([
  ['7', 7_000],
  ['0', 0],
  ['999999999', 600_000],
  ['Thu, 01 Jan 2026 00:00:00 GMT', 0],
  ['soon', undefined],
])('Retry-After: %s is a wait of %s ms', async (header, retryAfterMs) => {
  const { url } = await start((_request, response) =>
    response.writeHead(503, { 'retry-after': header }).end(),
  );
  const endpoint = createEndpoint(
    { farSide: 'platform', baseUrl: url, headers: () => ({}), limit: undefined },
    { turn: () => Promise.reject(new Error('no turn')), onUnauthorized: async () => {} },
  );
  const question = { name: 'test', path: '/', timeoutMs: 5_000, read: () => true };
  await expect(endpoint.read(question, reading())).rejects.toMatchObject({
    kind: 'unknown',
    retryAfterMs,
  });
});
