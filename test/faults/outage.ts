import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../whole/until.ts';
import { expectSound, hookOf, startCampaign } from './recovery.ts';
import { type FarSideName, openWorld, tenant, type World, type WorldOptions } from './world.ts';

export const farSides = ['optimove', 'promotions', 'platform'] as const satisfies FarSideName[];

/** Few lanes and slow calls, so that an outage comes when some batches are approved and some are not. */
const slowWorld: WorldOptions = {
  tenancy: {
    section: { scheduled: { lanes: 2 }, platform: { maxItemsPerCall: 2_000 } },
    farSides: { latencyMs: { optimove: 50, promotions: 200, platform: 400, data: 10 } },
  },
};
const customers = 80_000;

/** What became of the two campaigns of an outage. */
export interface Outage {
  farSide: FarSideName;
  /** Approved of the campaign whose deadline comes long after the outage, and soon within it. */
  approvedInTime: number;
  approvedCutOff: number;
}

/**
 * Takes a far side away from two campaigns for a while: one has the time to finish afterwards, of the
 * other the best part must be approved and nothing else held. Throws where either is not sound.
 */
export async function playOutage(farSide: FarSideName, outageMs: number): Promise<Outage> {
  const world = await openWorld(slowWorld);
  try {
    // The margin before a deadline is 30 s: the second stops in the middle of the outage.
    const deadlines = [300, Math.round(outageMs / 2_000) + 45];
    const [inTime = '', cutOff = ''] = deadlines.map((deadlineInSeconds) =>
      startCampaign(world, { customers, deadlineInSeconds }),
    );
    await Promise.all(
      [inTime, cutOff].map((id) => world.sandbox.announce(tenant, id, hookOf(world))),
    );
    const approved = (id: string) => world.sandbox.verdict(tenant, id).approved;
    const isBegun = () => approved(inTime) > 0 && approved(cutOff) > 0;
    await until('some of both are approved', isBegun, 90_000);
    await world.doors[farSide].shut();
    await delay(outageMs);
    await world.doors[farSide].open();
    await expectSound(world, cutOff, { hasTime: false });
    await expectSound(world, inTime, { hasTime: true });
    return { farSide, approvedInTime: approved(inTime), approvedCutOff: approved(cutOff) };
  } finally {
    await world.close();
  }
}

/** Takes a far side away before a campaign begins, and waits for the campaign's sound end. */
export async function startInOutage(
  world: World,
  farSide: FarSideName,
  outageMs: number,
): Promise<void> {
  await world.doors[farSide].shut();
  const campaignId = startCampaign(world, { customers: 2_000 });
  await world.sandbox.announce(tenant, campaignId, hookOf(world));
  await delay(outageMs);
  await world.doors[farSide].open();
  await expectSound(world, campaignId, { hasTime: true });
}
