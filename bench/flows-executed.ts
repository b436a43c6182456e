import { besideFloors } from './beside-floors.ts';
import { peakMiB, runProgram } from './campaign-processes.ts';
import { measureLedger, type PromoflowRun, type Run, watchProcessors } from './campaign-run.ts';
import { booksOf, createCampaign, openSandbox, order, type Sandbox } from './campaign-sandbox.ts';
import { sandboxSection, tenant } from './campaign-tenant.ts';
import type { Figure } from './figure.ts';
import type { FloorTime } from './floor.ts';
import type { ExecutedFlow } from './flows-floor-walk.ts';
import { eventAt, isGiven, lastAnswerAt } from './flows-ledger.ts';
import { withFlows } from './flows-place.ts';
import { withFolder } from './folder.ts';
import { judge } from './gate-judgement.ts';
import { until } from './gate-place.ts';
import { freshLedger } from './promoflow.ts';

export interface ExecutedOptions {
  customers: number;
  rounds: number;
  /** Where the worker's processor profiles go. */
  profile: string | undefined;
}

/** One channel: a second one repeats the reading, and gives nobody anything. */
const channel = 504;

/** A flow that begins with event 13, without a limit, beside its floors. */
export async function benchExecuted(
  flow: ExecutedFlow,
  options: ExecutedOptions,
): Promise<Figure[]> {
  const { customers, rounds, profile } = options;
  const { figures } = await besideFloors(
    { customers, rounds, of: `${flow}: ` },
    {
      bare: () => runFloor(flow, customers, false),
      stored: () => runFloor(flow, customers, true),
      promoflow: () => runFlow(flow, customers, profile),
    },
  );
  return figures;
}

/** The same calls without promoflow; with the ledger's statements where `isStored`. */
async function runFloor(flow: ExecutedFlow, customers: number, isStored: boolean): Promise<Run> {
  return withFolder(async (folder, onEnd) => {
    const ledger = isStored ? await freshLedger(folder, onEnd) : undefined;
    const sandbox = await openSandbox(folder, sandboxSection(false));
    onEnd(sandbox.stop);
    const campaignId = await sendUntold(sandbox, flow, customers);
    const watched = watchProcessors({
      sandbox: sandbox.pid,
      ...(ledger && { Postgres: ledger.pid }),
    });
    const line = await runProgram({
      main: 'bench/flows-floor.ts',
      args: [
        ...['--sandbox', sandbox.url, '--campaign', campaignId, '--channel', String(channel)],
        ...['--flow', flow],
        ...(ledger ? ['--database', ledger.url] : []),
      ],
      ready: /^(\{.*\})$/m,
    });
    const { seconds, processorSeconds: own }: FloorTime = JSON.parse(line);
    const processor = { ...watched(), script: own };
    return { seconds, processor, books: await booksOf(sandbox, campaignId) };
  });
}

/** A campaign that Optimove has sent, and that nobody was told of yet: whom it chose is no part of the time. */
async function sendUntold(
  sandbox: Sandbox,
  flow: ExecutedFlow,
  customers: number,
): Promise<string> {
  const campaignId = await createCampaign({ sandbox }, { customers, flow, channels: [channel] });
  const untold = { lost: true, hookUrl: 'http://127.0.0.1/' };
  await sandbox.control('POST', `campaigns/${campaignId}/execute`, untold);
  return campaignId;
}

/** promoflow itself, from event 13 to the last allocation. */
async function runFlow(
  flow: ExecutedFlow,
  customers: number,
  profile: string | undefined,
): Promise<PromoflowRun> {
  return withFlows({ flow, isLimited: false, profile }, async (place) => {
    const { ledger, sandbox, promoflow } = place;
    const campaignId = await sendUntold(sandbox, flow, customers);
    const id = { tenant, campaignId };
    const watched = watchProcessors(place.pids);
    await order(place, campaignId, 'execute');
    await until('not all is given', 180_000 + 2 * customers, () => isGiven(ledger, id));
    const processor = watched();
    const workerMiB = peakMiB(promoflow.worker.pid);
    const ms = (await lastAnswerAt(ledger, id, 'allocate')) - (await eventAt(ledger, id, 13));
    await judge(place, campaignId);
    const ledgerMB = await measureLedger(ledger);
    const books = await booksOf(sandbox, campaignId);
    return { seconds: ms / 1_000, processor, workerMiB, ledgerMB, books };
  });
}
