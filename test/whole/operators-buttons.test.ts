import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { taskQueue, workflowId } from '../../src/workflows/ids.ts';
import { type House, openHouse } from './house.ts';
import { ended, expectSound } from './judgement.ts';
import { until } from './until.ts';

let house: House;

beforeAll(async () => {
  const names = ['cancel', 'terminate', 'reset', 'over'];
  house = await openHouse(Object.fromEntries(names.map((name) => [name, {}])));
});
afterAll(() => house.close());

/** A campaign of 600 customers whose first allocation is on the wire. */
async function start(tenant: string): Promise<string> {
  const id = house.createCampaign(tenant, { customers: 600, deadlineInSeconds: 120 });
  house.sandbox.setFaults(tenant, [{ kind: 'allocations', fault: 'slow', ms: 1_500, calls: [1] }]);
  await house.sandbox.announce(tenant, id);
  await until('an allocation', () => house.sandbox.traffic(tenant).faults['allocations slow']);
  return id;
}

/** As the Web UI does it: back to the first workflow task. */
async function reset(tenant: string, campaignId: string): Promise<void> {
  const run = workflowId.campaign({ tenant, campaignId });
  const handle = house.client.workflow.getHandle(run);
  const { runId } = await handle.describe();
  const { events } = await handle.fetchHistory();
  const first = events?.find((event) => event.workflowTaskCompletedEventAttributes);
  await house.client.workflowService.resetWorkflowExecution({
    namespace: house.client.options.namespace,
    workflowExecution: { workflowId: run, runId },
    reason: 'for the test',
    requestId: `${run} ${runId}`,
    workflowTaskFinishEventId: first?.eventId ?? null,
  });
}

describe.concurrent("the Web UI's", () => {
  it('Cancel is an operator cancel: false is told, everything taken back', async () => {
    const id = await start('cancel');
    const run = house.client.workflow.getHandle(`cancel/campaign/${id}`);
    await run.cancel();
    const { fence, summary } = await ended(house, 'cancel', id);
    expect({ fence, reason: summary?.['reason'] }).toEqual({
      fence: 'operator',
      reason: 'canceled',
    });
    expect((await run.describe()).status.name).toBe('CANCELLED');
    const { books } = await expectSound(house, 'cancel', id);
    expect(books).toMatchObject({ approved: 0, allocated: 0 });
    const audited = await house.pool.query(
      `select a.act, a.actor from audit a join tenant t on t.ref = a.tenant
       where t.name = 'cancel' and a.campaign = $1`,
      [id],
    );
    expect(audited.rows).toEqual([{ act: 'campaign cancel', actor: 'Temporal' }]);
  });

  it('Terminate leaves an open campaign that settlement finds and starts again', async () => {
    const id = await start('terminate');
    await house.client.workflow.getHandle(`terminate/campaign/${id}`).terminate('for the test');
    // What was on the wire is waited for by whoever comes next: here it is answered first.
    await until('nothing is on the wire', async () => {
      const open = await house.pool.query(
        `select from effect e join campaign c on c.ref = e.campaign join tenant t on t.ref = c.tenant
         where t.name = 'terminate' and e.outcome is null`,
      );
      return open.rowCount === 0;
    });
    // The relay kicks settlement each minute: here it comes at once.
    await house.client.workflow.start('settlement', {
      taskQueue,
      workflowId: workflowId.settlement('terminate'),
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [{ tenant: 'terminate' }],
    });
    const { epoch, summary } = await ended(house, 'terminate', id);
    expect({ epoch, reason: summary?.['reason'] }).toEqual({ epoch: 1, reason: 'decided' });
    const { books } = await expectSound(house, 'terminate', id);
    expect(books.approved).toBeGreaterThan(400);
  });

  it('Reset of a running campaign gives nothing twice', async () => {
    const id = await start('reset');
    await reset('reset', id);
    const { epoch, summary } = await ended(house, 'reset', id);
    expect({ epoch, reason: summary?.['reason'] }).toEqual({ epoch: 1, reason: 'decided' });
    const { books } = await expectSound(house, 'reset', id);
    expect(books.approved).toBeGreaterThan(400);
  });

  it('Reset of a campaign that is over repeats nothing', async () => {
    const id = house.createCampaign('over', { customers: 300, deadlineInSeconds: 120 });
    await house.sandbox.announce('over', id);
    const before = await ended(house, 'over', id);
    const { calls } = house.sandbox.verdict('over', id);
    await reset('over', id);
    const run = house.client.workflow.getHandle(`over/campaign/${id}`);
    expect(await run.result()).toBe('closed');
    expect(house.sandbox.verdict('over', id).calls).toEqual(calls);
    expect(await house.read('over', id)).toEqual(before);
  });
});
