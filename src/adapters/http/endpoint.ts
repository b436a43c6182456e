import { createHash } from 'node:crypto';
import { Agent } from 'undici';
import { Fault } from '../../domain/fault.ts';
import type { FarSide } from '../../domain/words.ts';
import type { Call, OnUnauthorized, Permit, RateLimit, Reading, Turn } from '../../world.ts';
import { faultOf, hasAnswered } from './answer.ts';
import { type Answer, exchange, type Outgoing } from './exchange.ts';
import { createGate } from './gate.ts';
import { createRefusals, keyOf } from './refusals.ts';

/** How long an answer is waited for, milliseconds; lists of 10,000 rows are slow (API §3). */
export const answerTimeoutMs = 30_000;
export const listTimeoutMs = 120_000;

const connectTimeoutMs = 5_000;

/** A page of 200,000 rows, the largest ever seen (API §4.1), is below 40 MB. */
const largestAnswerBytes = 64 * 1_048_576;

/** How long everyone pauses after a 429 that does not say it. */
const pauseMs = 1_000;

export interface EndpointSettings {
  farSide: FarSide;
  baseUrl: string;
  /** Asked for each request anew: a key may be mended while a call waits for its turn. */
  headers: () => Record<string, string>;
  limit: RateLimit | undefined;
  /** Most reading calls in flight at once, so that a wrong key is noticed before many have left. */
  maxReads?: number;
  /** Headers that sign a body under an id, made anew for each request. */
  sign?: (id: string, body: Buffer) => Record<string, string>;
}

export interface Dependencies {
  turn: Turn;
  onUnauthorized: OnUnauthorized;
  /** Told of each call that the far side answered, or did not: for who watches for silence. */
  onContact?: (farSide: FarSide, isAnswered: boolean) => void;
}

interface Question<A> {
  /** The call's name, for messages. */
  name: string;
  /** The documented path, with its query. */
  path: string;
  timeoutMs: number;
  /** Understands an answer of 2xx, or throws a Fault `malformed`. */
  read(answer: Answer, name: string): A;
}

/** Where there is a body it is a POST, unless said otherwise. */
export interface ReadRequest<A> extends Question<A> {
  /** JSON; a Buffer is sent as it is. */
  body?: unknown;
  method?: 'POST' | 'PUT';
  /** Asks whether our key is known by now: it is sent also right after a refusal. */
  isProbe?: boolean;
}

export interface EffectRequest<A> extends Question<A> {
  body: unknown;
  /** Sent as `Idempotency-Key` where the far side knows one. */
  key?: string;
}

export interface Endpoint {
  /** A reading call: takes a turn, may be aborted, may be asked again. */
  read<A>(request: ReadRequest<A>, reading: Reading): Promise<A>;
  /** A call that changes something: its body is fixed now and sent under a permit. */
  call<A>(request: EffectRequest<A>): Call<A>;
}

/** One far side over HTTP: keep-alive connections, each outcome an answer or a Fault. No retries. */
export function createEndpoint(settings: EndpointSettings, deps: Dependencies): Endpoint {
  const { farSide, limit } = settings;
  const url = new URL(settings.baseUrl);
  const prefix = url.pathname.replace(/\/+$/, '');
  const agent = new Agent({
    connect: { timeout: connectTimeoutMs },
    maxResponseSize: largestAnswerBytes,
    // One timer in `exchange` bounds the whole call instead.
    headersTimeout: 0,
    bodyTimeout: 0,
  });

  const inTurn = createGate(settings.maxReads ?? Infinity);
  const refusals = createRefusals();

  function outgoing<A>(request: Question<A>, body?: Body, key?: string): Outgoing {
    const id = key ?? body?.hash;
    return {
      name: `${farSide} ${request.name}`,
      origin: url.origin,
      path: prefix + request.path,
      method: body ? 'POST' : 'GET',
      timeoutMs: request.timeoutMs,
      body: body?.bytes,
      headers: {
        accept: 'application/json',
        ...settings.headers(),
        ...(body && { 'content-type': 'application/json' }),
        ...(body && id && settings.sign?.(id, body.bytes)),
        ...(key !== undefined && { 'idempotency-key': key }),
      },
    };
  }

  async function refuse(out: Outgoing, fault: Fault): Promise<never> {
    // An answer to the old key says nothing of the one that was put in its place meanwhile.
    if (fault.kind === 'unauthorized' && keyOf(out.headers) === keyOf(settings.headers())) {
      // If the halt cannot be written now, the next call hears the same and tries again.
      const isHalted = await deps.onUnauthorized(farSide, fault.message).then(
        () => true,
        () => false,
      );
      if (isHalted) refusals.remember(out);
    }
    throw fault;
  }

  /** Sends and understands; whoever watches is told whether the far side answered. */
  async function ask<A>(
    out: Outgoing,
    read: Question<A>['read'],
    onAnswer: (fault: Fault | undefined) => Promise<void>,
  ): Promise<A> {
    try {
      const answer = await exchange(agent, out);
      const fault = faultOf(out.name, answer);
      await onAnswer(fault);
      if (fault) return await refuse(out, fault);
      const understood = read(answer, out.name);
      refusals.forget();
      deps.onContact?.(farSide, true);
      return understood;
    } catch (error) {
      const isAnswered = error instanceof Fault ? hasAnswered(error) : undefined;
      if (isAnswered !== undefined) deps.onContact?.(farSide, isAnswered);
      throw error;
    }
  }

  /** A call holds the bytes alone while it waits and is answered: what they were made of is large. */
  function callOf<A>(request: Omit<EffectRequest<A>, 'body'>, body: Body): Call<A> {
    return {
      hash: body.hash,
      timeoutMs: request.timeoutMs,
      limit,
      async send(permit) {
        const out = outgoing(request, body, request.key);
        refusals.check(out);
        const beforeSend = () => checkPermit(out.name, permit);
        return ask({ ...out, beforeSend }, request.read, async () => {});
      },
    };
  }

  return {
    read: (request, { rank, signal }) =>
      inTurn(async () => {
        const slot = limit && (await deps.turn(limit, rank, signal));
        signal.throwIfAborted();
        const body = request.body === undefined ? undefined : buildBody(request.body);
        const { method } = request;
        const out = { ...outgoing(request, body), ...(method && { method }), signal };
        if (!request.isProbe) refusals.check(out);
        return ask(out, request.read, async (fault) => {
          if (fault?.status === 429) await slot?.pause(fault.retryAfterMs ?? pauseMs);
          await slot?.answered();
        });
      }),

    call: ({ body, ...request }) => callOf(request, buildBody(body)),
  };
}

interface Body {
  bytes: Buffer;
  hash: string;
}

function buildBody(value: unknown): Body {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  return { bytes, hash: createHash('sha256').update(bytes).digest('hex') };
}

function checkPermit(name: string, { until }: Permit): void {
  if (performance.now() < until) return;
  throw new Fault('not_sent', `${name}: its permit was over before it could be sent`);
}
