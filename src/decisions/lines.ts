import { noCode } from '../domain/words.ts';
import { type Drain, type Gathering, gather } from '../ledger/gathering.ts';
import type { Asked } from './asked.ts';
import { leftOf } from './asked.ts';
import { give } from './giving.ts';
import type { Deciding, Memory } from './house.ts';
import { createLine, type Line } from './line.ts';
import { passAll } from './passing.ts';
import { isLeftOut, isScreened, screenAll, screenedOut } from './screening.ts';
import { sheds } from './shedding.ts';

/** Pools of one line in flight at once: those who come meanwhile wait for the next, together. */
const poolsInFlight = 12;
/** Between two pools of a line, milliseconds: a pool costs the ledger about as much as its members do. */
const gapMs = 5;

interface Place {
  line: Line;
  screening: Gathering<Asked>;
  giving: Gathering<Asked>;
}

/** The lines of this process, one for each campaign and what is said of it; an idle one is forgotten. */
export function createLines(house: Deciding, memory: Memory) {
  const places = new Map<string, Place>();

  function placeOf(asked: Asked): Place | undefined {
    const { tenant, check, said, campaign } = asked;
    const world = house.worlds.get(tenant);
    const plan = campaign?.row.plan;
    if (!world || !plan || !campaign) return undefined;
    const promoCodes = check.promoCodes.length > 0 ? [...check.promoCodes].sort() : [noCode];
    const name = JSON.stringify([tenant, check.campaignId, promoCodes, said]);
    const known = places.get(name);
    // Other settings bring other far sides: the old line ends with those who wait in it.
    if (known?.line.world === world) return known;
    forgetIdle();
    const line = createLine({ house, memory, tenant, world, campaign, plan, said, promoCodes });
    const bring = (drain: Drain<Asked>): Promise<void> =>
      line.limit || line.stepsMs() > 0 ? give(line, drain) : passAll(line, drain);
    const giving = gather<Asked>(poolsInFlight, bring, gapMs);
    const screen = (drain: Drain<Asked>): Promise<void> => screenAll(line, drain, giving.add);
    const screening = gather<Asked>(poolsInFlight, screen, gapMs);
    const place = { line, screening, giving };
    places.set(name, place);
    return place;
  }

  function forgetIdle(): void {
    for (const [name, { screening, giving }] of places) {
      if (screening.isIdle() && giving.isIdle()) places.delete(name);
    }
  }

  /** What is shed is not what waits too long, but what would. */
  function isShed({ line, screening, giving }: Place, asked: Asked): boolean {
    const leftMs = leftOf(asked);
    const stepsMs = line.stepsMs() + (isScreened(line) ? line.screening.expectedMs() : 0);
    return sheds(
      {
        waiting: giving.waiting() + screening.waiting(),
        mostPerPool: line.mostPerPool,
        poolsBefore: line.limit ? poolsBefore(line, asked.dueAt) : 0,
        turnMs: line.limit ? line.limit.perMs / line.limit.requests : stepsMs / poolsInFlight,
        stepsMs,
      },
      leftMs,
    );
  }

  /** Other lines that share the limit, and whose first is due before. */
  function poolsBefore({ limit }: Line, dueAt: number): number {
    const before = [...places.values()].filter(({ line, giving }) => {
      const first = giving.first();
      return line.limit?.bucket === limit?.bucket && first !== undefined && first.dueAt < dueAt;
    });
    return before.length;
  }

  return {
    /** Brings a check that has been taken in to its answer. */
    join(asked: Asked): void {
      const place = placeOf(asked);
      if (!place) asked.answer({ allowed: false, cause: 'failed', reason: 'no far sides' });
      else if (isLeftOut(place.line, asked)) asked.answer(screenedOut('not_in_only_customers'));
      else if (isShed(place, asked)) asked.answer({ allowed: false, cause: 'shed' });
      else (isScreened(place.line) ? place.screening : place.giving).add(asked);
    },
    size: (): number => places.size,
  };
}
