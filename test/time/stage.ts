import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { expect, inject } from 'vitest';
import { instantsOf } from '../../src/domain/campaign.ts';
import type { CampaignId } from '../../src/domain/words.ts';
import { searchAttributeKeys, taskQueue, workflowId } from '../../src/workflows/ids.ts';
import { campaignChanged } from '../../src/workflows/messages.ts';
import { tellExecuted } from './fake-fulfilments.ts';
import { createFakeLedger } from './fake-ledger.ts';
import type { CallFate } from './fake-stages.ts';
import type { Audience, FakeCampaign, FakeEffect } from './fake-state.ts';

export type Stage = Awaited<ReturnType<typeof openStage>>;

export interface Play extends Partial<Audience> {
  /** From now, milliseconds. */
  deadlineMs: number;
  /** What happens on the way, each at its virtual instant from now, in order. */
  cues?: [atMs: number, act: () => void | Promise<void>][];
  /** Called before every activity; may throw in its place. */
  before?: (activity: string, input: unknown) => void | Promise<void>;
  fate?: (effect: FakeEffect) => CallFate;
}

/** A campaign that Optimove has sent, and whose own run is over, or never was. */
export interface PlaySent extends Omit<Play, 'deadlineMs'> {
  /** The channel that is told of at once; empty: all. */
  channel?: string;
}

/** How a run of what follows on a sending has ended, and its id. */
export interface Played {
  ended: unknown;
  campaign: FakeCampaign;
  run: string;
}

export const secondMs = 1_000;
export const minuteMs = 60 * secondMs;
export const dayMs = 24 * 60 * minuteMs;

/** Bundled once a test file. */
let bundled: ReturnType<typeof bundleWorkflowCode> | undefined;

function bundleStories(): ReturnType<typeof bundleWorkflowCode> {
  if (!bundled) {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const workflowsPath = fileURLToPath(new URL('./workflows.ts', import.meta.url));
    bundled = bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('ERROR') });
  }
  return bundled;
}

/** The SDK waits five seconds for the server to come up; a busy machine may take longer. */
async function startServer(attempt = 1): Promise<TestWorkflowEnvironment> {
  try {
    return await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path: inject('testServerPath') } },
    });
  } catch (error) {
    if (attempt === 5 || !String(error).includes('did not start within')) throw error;
    return startServer(attempt + 1);
  }
}

/**
 * The time-skipping server of one test, with a worker over a fake ledger on its clock. Each test has
 * its own: the clock of a server on which a story has left a sleeper behind may stand still for the
 * tests after it.
 */
