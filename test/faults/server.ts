import { createSerial } from './serial.ts';

/** A server that may be killed and started again on its own data, at its own address. */
export interface KillableServer {
  address: string;
  /** Of the process all others of it descend from; undefined while it is down, or not known. */
  pid(): number | undefined;
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

interface Running {
  address: string;
  pid?: number;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a server; throws where it does not come back at the address that everybody knows. */
export async function createServerHandle(start: () => Promise<Running>): Promise<KillableServer> {
  const first = await start();
  const { address } = first;
  let running: Running | undefined = first;
  // A crash may come while the server is still coming up from the one before.
  const inTurn = createSerial();
  return {
    address,
    pid: () => running?.pid,
    kill: () =>
      inTurn(async () => {
        const killed = running;
        running = undefined;
        await killed?.kill();
      }),
    start: () =>
      inTurn(async () => {
        if (running) return;
        running = await start();
        if (running.address !== address) throw new Error(`it came back at ${running.address}`);
      }),
    stop: () =>
      inTurn(async () => {
        const stopped = running;
        running = undefined;
        await stopped?.stop();
      }),
  };
}
