import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type Answer, answer, type Call, Refusal, type Route } from './call.ts';
import { countCall } from './campaign.ts';
import type { Fault } from './faults.ts';
import { tooManyRequests } from './limiter.ts';
import { routes } from './routes.ts';
import type { Tenant } from './tenant.ts';

const LARGEST_BODY = 32 * 1024 * 1024;
/** Longer than any client keeps an idle socket, so that the client is the one who closes it. */
const KEEP_ALIVE_MS = 120_000;

export type AnswerControl = (
  method: string,
  path: string,
  body: Buffer,
) => Promise<{ status: number; text: string }>;

/** The far sides under `/{tenant}/{far side}/…` and the control under `/control/…`. */
export function createFarSides(tenants: Map<string, Tenant>, control: AnswerControl): Server {
  const server = createServer((request, response) => {
    serve(tenants, control, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else send(response, answer(500, { error: String(error) }));
    });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.requestTimeout = 0;
  return server;
}

async function serve(
  tenants: Map<string, Tenant>,
  control: AnswerControl,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const arrivedAtMs = Date.now();
  const [pathname = '/', search = ''] = (request.url ?? '/').split('?', 2);
  const [, first = '', far = '', ...rest] = pathname.split('/');
  if (first === 'control') {
    const body = await readAll(request);
    return send(response, await control(request.method ?? 'GET', pathname, body));
  }
  const tenant = tenants.get(first);
  const path = `/${rest.join('/')}`;
  const isAt = (each: Route) => each.far === far && each.path.test(path);
  const route = routes.find((each) => each.method === request.method && isAt(each));
  if (tenant === undefined || route === undefined) {
    request.resume();
    const isKnown = tenant !== undefined && routes.some(isAt);
    return send(response, isKnown ? answer(405, 'Method Not Allowed') : answer(404, 'Not Found'));
  }

  const early = route.tellApart && (await readAll(request));
  const kind = early === undefined ? route.kind : (route.tellApart?.(early) ?? route.kind);
  countCall(tenant.calls, kind);
  const refused = refuseAtTheDoor(tenant, route, request, arrivedAtMs);
  if (refused !== undefined) {
    request.resume();
    return send(response, refused);
  }
  const faults = tenant.faults.strike(route.far, kind, arrivedAtMs);
  const spoiled = strikeBefore(faults, request, response);
  if (spoiled) return;
  tenant.timeline.push({ kind, arrivedAtMs });

  const call: Call = {
    tenant,
    kind,
    arrivedAtMs,
    headers: request.headers,
    query: new URLSearchParams(search),
    params: (route.path.exec(path) ?? []).slice(1).map(decodeURIComponent),
    body: early ?? (await readAll(request)),
    shiftRows: faults.find(({ fault }) => fault === 'shift')?.rows ?? 0,
  };
  const answered = act(route, call);
  await strikeAfter(faults, tenant.latencyMs[route.far], response, answered);
}

/** Key and limiter, in that order, by the arrival of the request's head. */
function refuseAtTheDoor(
  tenant: Tenant,
  { far }: Route,
  request: IncomingMessage,
  arrivedAtMs: number,
): Answer | undefined {
  if (far === 'data' || far === 'platform') return undefined;
  const isKeyRight = request.headers['x-api-key'] === tenant.options[far].apiKey;
  if (tenant.keyBroken || !isKeyRight) {
    tenant.unauthorized += 1;
    tenant.refusedKeys.push(arrivedAtMs);
    return answer(401, 'Unauthorized');
  }
  if (tenant.windows[far]?.admit(arrivedAtMs) === false) {
    tenant.http429 += 1;
    return answer(429, tooManyRequests(limitNames[far]));
  }
  tenant.arrivals.push(arrivedAtMs);
  return undefined;
}

const limitNames = {
  optimove: 'General API',
  promotions: 'Promotions API',
  publisher: 'Publisher API',
};

function act(route: Route, call: Call): Answer {
  if (call.body.length > LARGEST_BODY) return answer(413, 'Content Too Large');
  try {
    return route.handle(call);
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}

/** Faults that keep the call from being acted on; true when one struck. */
function strikeBefore(
  faults: Fault[],
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  for (const { fault, retryAfterSeconds } of faults) {
    if (fault === 'refuse') {
      request.socket.destroy();
      return true;
    }
    if (fault !== '429' && fault !== '500' && fault !== '503') continue;
    request.resume();
    if (fault !== '500') response.setHeader('Retry-After', String(retryAfterSeconds));
    const status = Number(fault);
    send(
      response,
      status === 429 ? answer(429, tooManyRequests('General API')) : answer(status, 'Server error'),
    );
    return true;
  }
  return false;
}

/** The call was acted on; what the caller gets to see of it is another matter. */
async function strikeAfter(
  faults: Fault[],
  latencyMs: number,
  response: ServerResponse,
  answered: Answer,
): Promise<void> {
  const slow = faults.find(({ fault }) => fault === 'slow');
  const waitMs = latencyMs + (slow?.ms ?? 0);
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  for (const { fault } of faults) {
    if (fault === 'hang') return;
    if (fault === 'reset') {
      response.destroy();
      return;
    }
    if (fault === 'half') return sendHalf(response, answered);
  }
  send(response, answered);
}

function send(response: ServerResponse, { status, text }: Answer): void {
  response.statusCode = status;
  if (text !== undefined) response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(text ?? ''));
  // As text it leaves in one piece with the head.
  response.end(text ?? '');
}

function sendHalf(response: ServerResponse, { status, text }: Answer): void {
  const body = Buffer.from(text ?? '');
  // An empty answer is cut by promising one byte that never comes.
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Math.max(body.length, 1),
  });
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
}

/** The whole body, but no more than a byte over the limit is kept. */
function readAll(request: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  // By events: an iterator costs as much as the rest of a small call.
  request.on('data', (chunk: Buffer) => {
    if (size <= LARGEST_BODY) chunks.push(chunk);
    size += chunk.length;
  });
  request.on('end', () =>
    resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)),
  );
  request.on('error', reject);
  return promise;
}
