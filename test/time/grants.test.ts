import { ApplicationFailure } from '@temporalio/common';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { workflowId } from '../../src/workflows/ids.ts';
import { kick } from '../../src/workflows/messages.ts';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

async function drain(tenant: string): Promise<void> {
  const run = await stage.start('grants', { id: workflowId.grants(tenant), args: [{ tenant }] });
  await run.result();
}

const events = (count: number): string[] => Array.from({ length: count }, (_, at) => `event ${at}`);

test('grants are given in pools until nothing is left', async () => {
  const own = stage.ledger.eventsOf('draining');
  own.waiting.push(...events(250));
  let given = 0;
  stage.interfere((activity) => {
    if (activity === 'giveGrants') given += 1;
  });
  await drain('draining');
  expect(own).toEqual({ waiting: [], pools: [] });
  expect(given).toBe(25);
  await stage.keepHistory('grants', workflowId.grants('draining'));
});

test('events that come while a round gives are given by the next', async () => {
  const tenant = 'coming';
  const own = stage.ledger.eventsOf(tenant);
  own.waiting.push(...events(10));
  let rounds = 0;
  stage.interfere(async (activity) => {
    if (activity === 'hearGrants') rounds += 1;
    if (activity !== 'giveGrants' || rounds > 1) return;
    own.waiting.push(...events(10));
    await stage.workflow.getHandle(workflowId.grants(tenant)).signal(kick);
  });
  await drain(tenant);
  expect(own).toEqual({ waiting: [], pools: [] });
  expect(rounds).toBe(3);
});

test('a pool that cannot be given does not keep the others waiting', async () => {
  const own = stage.ledger.eventsOf('refusing');
  own.waiting.push(...events(40));
  stage.interfere((activity, input) => {
    if (activity === 'giveGrants' && JSON.stringify(input).includes('"number":2')) {
      throw ApplicationFailure.nonRetryable('the far side refuses', 'FarSide.refused');
    }
  });
  await drain('refusing');
  expect(own.pools.map(({ number }) => number)).toEqual([2]);
});
