import { executeChild, setCurrentDetails, sleep, workflowInfo } from '@temporalio/workflow';
import type { FulfilmentRef } from '../activities/executed.ts';
import type { FulfilmentStart } from './fulfilment.ts';
import { workflowId } from './ids.ts';
import { inheritedAttributes } from './inherited.ts';
import { audience, ledger } from './proxies.ts';
import { revocation } from './revocation.ts';

const lanes = 4;
const haltedPauseMs = 60_000;

/** A list that is empty right after event 13 is asked for again, this long in all. */
const emptyForMs = 120_000;
const askAgainMs = 15_000;

/**
 * Confirms who of the approved was really sent the campaign. Once every channel has been read, or has had its
 * day, an approval whose answer was lost is settled by it, and what was given to somebody who was not sent is
 * taken back, or listed for a person, as the tenant says.
 */
export async function confirmSent(
  start: FulfilmentStart,
  { ref, number }: FulfilmentRef,
): Promise<string> {
  for (const firstAsked = Date.now(); ; ) {
    setCurrentDetails('collecting: who was sent the campaign');
    const read = await audience.collectSent({ ref, number, channel: start.channel });
    if (read.stopped === 'halted') {
      await sleep(haltedPauseMs, { summary: 'until a far side knows our key again' });
    } else if (read.stopped) {
      return read.stopped;
    } else {
      const isWhole = read.customers > 0 || read.told === 0;
      if (isWhole || Date.now() - firstAsked >= emptyForMs) break;
      await sleep(askAgainMs, { summary: 'nobody was sent it so far' });
    }
  }
  await ledger.markRead({ ref, number });
  const standing = await ledger.sentStanding({ ref });
  if (standing.missing.length > 0 && !standing.isKnown) {
    // The first waits for all; the channel that comes last decides, and leaves it nothing to do.
    if (number > 1) return close('read');
    setCurrentDetails(`waiting: for the channels ${standing.missing.join(', ')}`);
    await ledger.noteWaking({ ref, number, at: Date.now() + standing.waitMs });
    await sleep(standing.waitMs, { summary: 'until every channel has been told of' });
  }
  const { isAnybodySent } = await ledger.settleSent({ ref });
  if (!isAnybodySent) return close('nobody was sent it');
  await executeChild(revocation, {
    typedSearchAttributes: inheritedAttributes(),
    workflowId: workflowId.revocation(workflowInfo().workflowId, 'not_sent'),
    args: [{ ref, reason: 'not_sent', lanes }],
    staticSummary: 'take back what was given to whoever was not sent the campaign',
  });
  return close('confirmed');

  async function close(outcome: string): Promise<string> {
    await ledger.closeFulfilment({ ref, number, outcome });
    setCurrentDetails(`closed: ${outcome}`);
    return outcome;
  }
}
