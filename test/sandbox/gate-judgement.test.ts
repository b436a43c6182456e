import { afterEach, describe, expect, it, vi } from 'vitest';
import { allocation, type Caller, customer, FLAT, play } from './caller.ts';
import { allow, openTenantDoor, type Reply } from './tenant-door.ts';

const NOBODY_REFUSED = { deniedShare: 0, declinedShare: 0, noTierShare: 0 };

type Triggered = Parameters<Caller['sandbox']['createTriggered']>[1];

/** A tenant whose gate gives by what the test says, and Optimove to ask it. */
async function playGate(triggered: Triggered = {}) {
  const caller = await play({ catalog: FLAT });
  const { sandbox, validate, allocate, platform } = caller;
  let reply: (userId: string, count: number) => Promise<boolean> | boolean = () => true;
  const gate = await openTenantDoor(async (question, count): Promise<Reply> => {
    return allow(question, await reply(question.user.user_id, count));
  });
  const id = sandbox.createTriggered('acme', {
    ...NOBODY_REFUSED,
    gateUrls: [gate.url],
    ...triggered,
  });
  return {
    ...caller,
    id,
    /** Validates and allocates the customer's code under this key. */
    async give(index: number, key: string, userId = customer(index)) {
      await validate(id, 'SPRING25', [userId]);
      await allocate(id, allocation(key, userId));
    },
    screen: (...indexes: number[]) =>
      platform('screenings', { campaignId: id, customerIds: indexes.map(customer) }),
    takeBack: (key: string, index: number, reason: string) =>
      platform('revocations', {
        campaignId: id,
        reason,
        revocations: [{ key, customerId: customer(index) }],
      }),
    async ask(
      customerIds: string[],
      told: (userId: string, count: number) => Promise<boolean> | boolean,
    ) {
      reply = told;
      await sandbox.fireChecks('acme', id, { customerIds, arrivals: 'even' }).finished;
    },
    rules: () => sandbox.verdict('acme', id).violations.map((each) => each.split(' · ')[0]),
    triggered: () => sandbox.verdict('acme', id).triggered,
  };
}

/** Sets the sandbox's clock forward; timers go on as they are. */
function passTime(seconds: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the sandbox finds nothing wrong with a gate', () => {
  it('that allows who holds the reward, and leaves nothing with the others', async () => {
    const { ask, give, rules, sandbox, id, triggered } = await playGate();
    let given: Promise<void> | undefined;
    await ask([0, 1, 0].map(customer), async (userId) => {
      if (userId === customer(1)) return false;
      given ??= give(0, 'k0');
      await given;
      return true;
    });
    expect(rules()).toEqual([]);
    expect(sandbox.verdict('acme', id)).toMatchObject({
      audience: 2,
      approved: 1,
      denied: 1,
      allocated: 1,
      triggered: {
        checks: { checks: 3, repeats: 1, allowed: 2, denied: 1, late: 0 },
        instancesAllowed: 1,
        instancesDenied: 1,
        deniedByGate: 1,
        deniedStillHeld: 0,
      },
    });
    expect(triggered()?.checks.p99Ms).toBeGreaterThan(0);
    expect(sandbox.customer('acme', id, customer(0)).instances).toMatchObject({
      answers: [{ allowed: true, denied: false, sent: true }],
    });
  });

  it('that takes back in time what came too late', async () => {
    const { ask, give, takeBack, rules, triggered } = await playGate();
    await ask([customer(0)], () => false);
    await give(0, 'k0');
    expect(triggered()?.deniedStillHeld).toBe(1);
    await takeBack('k0', 0, 'late');
    expect(triggered()?.deniedStillHeld).toBe(0);
    expect(rules()).toEqual([]);
  });

  it('that gives each of two instances its own reward', async () => {
    const { ask, give, rules, sandbox, id } = await playGate({ repeats: 'each' });
    const giveOnce = async (_: string, count: number) => {
      await give(0, `k${count}`);
      return true;
    };
    await ask([customer(0)], giveOnce);
    passTime(601);
    await ask([customer(0)], giveOnce);
    expect(rules()).toEqual([]);
    expect(sandbox.verdict('acme', id)).toMatchObject({ audience: 1, allocated: 2 });
  });

  it('whose yes spends the budget, where validation is only a question', async () => {
    const { ask, give, validate, rules, sandbox, id } = await playGate();
    sandbox.setProfile('acme', { validationConsumes: false });
    sandbox.changePromotion('acme', 'SPRING25', { audienceCap: 1 });
    await ask([customer(0)], async () => {
      await give(0, 'k0');
      return true;
    });
    await ask([customer(1)], async () => {
      await validate(id, 'SPRING25', [customer(1)]);
      return false;
    });
    expect(sandbox.verdict('acme', id)).toMatchObject({
      validated: 1,
      refused: 1,
      triggered: { deniedByGate: 0 },
    });
    expect(rules()).toEqual([]);
  });

  it('that answers a compliance check after screening', async () => {
    const { ask, screen, rules } = await playGate({ codes: [] });
    await ask([customer(0)], async () => {
      await screen(0);
      return true;
    });
    expect(rules()).toEqual([]);
  });

  it('whose tenant serves visitors', async () => {
    const { ask, give, rules } = await playGate({ visitorShare: 1, visitorsAllowed: true });
    await ask(['V-00000000'], async () => {
      await give(0, 'k0', 'V-00000000');
      return true;
    });
    expect(rules()).toEqual([]);
  });
});

