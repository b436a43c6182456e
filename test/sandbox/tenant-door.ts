import { createServer, type IncomingMessage } from 'node:http';
import { onTestFinished } from 'vitest';
import type { Json } from './caller.ts';

/** What the tenant's door answers; `destroy` breaks the connection instead. */
export interface Reply {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
  afterMs?: number;
  destroy?: boolean;
}

export interface Heard {
  body: Json;
  headers: IncomingMessage['headers'];
}

/** A door of the tenant (gate, webhook door or claims): keeps what came, answers as it is told. */
export async function openTenantDoor(reply: (body: Json, count: number) => Reply | Promise<Reply>) {
  const heard: Heard[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    heard.push({ body, headers: request.headers });
    const told = await reply(body, heard.length);
    const { status = 200, headers = {}, afterMs = 0, destroy = false } = told;
    if (destroy) {
      request.socket.destroy();
      return;
    }
    const text = typeof told.body === 'string' ? told.body : JSON.stringify(told.body ?? {});
    const send = () => response.writeHead(status, headers).end(text);
    if (afterMs === 0) send();
    else setTimeout(send, afterMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/door?token=t`, heard };
}

/** A gate's answer for this question. */
export const allow = (question: Json, allowed: boolean): Reply => ({
  body: { user_id: question.user.user_id, allowed },
});
