import { ApplicationFailure } from '@temporalio/common';
import { expect, it } from 'vitest';
import { createSdkLogger } from '../src/log.ts';
import { activityId, workflowId } from '../src/workflows/ids.ts';

/** What the SDK's logger writes into ours. */
function linesOf(say: (logger: ReturnType<typeof createSdkLogger>) => void) {
  const lines: { level: string; message: string; facts: Record<string, unknown> }[] = [];
  const write = (level: string) => (facts: Record<string, unknown>, message: string) => {
    lines.push({ level, message, facts });
  };
  say(createSdkLogger({ info: write('info'), warn: write('warn'), error: write('error') }));
  return lines;
}

const id = { tenant: 'acme', campaignId: '70412' };
const campaign = workflowId.campaign(id);

it.each([
  [campaign, { tenant: 'acme', campaign: '70412' }],
  [workflowId.cancellation(id), { tenant: 'acme', campaign: '70412' }],
  [workflowId.expiry(id), { tenant: 'acme', campaign: '70412' }],
  [workflowId.settlement('acme'), { tenant: 'acme' }],
])('names tenant, campaign and batch in what %s says', (run, named) => {
  const meta = { workflowId: run, sdkComponent: 'workflow', stage: 'allocate' };
  const lines = linesOf((logger) => logger.info('it waits', meta));
  const facts = { ...named, workflowId: run, sdkComponent: 'workflow', stage: 'allocate' };
  expect(lines).toEqual([{ level: 'info', message: 'it waits', facts }]);
});

it('names the batch in what an activity of a slice says', () => {
  const meta = {
    workflowId: workflowId.slice(campaign, 2, 1),
    activityId: activityId.batch(7, 'validate'),
    sdkComponent: 'worker',
  };
  const [line] = linesOf((logger) => logger.warn('it failed', meta));
  expect(line?.facts).toMatchObject({ tenant: 'acme', campaign: '70412', batch: 7 });
});

it('writes what stories say from INFO on, and the rest from WARN on', () => {
  const lines = linesOf((logger) => {
    for (const sdkComponent of ['workflow', 'worker', 'core']) {
      for (const level of ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'] as const) {
        logger.log(level, `${sdkComponent} ${level}`, { sdkComponent });
      }
      logger.debug(`${sdkComponent} debug`, { sdkComponent });
    }
  });
  expect(lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    ...['info: workflow INFO', 'warn: workflow WARN', 'error: workflow ERROR'],
    ...['warn: worker WARN', 'error: worker ERROR', 'warn: core WARN', 'error: core ERROR'],
  ]);
});

it('writes of an error its words alone, and no task token', () => {
  const cause = Object.assign(new Error('duplicate key'), {
    detail: 'Key (customer)=(P-00000001)',
  });
  const error = ApplicationFailure.create({ message: 'it failed', details: ['P-00000001'], cause });
  const lines = linesOf((logger) =>
    logger.warn('Activity failed', { error, taskToken: 'c2VjcmV0', activityType: 'walkStage' }),
  );
  expect(lines[0]?.facts).toEqual({
    error: 'ApplicationFailure: it failed',
    activityType: 'walkStage',
  });
});
