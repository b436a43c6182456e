import type { IncomingHttpHeaders } from 'node:http';
import type { Agent, Dispatcher } from 'undici';
import { Fault } from '../../domain/fault.ts';

/** One request, as it goes on the wire. */
export interface Outgoing {
  /** What the far side and the call are called in messages. */
  name: string;
  origin: string;
  path: string;
  method: 'GET' | 'POST' | 'PUT';
  headers: Record<string, string>;
  body: Buffer | undefined;
  timeoutMs: number;
  /** Asked on the open connection, before the first byte; throws to keep everything unsent. */
  beforeSend?: () => void;
  /** Ends a reading call; an effect has none, it is never aborted on the wire. */
  signal?: AbortSignal;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/**
 * Sends one request once and reads the whole answer, whatever its status. No answer is a Fault:
 * `not_sent` where no byte left this process, else `unknown`. An aborted signal throws its reason.
 *
 * It speaks to undici's dispatcher, because only that tells the moment at which the first byte leaves.
 */
export function exchange(agent: Agent, outgoing: Outgoing): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { name, origin, path, method, headers, body, timeoutMs, signal } = outgoing;
  const chunks: Buffer[] = [];
  const answer = { status: 0, headers: {} };
  let wire: Dispatcher.DispatchController | undefined;
  let isOver = false;

  const lost = (what: string, cause?: unknown) =>
    new Fault(wire ? 'unknown' : 'not_sent', `${name}: ${what}`, { cause });
  const finish = (): boolean => {
    if (isOver) return false;
    isOver = true;
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    return true;
  };
  const fail = (error: Error) => {
    if (!finish()) return;
    reject(error);
    wire?.abort(error);
  };
  const abort = () => fail(signal?.reason);
  const timer = setTimeout(() => fail(lost(`no answer within ${timeoutMs} ms`)), timeoutMs);
  signal?.addEventListener('abort', abort);

  const request = { origin, path, method, headers, ...(body && { body }) };
  agent.dispatch(request, {
    onRequestStart(controller) {
      // Also where the connection took longer than the caller waited: then nothing is sent.
      if (isOver) throw new Fault('not_sent', `${name}: given up before it was sent`);
      if (wire) throw new Fault('unknown', `${name}: the connection broke, it is not sent twice`);
      outgoing.beforeSend?.();
      wire = controller;
    },
    onResponseStart(_controller, status, received) {
      Object.assign(answer, { status, headers: received });
    },
    onResponseData(_controller, chunk) {
      chunks.push(chunk);
    },
    onResponseEnd() {
      if (finish()) resolve({ ...answer, body: Buffer.concat(chunks) });
    },
    onResponseError(_controller, error) {
      fail(error instanceof Fault ? error : lost(describe(error), error));
    },
  });
  return promise;
}

/** The name of what went wrong, such as ECONNREFUSED; never a text that could quote a body. */
function describe(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
