/** What the sandbox itself found wrong, in words; counted without limit, kept up to a thousand. */
export interface Violations {
  count(): number;
  list(): string[];
  add(rule: Rule, campaign: string, customer: string, detail?: string): void;
}

export type Rule =
  | 'second allocation'
  | 'approved but not held'
  | 'effect after cancellation'
  | 'report after deadline'
  | 'validated again'
  | 'more than validated'
  | 'budget exceeded'
  | 'unique code given twice'
  | 'redeemed without right'
  | 'redeemed twice'
  | 'redemption id reused'
  | 'published twice'
  | 'published after deadline'
  | 'published otherwise'
  | 'batch id reused'
  | 'reported beside the publisher'
  | 'given before the execution'
  | 'given before the lead time'
  | 'given but not sent'
  | 'given but not awarded'
  | 'given after expiry'
  | 'wrong term'
  | 'expired too early'
  | 'control group'
  | 'not targeted'
  | 'screened out'
  | 'answered late'
  | 'wrong user'
  | 'two answers'
  | 'allowed but not held'
  | 'left allocated'
  | 'taken back though allowed'
  | 'visitor'
  | 'forwarded otherwise'
  | 'given before the claim'
  | 'granted but not held'
  | 'granted without right'
  | 'two grants'
  | 'key reused'
  | 'idempotency key reused';

const KEPT = 1000;

export function createViolations(): Violations {
  const kept: string[] = [];
  let count = 0;
  return {
    count: () => count,
    list: () => kept.slice(),
    add(rule, campaign, customer, detail) {
      count += 1;
      if (kept.length >= KEPT) return;
      const more = detail === undefined ? '' : `: ${detail}`;
      kept.push(`${rule} · campaign ${campaign} · customer ${customer}${more}`);
    },
  };
}