describe('the sandbox finds', () => {
  it('a yes to who holds nothing', async () => {
    const { ask, rules } = await playGate();
    await ask([customer(0)], () => true);
    expect(rules()).toEqual(['allowed but not held']);
  });

  it('a yes to who holds only one of two codes', async () => {
    const { ask, give, rules } = await playGate({ codes: ['SPRING25', 'FS10'] });
    await ask([customer(0)], async () => {
      await give(0, 'k0');
      return true;
    });
    expect(rules()).toEqual(['allowed but not held']);
  });

  it('a yes to a second instance that rests on the first one’s reward', async () => {
    const { ask, give, rules } = await playGate({ repeats: 'each' });
    await ask([customer(0)], async () => {
      await give(0, 'k0');
      return true;
    });
    passTime(601);
    await ask([customer(0)], () => true);
    expect(rules()).toEqual(['allowed but not held']);
  });

  it('a yes to who was never screened, where the reward is to be claimed', async () => {
    const { ask, screen, rules } = await playGate({ activation: 'claimed' });
    await screen(0);
    await ask([0, 1].map(customer), () => true);
    expect(rules()).toEqual(['allowed but not held']);
  });

  it('a reward given before it was claimed', async () => {
    const { ask, screen, give, rules } = await playGate({ activation: 'claimed' });
    await ask([customer(0)], async () => {
      await screen(0);
      await give(0, 'k0');
      return true;
    });
    expect(rules()).toEqual(['given before the claim']);
  });

  it('a yes to who was screened out', async () => {
    const { ask, screen, rules } = await playGate({ codes: [], deniedShare: 1 });
    await ask([customer(0)], async () => {
      await screen(0);
      return true;
    });
    expect(rules()).toEqual(['screened out']);
  });

  it('a yes to a visitor, and what a visitor was given', async () => {
    const { ask, give, rules } = await playGate({ visitorShare: 1 });
    await ask(['V-00000000'], async () => {
      await give(0, 'k0', 'V-00000000');
      return true;
    });
    expect(rules()).toEqual(['visitor', 'visitor', 'visitor']);
  });

  it('two answers for one instance', async () => {
    const { ask, give, rules } = await playGate();
    await ask([0, 0].map(customer), async (_, count) => {
      await give(0, 'k0');
      return count === 2;
    });
    expect(rules().filter((rule) => rule === 'two answers')).toHaveLength(1);
  });

  it('a second reward for one instance', async () => {
    const { ask, give, allocate, id, rules } = await playGate();
    await ask([customer(0)], async () => {
      await give(0, 'k0');
      await allocate(id, allocation('k0-again', customer(0)));
      return true;
    });
    expect(rules()).toEqual(['second allocation']);
  });

  it('a reward for somebody who never met the trigger', async () => {
    const { give, rules } = await playGate();
    await give(0, 'k0');
    expect(rules()).toEqual(['not targeted', 'not targeted']);
  });

  it('what is left two minutes after a no, also when it is taken back later', async () => {
    const { ask, give, takeBack, rules, triggered } = await playGate();
    await ask([0, 1].map(customer), () => false);
    await give(0, 'k0');
    await give(1, 'k1');
    passTime(121);
    expect(rules()).toEqual(['left allocated', 'left allocated']);
    expect(triggered()?.deniedStillHeld).toBe(0);
    await takeBack('k0', 0, 'late');
    expect(rules()).toEqual(['left allocated', 'left allocated']);
    await takeBack('k1', 1, 'late');
    expect(rules()).toEqual(['left allocated', 'left allocated']);
  });

  it('a yes that is undone for lateness', async () => {
    const { ask, give, takeBack, rules } = await playGate();
    await ask([customer(0)], async () => {
      await give(0, 'k0');
      return true;
    });
    await takeBack('k0', 0, 'late');
    expect(rules()).toEqual(['taken back though allowed']);
  });

  it('a yes after event 4 was answered', async () => {
    const { ask, screen, sandbox, id, rules } = await playGate({ codes: [] });
    const door = await openTenantDoor(() => ({}));
    await sandbox.cancel('acme', id, { hookUrl: door.url });
    passTime(3);
    await ask([customer(0)], async () => {
      await screen(0);
      return true;
    });
    expect(rules()).toEqual(['effect after cancellation']);
  });
});
