import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Log } from '../world.ts';

/** What is wrong, for machines and people (RFC 9457). */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string().optional(),
});

const titles: Record<number, string> = {
  400: 'The request cannot be read',
  401: 'No valid key',
  403: 'Not allowed',
  404: 'There is no such thing here',
  405: 'This address does not take this method',
  408: 'The request took too long',
  409: 'Not as things stand',
  410: 'No longer to be had',
  413: 'The body is too large',
  414: 'The address is too long',
  431: 'The headers are too large',
  503: 'Busy; please come again',
};

/** Answers with a problem. `detail` is one clear sentence that quotes no secret; `more` are a door's own words. */
export function sendProblem(
  reply: FastifyReply,
  status: number,
  detail: string,
  more: Record<string, string> = {},
): FastifyReply {
  return reply
    .code(status)
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send({
      type: 'about:blank',
      title: titles[status] ?? 'The request failed',
      status,
      detail,
      ...more,
    });
}

/** Whatever was thrown on the way to an answer. The path is not logged: it may hold a token. */
export function createErrorHandler(log: Log) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const status = error.statusCode ?? 500;
    const door = request.routeOptions.url;
    if (status < 500) {
      log.warn({ door, status, code: error.code }, 'a request was refused');
      const maxBytes = request.routeOptions.bodyLimit;
      return sendProblem(reply, status, sentenceFor(status, error, maxBytes));
    }
    log.error({ door, status, error: error.message, stack: error.stack }, 'a request failed');
    return sendProblem(reply, status, 'Something went wrong here; the log says what.');
  };
}

function sentenceFor(status: number, error: FastifyError, maxBytes: number): string {
  if (status === 413) return `The body may have at most ${maxBytes / 1_048_576} MiB.`;
  if (error.validation) return `Some of the request cannot be used: ${error.message}.`;
  return 'The request is not of the expected form.';
}
