import { Agent } from 'undici';
import type { AlertReceiver } from '../domain/alert.ts';
import { faultOf } from './http/answer.ts';
import { exchange } from './http/exchange.ts';
import { signatureOf } from './http/signature.ts';

/** Whoever hears of alerts has this long to answer. */
const timeoutMs = 10_000;

/** Most that a receiver may answer; nothing of it is read. */
const largestAnswerBytes = 65_536;

/** The receiver of alerts: a webhook of ours, signed as Standard Webhooks. */
export function createAlertReceiver(settings: { url: string; secret: string }): AlertReceiver {
  const { origin, pathname, search } = new URL(settings.url);
  const agent = new Agent({ connect: { timeout: 5_000 }, maxResponseSize: largestAnswerBytes });
  return {
    async tell({ noticeId, body }) {
      const bytes = Buffer.from(JSON.stringify(body));
      const answer = await exchange(agent, {
        ...{ name: 'alerts', origin, path: pathname + search, method: 'POST', timeoutMs },
        headers: {
          'content-type': 'application/json',
          ...signatureOf(settings.secret, noticeId, bytes),
        },
        body: bytes,
      });
      const fault = faultOf('alerts', answer);
      if (fault) throw fault;
    },
  };
}
