import { setTimeout as delay } from 'node:timers/promises';
import { type Child, launch } from '../../local/child.ts';
import { createSerial } from './serial.ts';

/** A process of promoflow that may be killed, and that is started again as a supervisor would do. */
export interface Supervised {
  name: string;
  start(): Promise<void>;
  /** SIGKILL: no farewell, nothing is let go. It stays down until it is started. */
  kill(): Promise<void>;
  /** SIGSTOP: it keeps its connections, its locks and its memory, and does nothing. */
  freeze(): void;
  wake(): void;
  stop(): Promise<void>;
  /** Its last words, each time it ended by itself. */
  falls(): string[];
}

/** As long as a supervisor waits before it starts again what ended by itself. */
const restartAfterMs = 500;

export function supervise(what: {
  name: string;
  main: string;
  logFile: string;
  env: NodeJS.ProcessEnv;
}): Supervised {
  const falls: string[] = [];
  const inTurn = createSerial();
  let child: Child | undefined;
  let isWanted = false;

  async function run(): Promise<void> {
    if (child && !child.hasEnded()) return;
    const started = await launch({
      command: process.execPath,
      args: [what.main],
      env: what.env,
      logFile: what.logFile,
      appends: true,
      farewells: [{ signal: 'SIGTERM', waitMs: 20_000 }],
    });
    child = started;
    void started.ended.then(async () => {
      if (!isWanted || child !== started) return;
      falls.push(started.lastWords());
      await delay(restartAfterMs);
      await inTurn(async () => {
        if (isWanted) await run();
      });
    });
  }
  function signal(name: NodeJS.Signals): void {
    if (child && !child.hasEnded()) process.kill(child.identity.pid, name);
  }

  return {
    name: what.name,
    start: () =>
      inTurn(() => {
        isWanted = true;
        return run();
      }),
    kill: () =>
      inTurn(async () => {
        isWanted = false;
        await child?.kill();
      }),
    freeze: () => signal('SIGSTOP'),
    wake: () => signal('SIGCONT'),
    stop: () =>
      inTurn(async () => {
        isWanted = false;
        signal('SIGCONT');
        await child?.stop();
      }),
    falls: () => falls,
  };
}
