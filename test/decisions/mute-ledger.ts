import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/**
 * A way to a ledger that goes mute: it still hears the next commit of a check's answer, and from then on
 * nothing passes either way until it is let through.
 */
export async function openMuteLedger(url: string) {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const heldBack: (() => void)[] = [];
  let isArmed = false;
  let isMute = false;

  const server = createServer((socket) => {
    const onward = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
    let isAnswering = false;
    socket.on('data', (chunk: Buffer) => {
      if (chunk.includes('answer_triggers')) isAnswering = true;
      if (isMute) heldBack.push(() => onward.write(chunk));
      else onward.write(chunk);
      if (isArmed && isAnswering && chunk.includes('commit')) isMute = true;
    });
    onward.on('data', (chunk: Buffer) => {
      if (isMute) heldBack.push(() => socket.write(chunk));
      else socket.write(chunk);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('It listens at no port');
  const own = new URL(target);
  own.hostname = '127.0.0.1';
  own.port = String(address.port);
  return {
    url: own.href,
    /** The next commit of an answer is not confirmed. */
    muteAfterCommit(): void {
      isArmed = true;
    },
    letThrough(): void {
      isArmed = false;
      isMute = false;
      for (const write of heldBack.splice(0)) write();
    },
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
