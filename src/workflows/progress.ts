import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type { Instants } from '../domain/campaign.ts';
import type { CampaignId } from '../domain/words.ts';
import { searchAttributeKeys } from './ids.ts';
import type { Progress, SliceProgress } from './messages.ts';
import type { SliceEnd } from './slice.ts';

/** What a running campaign shows in the Web UI: a table in its details, its phase to filter by. */
export function createProgress(id: CampaignId) {
  const now: Progress = {
    phase: 'collecting',
    customers: 0,
    batches: 0,
    finished: 0,
    pass: 0,
    stopped: {},
  };
  let instants: Instants | undefined;
  let note = '';
  /** Finished in slices that have ended, and the slice that runs now. */
  let ended = 0;
  let slice = 0;

  function show(phase: Progress['phase']): void {
    if (now.phase !== phase || phase === 'collecting') {
      upsertSearchAttributes([{ key: searchAttributeKeys.phase, value: phase }]);
    }
    now.phase = phase;
    setCurrentDetails(table());
  }

  function table(): string {
    const rows: [string, string][] = [
      ['campaign', `${id.campaignId} of ${id.tenant}`],
      ['phase', note ? `${now.phase}: ${note}` : now.phase],
      ['customers', String(now.customers)],
      ['batches finished', `${now.finished} of ${now.batches}`],
      ['pass', String(now.pass)],
      [
        'stopped',
        Object.entries(now.stopped)
          .map(([why, n]) => `${n} ${why}`)
          .join(', ') || 'none',
      ],
      ['nothing new after', instants ? new Date(instants.stop).toISOString() : 'unknown'],
      ['deadline', instants ? new Date(instants.deadline).toISOString() : 'unknown'],
    ];
    return ['| | |', '|---|---|', ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join(
      '\n',
    );
  }

  return {
    current: (): Progress => now,
    opened(at: Instants | undefined): void {
      instants = at;
      show('collecting');
    },
    collected(audience: { customers: number; batches: number; held: boolean }): void {
      now.customers = audience.customers;
      now.batches = audience.batches;
      show('running');
    },
    passed(pass: number, unfinished: number): void {
      now.pass = pass;
      now.batches = Math.max(now.batches, unfinished);
      now.stopped = {};
      note = '';
      show('running');
    },
    slicing(running: number): void {
      slice = running;
    },
    /** What a slice tells late, after its end was counted, says nothing new. */
    advanced(told: SliceProgress): void {
      if (told.pass !== now.pass || told.slice !== slice) return;
      now.finished = ended + told.finished;
      setCurrentDetails(table());
    },
    sliced(end: SliceEnd): void {
      ended += end.finished;
      now.finished = ended;
      slice = 0;
      now.stopped = end.stopped;
      show('running');
    },
    held(why: string): void {
      note = why;
      show('held');
    },
    waiting(): void {
      note = 'the deadline is near: nothing new is given';
      show('waiting');
    },
    closing(): void {
      note = '';
      show('closing');
    },
    closed(summary: {
      audience: number;
      approvedCustomers: number;
      unknownCustomers: number;
    }): void {
      note = `${summary.approvedCustomers} of ${summary.audience} approved, ${summary.unknownCustomers} unknown`;
      show('closed');
    },
  };
}
