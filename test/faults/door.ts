import { connect, createServer, type Server, type Socket } from 'node:net';
import { lastingPort } from './ports.ts';

/** The way to one far side: shut, it refuses connections as a host does that is down. */
export interface Door {
  /** The far side's address, through this door. */
  url: string;
  /** Cuts every connection and listens no more. */
  shut(): Promise<void>;
  open(): Promise<void>;
}

/** Opens a door before the far side at `behind`. */
export async function openDoor(behind: string): Promise<Door> {
  const target = new URL(behind);
  const port = await lastingPort();
  const sockets = new Set<Socket>();
  let server: Server | undefined;

  function pass(socket: Socket): void {
    const onward = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
    socket.pipe(onward).pipe(socket);
  }

  async function open(): Promise<void> {
    if (server) return;
    const opened = createServer(pass);
    server = opened;
    await new Promise<void>((resolve, reject) => {
      opened.once('error', reject);
      opened.listen(port, '127.0.0.1', resolve);
    });
  }

  await open();
  const url = new URL(target);
  url.port = String(port);
  return {
    url: url.href,
    open,
    async shut() {
      const shutting = server;
      if (!shutting) return;
      server = undefined;
      const closed = new Promise((resolve) => shutting.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
