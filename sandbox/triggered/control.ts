/*
 * The control API of triggered campaigns and of the shop, JSON in and out.
 *
 * POST   /control/{t}/triggered                triggeredOptions (options.ts) → 201 {campaignId}
 * POST   /control/{t}/campaigns/{id}/checks    checksOptions → measures; asks the gate
 * POST   /control/{t}/campaigns/{id}/events    eventsOptions → measures; sends event 11
 * POST   /control/{t}/campaigns/{id}/claims    claimsOptions → measures; the shop claims
 * GET    /control/{t}/gates                    the addresses of the gate that was registered last
 * GET    /control/{t}/campaigns/{id}/checks    the measures so far; also events, claims
 * DELETE /control/{t}/campaigns/{id}/fire      no more is sent
 *
 * The three that open fire answer at once, or with `"wait": true` when the last answer is there.
 */
import { z } from 'zod';
import type { Director } from '../director.ts';
import { type Asked, at, type Order } from '../order.ts';
import type { Fire } from './fire.ts';
import { checksOptions, claimsOptions, eventsOptions, triggeredOptions } from './options.ts';

const waiting = { wait: z.boolean().default(false) };
const checksBody = checksOptions.extend(waiting);
const eventsBody = eventsOptions.extend(waiting);
const claimsBody = claimsOptions.extend(waiting);

export function triggerOrdersOf(director: Director): Order[] {
  const campaign = '/control/([^/]+)/campaigns/([^/]+)';
  const readings = ['checks', 'events', 'claims'] as const;
  return [
    [
      'POST',
      at('/control/([^/]+)/triggered'),
      201,
      ({ tenant, body }) => ({
        campaignId: Number(director.createTriggered(tenant, triggeredOptions.parse(body))),
      }),
    ],
    [
      'POST',
      at(`${campaign}/checks`),
      200,
      async ({ tenant, id, body }: Asked) => {
        const { wait, ...options } = checksBody.parse(body);
        await ended(director.fireChecks(tenant, id, options), wait);
        return director.checks(tenant, id);
      },
    ],
    [
      'POST',
      at(`${campaign}/events`),
      200,
      async ({ tenant, id, body }: Asked) => {
        const { wait, ...options } = eventsBody.parse(body);
        await ended(director.fireEvents(tenant, id, options), wait);
        return director.events(tenant, id);
      },
    ],
    [
      'POST',
      at(`${campaign}/claims`),
      200,
      async ({ tenant, id, body }: Asked) => {
        const { wait, ...options } = claimsBody.parse(body);
        await ended(director.fireClaims(tenant, id, options), wait);
        return director.claims(tenant, id);
      },
    ],
    ...readings.map(
      (reading): Order => [
        'GET',
        at(`${campaign}/${reading}`),
        200,
        ({ tenant, id }) => director[reading](tenant, id),
      ],
    ),
    ['GET', at('/control/([^/]+)/gates'), 200, ({ tenant }) => director.gates(tenant)],
    ['DELETE', at(`${campaign}/fire`), 200, ({ tenant, id }) => director.ceaseFire(tenant, id)],
  ];
}

async function ended(fire: Fire, wait: boolean): Promise<void> {
  if (wait) await fire.finished;
}