export async function openStage(options: { maxCachedWorkflows?: number } = {}) {
  const workflowBundle = await bundleStories();
  const env = await startServer();
  // As `start-dev --search-attribute` does it: 2 is a keyword, 6 an instant.
  await env.connection.operatorService.addSearchAttributes({
    namespace: env.namespace ?? 'default',
    searchAttributes: Object.fromEntries(
      Object.values(searchAttributeKeys).map(({ name, type }) => [
        name,
        type === 'KEYWORD' ? 2 : 6,
      ]),
    ),
  });
  let acts: (() => void | Promise<void>)[] = [];
  let before: Play['before'];
  let fate: Play['fate'];
  const ledger = createFakeLedger({
    clock: { now: () => env.currentTimeMs(), pass: () => Promise.resolve() },
    before: (activity, input) => before?.(activity, input),
    fate: (effect) => fate?.(effect) ?? 'answered',
  });
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue,
    workflowBundle,
    activities: { ...activitiesOf(ledger), act: async (cue: number) => acts[cue]?.() },
    ...options,
  });
  const running = worker.run();
  const { workflow } = env.client;

  async function announce(id: CampaignId, deadlineMs: number): Promise<void> {
    const announcedAt = await env.currentTimeMs();
    const instants = instantsOf(announcedAt + deadlineMs, { clearanceMarginMs: 30_000 });
    ledger.announce(id, { announcedAt, durationDays: 7, instants, problem: undefined });
  }

  async function start(type: string, of: { id: string; args: unknown[] }) {
    return workflow.start(type, {
      ...{ taskQueue, workflowId: of.id, args: of.args, workflowIdConflictPolicy: 'USE_EXISTING' },
    });
  }

  /** What the gateway does when event 13 comes. */
  async function send(id: CampaignId, channel = ''): Promise<string> {
    tellExecuted(ledger.ensure(id), channel, await env.currentTimeMs());
    const run = workflowId.fulfilment({ ...id, channel });
    await start('fulfilment', { id: run, args: [{ ...id, channel }] });
    return run;
  }

  return {
    env,
    ledger,
    send,
    workflow,
    announce,
    start,
    /** Called before every activity from now on; a play has its own. */
    interfere(act: NonNullable<Play['before']>): void {
      before = act;
    },

    /** Plays a campaign to its end, with what happens on the way. */
    async play(id: CampaignId, play: Play): Promise<{ ended: unknown; campaign: FakeCampaign }> {
      const { deadlineMs, cues = [], before: first, fate: calls, ...audience } = play;
      const campaign = ledger.ensure(id, audience);
      await announce(id, deadlineMs);
      [before, fate, acts] = [first, calls, cues.map(([, act]) => act)];
      const run = await start('campaign', { id: workflowId.campaign(id), args: [id] });
      const cuesMs = cues.map(([atMs]) => atMs);
      const directed = await start('director', {
        id: `${workflowId.campaign(id)}/director`,
        args: [cuesMs],
      });
      // One after the other: each unlocks the server's clock while it waits, and locks it after.
      const ended: unknown = await run.result();
      await directed.result();
      return { ended, campaign };
    },

    /** Plays what follows on the sending of a campaign through one channel, with what happens on the way. */
    async playSent(id: CampaignId, play: PlaySent = {}): Promise<Played> {
      const { cues = [], before: first, fate: calls, channel = '', ...audience } = play;
      const campaign = ledger.ensure(id, audience);
      [before, fate, acts] = [first, calls, cues.map(([, act]) => act)];
      const run = await send(id, channel);
      const directed = await start('director', {
        id: `${run}/director`,
        args: [cues.map(([atMs]) => atMs)],
      });
      const ended: unknown = await workflow.getHandle(run).result();
      await directed.result();
      return { ended, campaign, run };
    },

    /** What the gateway does when another deadline comes. */
    async reschedule(id: CampaignId, deadlineMs: number): Promise<void> {
      await announce(id, deadlineMs);
      await start('campaign', { id: workflowId.campaign(id), args: [id] });
      await workflow.getHandle(workflowId.campaign(id)).signal(campaignChanged);
    },

    /** What the gateway does when event 4 comes. */
    async cancel(id: CampaignId): Promise<void> {
      ledger.fence(id, await env.currentTimeMs());
      await start('cancellation', { id: workflowId.cancellation(id), args: [id] });
    },

    /** What the gateway does when an operator cancels. */
    async cancelByOperator(id: CampaignId, force = false): Promise<void> {
      ledger.cancel(id, await env.currentTimeMs(), force);
      const args = [{ ...id, by: 'operator' }];
      await start('cancellation', { id: workflowId.cancellation(id), args });
    },

    /** How long a run took, from its start to its end, in its own time. */
    async tookMs(runId: string): Promise<number> {
      const { startTime, closeTime } = await workflow.getHandle(runId).describe();
      return (closeTime?.getTime() ?? Number.NaN) - startTime.getTime();
    },

    /** Waits for a story that another one leaves behind. */
    result: (id: string): Promise<unknown> => workflow.getHandle(id).result(),

    /** With `vitest -u` a run's history becomes one that replay is tested against. */
    async keepHistory(name: string, id: string): Promise<void> {
      if (expect.getState().snapshotState.snapshotUpdateState !== 'all') return;
      const history = await workflow.getHandle(id).fetchHistory();
      const file = fileURLToPath(new URL(`../histories/${name}.json`, import.meta.url));
      // With its id, from which a replay builds the ids of children; this server's own events lack it.
      const told = JSON.parse(historyToJSON(history), withoutPlace);
      writeFileSync(file, `${JSON.stringify({ workflowId: id, history: told }, null, 1)}\n`);
    },

    async close(): Promise<void> {
      worker.shutdown();
      await running;
      await env.teardown();
    },
  };
}

/** An object of its own for the worker, which lists what it is given. */
function activitiesOf({ activities }: ReturnType<typeof createFakeLedger>) {
  return Object.fromEntries(
    Object.keys(activities).map((name) => [name, Reflect.get(activities, name)]),
  );
}

/** A stored history says nothing of the machine and the process that recorded it. */
function withoutPlace(name: string, value: unknown): unknown {
  if (name === 'stackTrace') return '';
  return name === 'identity' ? 'worker' : value;
}
