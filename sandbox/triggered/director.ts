import type { z } from 'zod';
import type { Campaign } from '../campaign.ts';
import type { Tenant } from '../tenant.ts';
import { addTriggered } from './campaign.ts';
import { readChecks } from './check-books.ts';
import { fireChecks, triggerOf } from './checks.ts';
import { readEvents } from './event-books.ts';
import { fireEvents } from './events.ts';
import type { Fire } from './fire.ts';
import { checksOptions, claimsOptions, eventsOptions, triggeredOptions } from './options.ts';
import { fireClaims } from './shop.ts';
import { readClaimBooks } from './verdict.ts';

/** What may be asked of the far sides of triggered campaigns, and of the shop. */
export function createTriggerOrders(
  tenantOf: (name: string) => Tenant,
  campaignOf: (name: string, id: string | number) => Campaign,
) {
  const fires = new Map<Fire, string>();

  /** Keeps the fire, so that it can be stopped, until it is over. */
  function keep(name: string, id: string | number, fire: Fire): Fire {
    fires.set(fire, `${name} ${id}`);
    const forget = () => fires.delete(fire);
    fire.finished.then(forget, forget);
    return fire;
  }

  return {
    /** Makes a triggered campaign; nobody meets its trigger yet. Returns its id. */
    createTriggered(name: string, options: z.input<typeof triggeredOptions> = {}): string {
      return addTriggered(tenantOf(name), triggeredOptions.parse(options)).id;
    },

    /** Asks the gate, open-loop, as customers meet the trigger (API §9.2). */
    fireChecks(name: string, id: string | number, options: z.input<typeof checksOptions> = {}) {
      const asked = checksOptions.parse(options);
      return keep(name, id, fireChecks(tenantOf(name), campaignOf(name, id), asked));
    },

    /** Sends event 11 to the webhook door, once for each customer who meets the trigger. */
    fireEvents(name: string, id: string | number, options: z.input<typeof eventsOptions> = {}) {
      const asked = eventsOptions.parse(options);
      return keep(name, id, fireEvents(tenantOf(name), campaignOf(name, id), asked));
    },

    /** The shop sends claims of customers who were told of the campaign. */
    fireClaims(name: string, id: string | number, options: z.input<typeof claimsOptions>) {
      const asked = claimsOptions.parse(options);
      return keep(name, id, fireClaims(tenantOf(name), campaignOf(name, id), asked));
    },

    /** Where checks go that are not told another place: what was registered last (API §9.1). */
    gates: (name: string) => tenantOf(name).gateUrls,

    /** Ends all fire on this campaign; what was sent is still listened for. */
    ceaseFire(name: string, id: string | number): void {
      for (const [fire, place] of fires) if (place === `${name} ${id}`) fire.stop();
    },

    /** The measures so far, also while the fire goes on. */
    checks: (name: string, id: string | number) =>
      readChecks(triggerOf(campaignOf(name, id)).checks),
    events: (name: string, id: string | number) =>
      readEvents(triggerOf(campaignOf(name, id)).events),
    claims: (name: string, id: string | number) => readClaimBooks(campaignOf(name, id)),

    /** Ends everything at once, answered or not. */
    async abandonFire(): Promise<void> {
      await Promise.all([...fires.keys()].map((fire) => fire.abandon()));
    },
  };
}
