import { Pool } from 'undici';

/** One POST, and what is done with its answer: exactly one of the three is called, once. */
export interface Sending {
  body: string;
  headers: Record<string, string>;
  /** The instant (ms of `performance.now`) from which it is not sent any more. */
  lapsesAtMs: number;
  /** `sentAtMs`: when a connection was found for it. */
  heard(status: number, text: string, sentAtMs: number, retryAfter: string | undefined): void;
  failed(error: Error): void;
  /** No answer within the time-out, or no connection came free in time. */
  givenUp(): void;
}

const CONNECT_TIMEOUT_MS = 2000;
const KEEP_ALIVE_MS = 30_000;
const LARGEST_ANSWER = 64 * 1024;

/**
 * A lean client of one address: connections are kept alive and bounded, and there is no timer of a
 * request's own. What finds every connection busy waits in the order it came.
 */
export function createSender(url: string, connections: number, timeoutMs: number) {
  const { origin, pathname, search } = new URL(url);
  const path = pathname + search;
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  });
  let waiting: Sending[] = [];
  let first = 0;
  let busy = 0;

  function send(sending: Sending): void {
    if (busy < connections) dispatch(sending);
    else waiting.push(sending);
  }

  function dispatch(sending: Sending): void {
    busy += 1;
    const sentAtMs = performance.now();
    let status = 0;
    let text = '';
    let retryAfter: string | undefined;
    pool.dispatch(
      { path, method: 'POST', headers: sending.headers, body: sending.body },
      {
        onRequestStart() {},
        onResponseStart(_, statusCode, headers) {
          status = statusCode;
          const told = headers['retry-after'];
          if (typeof told === 'string') retryAfter = told;
        },
        onResponseData(controller, chunk) {
          text += chunk.toString('utf8');
          if (text.length > LARGEST_ANSWER) controller.abort(new Error('the answer is too large'));
        },
        onResponseEnd() {
          sending.heard(status, text, sentAtMs, retryAfter);
          release();
        },
        onResponseError(_, error) {
          if (isTimeout(error)) sending.givenUp();
          else sending.failed(error);
          release();
        },
      },
    );
  }

  function release(): void {
    busy -= 1;
    while (first < waiting.length && busy < connections) {
      const next = waiting[first];
      first += 1;
      if (next === undefined) continue;
      if (performance.now() > next.lapsesAtMs) next.givenUp();
      else dispatch(next);
    }
    if (first < waiting.length && first < 1024) return;
    waiting = waiting.slice(first);
    first = 0;
  }

  return {
    send,
    /** Without answer yet, the waiting among them. */
    open: () => busy + waiting.length - first,
    async close(): Promise<void> {
      waiting = [];
      first = 0;
      await pool.destroy();
    },
  };
}

export type Sender = ReturnType<typeof createSender>;

function isTimeout(error: Error): boolean {
  return error.name === 'HeadersTimeoutError' || error.name === 'BodyTimeoutError';
}
