import { instantsOf } from '../../src/domain/campaign.ts';
import { workflowId } from '../../src/workflows/ids.ts';
import { campaignChanged, kick, release, retry } from '../../src/workflows/messages.ts';
import { createFakeLedger } from '../time/fake-ledger.ts';
import type { CallFate } from '../time/fake-stages.ts';
import { createHarness } from './harness.ts';
import { createTimeline } from './timeline.ts';
import type { WorkflowHost } from './vm.ts';

const id = { tenant: 'acme', campaignId: '77' };
const minuteMs = 60_000;
const begin = Date.UTC(2030, 0, 1);
/** By then every deadline that a seed can set is over, and the last debt is paid. */
const horizonMs = 60 * minuteMs;
/** In earnest the relay looks each minute. */
const relayEveryMs = 5 * minuteMs;

const happenings = [
  'hold',
  'release',
  'hold',
  'release',
  'retry',
  'operator cancel',
  'operator cancel by force',
  'button',
  'reschedule',
  'repeat event 5',
  'event 4',
  'terminate',
  'halt',
  'mend',
] as const;
type Happening = (typeof happenings)[number];

/**
 * One life of a campaign, decided by its seed: how big it is, which calls go wrong, and what happens
 * when. Returns everything that an invariant may ask about, after the last debt is paid and, again,
 * after the rewards have ended.
 */
export async function liveCampaign(host: WorkflowHost, seed: number) {
  const random = createRandom(seed);
  const upTo = (most: number): number => Math.floor(random() * (most + 1));
  const timeline = createTimeline(begin);
  const troubled = random() * 0.3;
  const ledger = createFakeLedger({
    clock: { now: async () => timeline.now(), pass: timeline.pass },
    fate: () => fateFrom(random() < troubled ? upTo(2) : 3),
    // A report that begins before its last instant has one second to arrive.
    wireMs: () => upTo(900),
  });
  const { activities } = ledger;
  const harness = createHarness(host, { timeline, activities, longestRun: 10 + upTo(200) });
  const story: string[] = [];

  ledger.ensure(id, {
    customers: upTo(20),
    batchSize: 3 + upTo(4),
    emptyReadings: upTo(1) * upTo(9),
    lanes: 1 + upTo(2),
  });
  // Every other deadline comes while batches are on their way.
  const leadMs = random() < 0.5 ? 31_000 + upTo(10_000) : minuteMs + upTo(20 * minuteMs);
  happenAt(0, `event 5, ${leadMs} ms before the deadline`, () => announce(leadMs));
  for (let count = upTo(5); count > 0; count -= 1) {
    const what = happenings[upTo(happenings.length - 1)] ?? 'hold';
    const atMs = random() < 0.5 ? upTo(2 * leadMs) : upTo(25 * minuteMs);
    happenAt(atMs, what, () => happen(what));
  }
  for (let at = 0; at < horizonMs; at += relayEveryMs) {
    timeline.at(begin + at, () => void relay());
  }
  timeline.at(begin + horizonMs, () => undefined);
  happenAt(40 * minuteMs, 'mend', () => happen('mend'));

  function happenAt(atMs: number, what: string, act: () => void): void {
    timeline.at(begin + atMs, () => {
      story.push(`${atMs} ms: ${what}`);
      act();
    });
  }

  function announce(inMs: number): void {
    const now = timeline.now();
    const instants = instantsOf(now + inMs, { clearanceMarginMs: 30_000 });
    ledger.announce(id, { announcedAt: now, durationDays: 7, instants, problem: undefined });
    harness.signal(workflowId.campaign(id), campaignChanged.name);
    void harness.start('campaign', workflowId.campaign(id), id);
  }

  /** Tells settlement of debts, where there are any. */
  async function relay(): Promise<void> {
    const debts = await activities.debts({ tenant: id.tenant });
    const { unknown, redemptions, open, canceled, halted } = debts;
    const count = unknown.length + redemptions.length + open.length + canceled.length;
    if (count === 0 && !halted) return;
    const settlement = workflowId.settlement(id.tenant);
    if (!harness.signal(settlement, kick.name)) {
      await harness.start('settlement', settlement, { tenant: id.tenant });
    }
  }

  function happen(what: Happening): void {
    const campaign = ledger.ensure(id);
    const tenant = ledger.tenantOf(id.tenant);
    switch (what) {
      case 'hold':
        campaign.held ??= 'a person';
        break;
      case 'release': {
        const asked = {
          by: 'duty',
          reason: 'go on',
          request: `r-${timeline.now()}`,
          approves: true,
        };
        harness.signal(workflowId.campaign(id), campaignChanged.name);
        if (harness.isRunning(workflowId.campaign(id))) {
          harness.update(workflowId.campaign(id), release.name, asked);
        } else {
          campaign.held = undefined;
        }
        return;
      }
      case 'retry': {
        if (campaign.fence) return;
        const acting = { by: 'duty', reason: 'again', request: `r-${timeline.now()}` };
        void harness
          .start('campaign', workflowId.campaign(id), { ...id, retry: acting })
          .then(() => harness.update(workflowId.campaign(id), retry.name, acting));
        return;
      }
      case 'operator cancel':
      case 'operator cancel by force':
        // Refused after the last report, but by force: then nothing more is done.
        if (ledger.cancel(id, timeline.now(), what.endsWith('force'))) return;
        void harness.start('cancellation', workflowId.cancellation(id), { ...id, by: 'operator' });
        break;
      case 'button':
        harness.cancel(workflowId.campaign(id));
        return;
      case 'reschedule':
        announce(upTo(10 * minuteMs));
        break;
      case 'repeat event 5':
        void harness.start('campaign', workflowId.campaign(id), id);
        break;
      case 'event 4':
        ledger.fence(id, timeline.now());
        void harness.start('cancellation', workflowId.cancellation(id), id);
        break;
      case 'terminate':
        void harness.terminate(workflowId.campaign(id));
        break;
      case 'halt':
        tenant.halted = true;
        tenant.keyMended = false;
        break;
      case 'mend':
        tenant.keyMended = true;
    }
    harness.signal(workflowId.campaign(id), campaignChanged.name);
  }

  const isOver = (): boolean =>
    timeline.now() >= begin + horizonMs &&
    harness.runningIds().every((running) => running.includes('/expiry/'));

  return { ledger, harness, story, isOver, campaign: ledger.ensure(id), timeline };
}

function fateFrom(drawn: number): CallFate {
  const fates: CallFate[] = ['lost', 'killed', 'not_sent'];
  return fates[drawn] ?? 'answered';
}

/** Mulberry32: small, quick, and the same everywhere. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
