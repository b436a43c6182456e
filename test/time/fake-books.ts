import type { Instants } from '../../src/domain/campaign.ts';
import type { FakeCampaign, FakeEffect, FakeMember } from './fake-state.ts';

/** What the far sides of the fake saw with their own eyes, and what they hold against us. */
export interface Books {
  /** The platform's, by assignment key. */
  platform: Map<string, 'allocated' | 'declined' | 'revoked'>;
  /** How often each allocation took effect. */
  given: Map<string, number>;
  /** Whom Promotions has validated. */
  validated: Set<string>;
  /** What Optimove heard last of a customer. */
  heard: Map<string, boolean>;
  redeemed: Set<string>;
  /** Whom the publisher was handed. */
  published: Set<string>;
  violations: string[];
}

export function openBooks(): Books {
  return {
    platform: new Map(),
    given: new Map(),
    validated: new Set(),
    heard: new Map(),
    redeemed: new Set(),
    published: new Set(),
    violations: [],
  };
}

/** What the far side does when the call of an effect arrives. */
export function arrive(
  books: Books,
  campaign: FakeCampaign,
  effect: FakeEffect,
  at: { now: number; instants: Instants | undefined; again: boolean },
  decide: (member: FakeMember) => 'allocated' | 'declined',
): void {
  for (const member of effect.members) {
    switch (effect.kind) {
      case 'validate':
        if (books.validated.has(member.key)) books.violations.push(`${member.key} validated twice`);
        books.validated.add(member.key);
        break;
      case 'allocate':
        allocateOne(books, member.key, decide(member));
        break;
      case 'revoke':
        books.platform.set(member.key, 'revoked');
        break;
      case 'publish':
        books.published.add(member.key);
        break;
      case 'redeem':
      case 'redeem_used':
        if (books.redeemed.has(member.key) && !at.again)
          books.violations.push(`${member.key} redeemed anew`);
        books.redeemed.add(member.key);
        break;
      default:
        hear(books, campaign, member, effect.approved.has(member), effect.kind);
    }
  }
  const reports = ['approve', 'repeat', 'deny'].includes(effect.kind);
  if (reports && at.now > (at.instants?.deadline ?? 0)) {
    books.violations.push(`a report arrived ${at.now - (at.instants?.deadline ?? 0)} ms late`);
  }
}

function allocateOne(books: Books, key: string, decision: 'allocated' | 'declined'): void {
  // The same key again answers the same and gives nothing; a barred key is never given.
  if (books.platform.has(key)) return;
  books.platform.set(key, decision);
  if (decision === 'allocated') books.given.set(key, (books.given.get(key) ?? 0) + 1);
}

function hear(
  books: Books,
  campaign: FakeCampaign,
  member: FakeMember,
  approved: boolean,
  kind: FakeEffect['kind'],
): void {
  books.heard.set(`${campaign.campaignId}/${member.customer}`, approved);
  // A repeat says again what was true when it was said first.
  if (approved && kind === 'approve' && books.platform.get(member.key) !== 'allocated') {
    books.violations.push(`${member.key} was approved and is not held`);
  }
}
