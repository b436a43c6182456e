import type { Plan } from '../domain/campaign.ts';
import type { Said } from '../domain/check.ts';
import { noCode } from '../domain/words.ts';
import type { Member } from '../ledger/packing.ts';
import type { TriggeredCampaign } from '../ledger/triggered.ts';
import type { Scene } from '../stages/scene.ts';
import { findPromocode } from '../stages/validate.ts';
import type { Promocode, Rank, RateLimit, World } from '../world.ts';
import type { Pace } from './budget.ts';
import type { Deciding, Memory } from './house.ts';

/** Checks that say the same of the same campaign: whoever waits here goes in one pool. */
export interface Line {
  house: Deciding;
  memory: Memory;
  tenant: string;
  world: World;
  campaign: TriggeredCampaign;
  plan: Plan;
  said: Said;
  /** One at least: no code stands as one, too. */
  promoCodes: readonly string[];
  /** Where the campaign has them. */
  places: readonly number[];
  validates: boolean;
  /** Where its first effect counts. */
  limit: RateLimit | undefined;
  mostPerPool: number;
  validating: Pace;
  allocating: Pace;
  screening: Pace;
  /** What the calls of a pool take, milliseconds. */
  stepsMs(): number;
  urgencyOf(leftMs: number): Pick<Rank, 'class' | 'deadline'>;
}

/** More customers in one pool would hold up each other. */
const mostCustomers = 2_000;

const dayMs = 86_400_000;

export function createLine(
  of: Pick<
    Line,
    'house' | 'memory' | 'tenant' | 'world' | 'campaign' | 'plan' | 'said' | 'promoCodes'
  >,
): Line {
  const { memory, tenant, world, campaign, plan, promoCodes } = of;
  const codes = promoCodes.length;
  const validates = plan.recipe.includes('validate') && !promoCodes.includes(noCode);
  const allocates = plan.recipe.includes('allocate') && !promoCodes.includes(noCode);
  const [validating, allocating, screening] = (['validate', 'allocate', 'screen'] as const).map(
    (step) => memory.paceOf(tenant, step),
  );
  if (!validating || !allocating || !screening) throw new Error('A step has no pace');
  const perCall = Math.min(
    world.promotions?.maxCustomersPerCall ?? Infinity,
    Math.floor(world.platform.maxItemsPerCall / codes),
  );
  return {
    ...of,
    places: promoCodes.map((code) => campaign.codes.get(code) ?? 0),
    validates,
    limit: limitOf(world, { validates, allocates }),
    mostPerPool: Math.max(1, Math.min(mostCustomers, perCall)),
    validating,
    allocating,
    screening,
    stepsMs: () =>
      (validates ? codes * validating.expectedMs() : 0) + (allocates ? allocating.expectedMs() : 0),
    urgencyOf: (leftMs) => ({ class: 'interactive', deadline: Date.now() + leftMs }),
  };
}

/** A call tells its limit; one about nobody is built for that, and never sent. */
function limitOf(
  world: World,
  { validates, allocates }: { validates: boolean; allocates: boolean },
): RateLimit | undefined {
  const nobody = { campaignId: '', seriesId: undefined, promocodeId: '', customerIds: [] };
  if (validates) return world.promotions?.validate(nobody).limit;
  if (!allocates) return undefined;
  return world.platform.allocate({
    key: '',
    campaign: { id: '', kind: 'triggered' },
    allocations: [],
  }).limit;
}

/** When what is given now ends, epoch milliseconds: whole seconds, as the ledger and the platform keep it. */
export function expiryOf({ plan }: Line): number {
  return Math.ceil((Date.now() + plan.durationDays * dayMs) / 1_000) * 1_000;
}

/**
 * A pool's scene: its batch as it is about to be opened. It goes by the due of the first of its checks, and
 * waits for no turn after the last.
 */
export function sceneOf(
  line: Line,
  number: number,
  members: Member[],
  { firstMs, lastMs }: { firstMs: number; lastMs: number },
): Scene {
  const { pool, turns, log, metrics } = line.house;
  const { world, plan, said } = line;
  const campaign = line.campaign.row;
  return {
    ...{ pool, turns, log, metrics, world, campaign, plan },
    batch: {
      ...{ campaign: campaign.ref, number, members, said },
      ...{ pass: 0, token: 0, change: 0 },
      expiresAt: expiryOf(line),
    },
    signal: AbortSignal.timeout(Math.max(1, Math.ceil(lastMs))),
    urgency: line.urgencyOf(firstMs),
  };
}

/** A look-up is waited for this long; checks that wait for it answer for themselves. */
const lookMs = 1_000;

/** The promocodes of a line's codes; undefined where Promotions does not know one of them. */
export async function codesOf(line: Line): Promise<Map<string, Promocode> | undefined> {
  const found = new Map<string, Promocode>();
  if (!line.validates) return found;
  for (const code of line.promoCodes) {
    const known = await line.memory.promocodeOf(line.tenant, code, () =>
      findPromocode(sceneOf(line, 0, [], { firstMs: lookMs, lastMs: lookMs }), code),
    );
    if (known) found.set(code, known);
    else if (line.plan.codes === 'all') return undefined;
  }
  return found.size > 0 ? found : undefined;
}
