import type { IncomingHttpHeaders } from 'node:http';
import type { z } from 'zod';
import type { FarSide } from './options.ts';
import type { Tenant } from './tenant.ts';

/** One call to a far side, as it arrived. Everything is judged by `arrivedAtMs`. */
export interface Call {
  tenant: Tenant;
  kind: string;
  arrivedAtMs: number;
  headers: IncomingHttpHeaders;
  query: URLSearchParams;
  /** What the path's pattern captured. */
  params: string[];
  body: Buffer;
  /** Rows by which a fault moves this page. */
  shiftRows: number;
}

export interface Answer {
  status: number;
  /** JSON text; absent: an empty body, as Optimove answers writes. */
  text?: string;
}

export interface Route {
  far: FarSide;
  method: 'GET' | 'POST' | 'PUT';
  /** Matched against the path below the far side, without regard to case. */
  path: RegExp;
  /** The name under which the books count the call and faults find it. */
  kind: string;
  /** Two calls come to one address: the kind is read from the body. */
  tellApart?(body: Buffer): string;
  handle(call: Call): Answer;
}

export function answer(status: number, body: unknown): Answer {
  return { status, text: JSON.stringify(body) };
}

/** Thrown by a far side that refuses a call; the server answers with it. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(refused: Answer) {
    super(refused.text ?? '');
    this.answer = refused;
  }
}

/** Refuses in the form of the 429 body, which Promotions is taken to use for all errors. */
export function refuse(status: number, error: string, message: string): never {
  throw new Refusal(answer(status, { status, error, message }));
}

/** The body in the shape that the far side understands; refuses with 400 what is not. */
export function readBody<Schema extends z.ZodType>(call: Call, schema: Schema): z.output<Schema> {
  const parsed = schema.safeParse(parseJson(call.body));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return refuse(400, 'Bad Request', `${issue?.path.join('.')}: ${issue?.message}`);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return refuse(400, 'Bad Request', 'the body is not JSON');
  }
}
