import { setTimeout as delay } from 'node:timers/promises';
import type { FaultRule } from '../../sandbox/faults.ts';
import { isHeard } from '../../sandbox/webhooks.ts';
import { until } from '../whole/until.ts';
import { canFillDisks, emptyDisk, fillDisk } from './disk.ts';
import { isAnnounced } from './flow-plan.ts';
import type { Incident } from './incidents.ts';
import type { CampaignPlan, Plan } from './plan.ts';
import { campaignsSettle } from './settled.ts';
import { tenant, type World } from './world.ts';

/** A campaign of a plan, as it was played. */
export interface Played {
  campaignId: string;
  plan: CampaignPlan;
}

/** A sender that hears no 2xx comes again, to the next gateway, for so long. */
const senderPatienceMs = 90_000;

/** Plays what a seed decided: campaigns and trouble at once, then peace until everything is settled. */
export async function play(
  world: World,
  plan: Plan,
  note: (line: string) => void,
): Promise<Played[]> {
  world.sandbox.setFaults(tenant, plan.hookRules, plan.seed);
  const campaigns = plan.campaigns.map(
    (campaign): Played => ({
      campaignId: world.sandbox.createCampaign(tenant, campaign.options),
      plan: campaign,
    }),
  );
  const begunAt = performance.now();
  const at = (ms: number) => delay(Math.max(0, begunAt + ms - performance.now()));
  await Promise.all([
    ...campaigns.map((campaign) => playCampaign(world, campaign, at, note)),
    ...plan.incidents.map(async (incident) => {
      await at(incident.atMs);
      note(describe(incident));
      await strike(world, incident, plan);
    }),
  ]);
  await makePeace(world, plan.hookRules);
  note('everything is up again');
  await campaignsSettle(world, campaigns);
  const toDelete = campaigns.filter((campaign) => campaign.plan.cancelAt === 'end');
  for (const campaign of toDelete) await send(world, campaign, 'cancel', note);
  if (toDelete.length > 0) await campaignsSettle(world, campaigns);
  return campaigns;
}

async function playCampaign(
  world: World,
  campaign: Played,
  at: (ms: number) => Promise<void>,
  note: (line: string) => void,
): Promise<void> {
  const { announceAtMs, reschedule, cancelAt, flow } = campaign.plan;
  const announced = async () => {
    await at(announceAtMs);
    if (isAnnounced(campaign.plan)) await send(world, campaign, 'announce', note);
  };
  const told = announced();
  const events = [told];
  if (typeof cancelAt === 'number') {
    events.push(at(cancelAt).then(() => send(world, campaign, 'cancel', note)));
  }
  if (flow) events.push(told.then(() => execute(world, campaign, note)));
  await Promise.all(events);
  if (!reschedule || flow) return;
  await at(reschedule.atMs);
  await send(world, campaign, 'reschedule', note);
}

/** Optimove sends a campaign after its deadline, through each of its channels; a deleted one to nobody. */
async function execute(
  world: World,
  { campaignId, plan }: Played,
  note: (line: string) => void,
): Promise<void> {
  const { sandbox, hookUrls } = world;
  const { deadline } = sandbox.verdict(tenant, campaignId);
  const dueMs = isAnnounced(plan) && deadline !== undefined ? Date.parse(deadline) : Date.now();
  await delay(Math.max(0, dueMs - Date.now()) + (plan.executedLaterMs ?? 0));
  if (sandbox.verdict(tenant, campaignId).canceled) return;
  const { event = 13, options } = plan;
  for (const channelId of event === 1 ? [undefined] : (options.channels ?? [])) {
    let attempt = 0;
    await until(
      `a gateway hears that campaign ${campaignId} was sent`,
      async () => {
        const hookUrl = hookUrls[attempt++ % hookUrls.length];
        const how = { event, ...(hookUrl && { hookUrl }), ...(channelId && { channelId }) };
        return (await sandbox.execute(tenant, campaignId, how)).some(isHeard);
      },
      senderPatienceMs,
    );
    note(`campaign ${campaignId}: event ${event} (${channelId}) was taken, at attempt ${attempt}`);
  }
}

/** Sends an event until a gateway has taken it: from then on it must be heeded, whatever comes. */
async function send(
  world: World,
  { campaignId, plan }: Played,
  event: 'announce' | 'reschedule' | 'cancel',
  note: (line: string) => void,
): Promise<void> {
  const { sandbox, hookUrls } = world;
  let attempt = 0;
  await until(
    `a gateway takes the event (${event}) of campaign ${campaignId}`,
    async () => {
      const hookUrl = hookUrls[attempt++ % hookUrls.length];
      const options = hookUrl === undefined ? {} : { hookUrl };
      const deadlineInSeconds = plan.reschedule?.deadlineInSeconds;
      const deliveries = await (event === 'reschedule'
        ? sandbox.reschedule(tenant, campaignId, { ...options, deadlineInSeconds })
        : sandbox[event](tenant, campaignId, options));
      return deliveries.some(isHeard);
    },
    senderPatienceMs,
  );
  note(`campaign ${campaignId}: ${event} was taken, at attempt ${attempt}`);
}

/** Lets one thing go wrong; resolves when it is over. */
export async function strike(
  world: World,
  incident: Incident,
  plan: Pick<Plan, 'hookRules' | 'seed'>,
): Promise<void> {
  switch (incident.kind) {
    case 'kill': {
      const victim = victimOf(world, incident);
      await victim.kill();
      await delay(incident.downMs);
      return victim.start();
    }
    case 'freeze': {
      const worker = world.workers[incident.index - 1];
      worker?.freeze();
      await delay(incident.forMs);
      worker?.wake();
      return;
    }
    case 'away': {
      const door = world.doors[incident.farSide];
      await door.shut();
      await delay(incident.forMs);
      return door.open();
    }
    case 'disk': {
      const pid = world.postgres.pid();
      if (pid === undefined || !canFillDisks()) return;
      fillDisk(pid);
      await delay(incident.forMs);
      // A server that was killed meanwhile came back with room.
      if (world.postgres.pid() === pid) emptyDisk(pid);
      return;
    }
    case 'storm':
      world.sandbox.setFaults(tenant, [...plan.hookRules, ...incident.rules], plan.seed);
  }
}

function victimOf(
  world: World,
  incident: Extract<Incident, { kind: 'kill' }>,
): { kill(): Promise<void>; start(): Promise<void> } {
  switch (incident.what) {
    case 'postgres':
    case 'temporal':
      return world[incident.what];
    case 'worker':
    case 'gateway': {
      const processes = incident.what === 'worker' ? world.workers : world.gateways;
      const victim = processes[incident.index - 1];
      if (!victim) throw new Error(`there is no ${incident.what} ${incident.index}`);
      return victim;
    }
  }
}

/** Ends all trouble: what is under way must now come to its end by itself. */
export async function makePeace(world: World, hookRules: FaultRule[]): Promise<void> {
  world.sandbox.setFaults(tenant, hookRules);
  for (const door of Object.values(world.doors)) await door.open();
  await Promise.all([world.postgres.start(), world.temporal.start()]);
  for (const process of [...world.workers, ...world.gateways]) await process.start();
  await until('the gateways are ready', world.isReady, 60_000);
}

export function describe(incident: Incident): string {
  const { atMs, kind, ...more } = incident;
  return `${kind} ${JSON.stringify(more)}`;
}
