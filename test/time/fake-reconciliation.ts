import type { Activities } from '../../src/activities/activities.ts';
import type { Clock } from './fake-stages.ts';
import type { FakeCampaign, FakeMember } from './fake-state.ts';

/** What reconciliation has found and done, as a test looks at it. */
export interface FakeReconciled {
  /** Members of whom a far side says something else than the ledger. */
  differing: Set<FakeMember>;
  /** What differs as a run left it. */
  left: FakeMember[];
  /** By run: what it has looked at, batch by batch, and whether it came to its end. */
  runs: Map<string, { subject: string; lookedAt: string[]; problems: string[]; ended: boolean }>;
}

type OfReconciliation = Pick<
  Activities,
  | 'dayBefore'
  | 'beginReconciliation'
  | 'stageEnds'
  | 'stageEvidence'
  | 'batchesToReconcile'
  | 'reconcileBatches'
  | 'leaveBooks'
  | 'noteProblem'
  | 'endReconciliation'
>;

/** What the fake ledger answers the stories that hold the far sides against it. */
export function reconciliationActivities(of: {
  campaigns: readonly FakeCampaign[];
  clock: Clock;
  books: FakeReconciled;
}): OfReconciliation {
  const { campaigns, clock, books } = of;
  const runOf = (run: string) => {
    const known = books.runs.get(run);
    if (!known) throw new Error(`No run ${run}`);
    return known;
  };
  const batchesOf = (ref: number) => campaigns.find((one) => one.ref === ref)?.batches ?? [];

  return {
    async dayBefore() {
      return new Date((await clock.now()) - 86_400_000).toISOString().slice(0, 10);
    },

    async beginReconciliation({ tenant, subject, run }) {
      const own = campaigns.filter(
        (one) =>
          one.tenant === tenant &&
          (subject.campaignId === undefined || one.campaignId === subject.campaignId),
      );
      const name = subject.campaignId ?? subject.date;
      books.runs.set(run, { subject: name, lookedAt: [], problems: [], ended: false });
      books.left = [];
      return { campaigns: own.map(({ ref }) => ref) };
    },

    async stageEnds({ campaigns: refs }) {
      const [host] = refs;
      return host === undefined ? null : { host, campaigns: refs };
    },

    async stageEvidence() {},

    async batchesToReconcile({ ref, run, after }) {
      const { lookedAt } = runOf(run);
      return batchesOf(ref)
        .filter(({ number }) => number > after && !lookedAt.includes(`${ref}/${number}`))
        .map(({ number }) => number);
    },

    async reconcileBatches({ run, ref, batches, repairing }) {
      for (const batch of batchesOf(ref).filter(({ number }) => batches.includes(number))) {
        for (const member of batch.members.filter((one) => books.differing.has(one))) {
          if (repairing) books.differing.delete(member);
          else books.left.push(member);
        }
        runOf(run).lookedAt.push(`${ref}/${batch.number}`);
      }
    },

    async leaveBooks() {},

    async noteProblem({ run, problem }) {
      runOf(run).problems.push(problem);
    },

    async endReconciliation({ run }) {
      runOf(run).ended = true;
    },
  };
}
