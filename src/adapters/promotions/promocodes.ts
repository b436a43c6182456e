import { z } from 'zod';
import { isObject, readId } from '../../wire/atoms.ts';
import type { Promocode } from '../../world.ts';
import { malformed, readShape } from '../http/answer.ts';
import type { Answer } from '../http/exchange.ts';

const promocodes = z.object({ items: z.array(z.unknown()) });

/** The promocode of that very code; undefined where it is not among the answered (API §10.3). */
export function readPromocode(answer: Answer, name: string, code: string): Promocode | undefined {
  const { items } = readShape(name, promocodes, answer);
  const item = items.filter(isObject).find((each) => each['code'] === code);
  if (!item) return undefined;
  const promocodeId = readId(item['promocodeId']);
  if (promocodeId === undefined) throw malformed(name, 'the promocode has no id');
  return { promocodeId, promotionId: readId(item['promotionId']) };
}

const promocode = z.record(z.string(), z.unknown());

/** The code of a promocode that was asked for by its id (API §10.3). */
export function readCode(answer: Answer, name: string): string {
  const code = readId(readShape(name, promocode, answer)['code']);
  if (code === undefined) throw malformed(name, 'the promocode has no code');
  return code;
}
