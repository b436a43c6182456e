import { findCampaign } from '../src/ledger/campaigns.ts';
import { countCampaign, timesOf } from '../src/ledger/counts.ts';
import { verify } from '../src/ledger/invariants.ts';
import { createPool } from '../src/ledger/pool.ts';
import { type Product, tenant } from './product.ts';

/** How the campaign went, by our ledger and by the sandbox's own books. */
export interface Result {
  campaignId: string;
  /** Customers. */
  audience: number;
  approved: number;
  denied: number;
  unknown: number;
  /** Cleared by the publisher, by Promotions, or by Optimove itself. */
  delegated: number;
  /** Assignments: a customer and a code each. */
  screenedOut: number;
  refused: number;
  declined: number;
  lapsed: number;
  allocated: number;
  revoked: number;
  redeemed: number;
  /** From the webhook to the last report. */
  seconds: number;
  customersPerSecond: number;
  calls: Record<string, number>;
  http429: number;
  /** Empty is the only pass. */
  violations: string[];
  sandbox: {
    audience: number;
    approved: number;
    denied: number;
    allocated: number;
    revoked: number;
    redeemed: number;
    budgetSpent: Record<string, number>;
  };
}

/** What both sides count the same in every flow; who is targeted and approved, only we decide in the managed one. */
const everywhere = ['allocated', 'revoked', 'redeemed'];
const managed = ['audience', 'approved', ...everywhere];

/** Holds the ledger's invariants, our counts and the sandbox's books side by side. */
export async function judge(
  product: Product,
  campaignId: string,
  isManaged = true,
): Promise<Result> {
  const pool = createPool(product.databaseUrl, 2);
  try {
    const campaign = await findCampaign(pool, { tenant, campaignId });
    if (!campaign) throw new Error(`Campaign ${campaignId} is not in the ledger`);
    const counts = await countCampaign(pool, campaign.ref);
    const { receivedAt, lastReportAt } = await timesOf(pool, campaign.ref);
    const invariants = await verify(pool, { tenant, campaign: campaignId });
    const books = product.sandbox.verdict(tenant, campaignId);
    const seconds = Math.max(0, lastReportAt - receivedAt) / 1_000;
    const ours = {
      audience: counts.audience,
      approved: counts.approvedCustomers,
      allocated: counts.states['allocated'] ?? 0,
      revoked: counts.states['revoked'] ?? 0,
      redeemed: counts.redemptions['told'] ?? 0,
    };
    return {
      campaignId,
      ...ours,
      denied: counts.deniedCustomers,
      unknown: counts.unknownCustomers,
      delegated: counts.delegatedCustomers,
      screenedOut: counts.states['screened_out'] ?? 0,
      refused: counts.states['refused'] ?? 0,
      declined: counts.states['declined'] ?? 0,
      lapsed: counts.states['lapsed'] ?? 0,
      seconds,
      customersPerSecond: seconds > 0 ? Math.round(counts.audience / seconds) : 0,
      calls: books.tenantCalls,
      http429: books.http429,
      violations: [
        ...invariants.flatMap((one) =>
          one.violated > 0
            ? [`${one.rule}: ${one.violated} violated, e.g. ${one.examples[0]}`]
            : [],
        ),
        ...books.violations,
        ...differences(ours, books, isManaged ? managed : everywhere),
      ],
      sandbox: {
        audience: books.audience,
        approved: books.approved,
        denied: books.denied,
        allocated: books.allocated,
        revoked: books.revoked,
        redeemed: books.redeemed,
        budgetSpent: books.budgetSpent,
      },
    };
  } finally {
    await pool.end();
  }
}

/** Counts that both sides keep must be equal. */
function differences(
  ours: Record<string, number>,
  books: object,
  names: readonly string[],
): string[] {
  const theirs = new Map<string, unknown>(Object.entries(books));
  return names.flatMap((name) =>
    theirs.get(name) === ours[name]
      ? []
      : [`${name}: the ledger counts ${ours[name]}, the sandbox ${theirs.get(name)}`],
  );
}
