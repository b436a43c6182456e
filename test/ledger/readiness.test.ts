import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { awaitLedger } from '../../src/ledger/readiness.ts';
import { openLedger, type TestLedger } from './ledger.ts';

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await openLedger(1);
});
afterAll(() => ledger.close());

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** As Postgres says it, in a message of its protocol. */
function refusal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

/** A way to the ledger that is refused so often first, as by a Postgres that is not up yet. */
async function openRecovering(times: number, answer = startingUp) {
  const target = new URL(ledger.url);
  let tries = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}));
    tries += 1;
    if (tries <= times) {
      socket.once('data', () => socket.end(answer));
      return;
    }
    const onward = connect(Number(target.port), target.hostname);
    sockets.add(onward.on('error', () => {}));
    socket.pipe(onward).pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('It listens at no port');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(address.port);
  return { url: url.href, tries: () => tries };
}

const startingUp = refusal('57P03', 'the database system is starting up');

function notes() {
  const lines: string[] = [];
  const note = (_facts: unknown, message: string) => void lines.push(message);
  return { lines, log: { info: note, warn: note, error: note } };
}

test('a ledger that is starting up is waited for, and the log says so once', async () => {
  const { url, tries } = await openRecovering(3);
  const { lines, log } = notes();
  await awaitLedger(url, log, { everyMs: 1 });
  expect(tries()).toBe(4);
  expect(lines).toEqual([expect.stringContaining('starting up')]);
});

test('a ledger that does not come up is waited for no longer than the bound', async () => {
  const { url, tries } = await openRecovering(Infinity);
  const { lines, log } = notes();
  await expect(awaitLedger(url, log, { everyMs: 1, boundMs: 200 })).rejects.toThrow(/starting up/);
  expect(tries()).toBeGreaterThan(1);
  expect(lines).toHaveLength(1);
});

test('what is wrong with a ledger otherwise is said at once', async () => {
  const { url, tries } = await openRecovering(Infinity, refusal('28P01', 'no such password'));
  const { lines, log } = notes();
  await expect(awaitLedger(url, log)).rejects.toThrow(/no such password/);
  expect(tries()).toBe(1);
  expect(lines).toEqual([]);
});

test('nobody waits for a ledger where there is none', async () => {
  const { log } = notes();
  // Port 9 (discard) has no listener.
  const url = 'postgres://nobody@127.0.0.1:9/nothing';
  await expect(awaitLedger(url, log)).rejects.toThrow(/ECONNREFUSED/);
});

test('a ledger that is up is waited for not at all', async () => {
  const { lines, log } = notes();
  await awaitLedger(ledger.url, log);
  expect(lines).toEqual([]);
});
