import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  allocation,
  type Caller,
  customer,
  FLAT,
  type Json,
  openDoor,
  PLAIN,
  play,
} from './caller.ts';
import { allow, openTenantDoor, type Reply } from './tenant-door.ts';

const NOBODY_REFUSED = { deniedShare: 0, declinedShare: 0, noTierShare: 0 };
const EXPIRES = '2031-01-01T00:00:00.000Z';
const REWARDS = [{ rewardTypeId: 'free-spins', value: 10 }];

const granted = (more: Record<string, unknown> = {}): Reply => ({
  body: { status: 'granted', rewards: REWARDS, expiresAt: EXPIRES, ...more },
});

type Fire = Partial<Parameters<Caller['sandbox']['fireClaims']>[2]>;

/** A scheduled campaign whose approved customers may claim, and a door that gives by the test. */
async function playShop({ isOpen = true, hours = 1 }: { isOpen?: boolean; hours?: number } = {}) {
  const caller = await play({ catalog: FLAT });
  const { sandbox, validate, allocate, report } = caller;
  const { url } = await openDoor();
  const id = sandbox.createCampaign('acme', {
    customers: 10,
    ...PLAIN,
    activation: 'claimed',
    executionDelayMinutes: 30,
    clearanceRequiredBy: new Date(Date.now() + hours * 3_600_000).toISOString(),
    hookUrl: url,
  });
  await sandbox.announce('acme', id);
  await report(id, { [customer(0)]: true, [customer(1)]: true });
  if (isOpen) passTime(hours * 3600 + 1801);
  let reply: (claim: Json, count: number) => Reply | Promise<Reply> = () => granted();
  const door = await openTenantDoor((claim, count) => reply(claim, count));
  return {
    ...caller,
    id,
    heard: door.heard,
    async give(claim: Json) {
      await validate(id, 'SPRING25', [claim.customerId]);
      await allocate(id, allocation(`key of ${claim.customerId}`, claim.customerId));
    },
    async claim(told: typeof reply, fire: Fire = {}) {
      reply = told;
      await sandbox.fireClaims('acme', id, {
        claimsUrl: door.url,
        apiKey: 'shop-key',
        perSecond: 100,
        forSeconds: 1,
        arrivals: 'even',
        ...fire,
      }).finished;
      return sandbox.claims('acme', id);
    },
    rules: () => sandbox.verdict('acme', id).violations.map((each) => each.split(' · ')[0]),
  };
}

/** Sets the clock of the far sides forward; timers go on as they are. */
function passTime(seconds: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });
}

afterEach(() => {
  vi.useRealTimers();
});

describe('the shop', () => {
  it('claims for who was approved, with its key', async () => {
    const { claim, give, heard, id, rules } = await playShop();
    const claims = await claim(async (told) => {
      await give(told);
      return granted();
    });
    expect(heard.map(({ body }) => body)).toEqual([
      {
        claimId: `claim-${id}-1`,
        customerId: customer(0),
        campaignId: id,
        promoCode: expect.any(String),
      },
      {
        claimId: `claim-${id}-2`,
        customerId: customer(1),
        campaignId: id,
        promoCode: expect.any(String),
      },
    ]);
    expect(heard[0]?.headers.authorization).toBe('Bearer shop-key');
    expect(claims).toMatchObject({ claims: 2, granted: 2, customersGranted: 2, open: 0 });
    expect(rules().filter((rule) => rule !== 'granted but not held')).toEqual([]);
  });

  it('claims for who was sent a triggered campaign', async () => {
    const { sandbox, platform } = await play({ catalog: FLAT });
    const id = sandbox.createTriggered('acme', { ...NOBODY_REFUSED, activation: 'claimed' });
    const gate = await openTenantDoor(async (question: Json) => {
      const userId = question.user.user_id;
      await platform('screenings', { campaignId: id, customerIds: [userId] });
      return allow(question, userId !== customer(1));
    });
    const customerIds = [0, 1, 2].map(customer);
    await sandbox.fireChecks('acme', id, { customerIds, gateUrls: [gate.url] }).finished;
    const door = await openTenantDoor(() => ({ status: 409, body: { reason: 'not_open' } }));
    const shop = { claimsUrl: door.url, apiKey: 'k', perSecond: 500, forSeconds: 0.2 };
    await sandbox.fireClaims('acme', id, shop).finished;
    expect(door.heard.map(({ body }) => body.customerId).toSorted()).toEqual([
      customer(0),
      customer(2),
    ]);
    expect(sandbox.claims('acme', id)).toMatchObject({ refused: 2, reasons: { not_open: 2 } });
  });

  it('clicks twice: the same claim again, and another claim', async () => {
    const { claim, heard, rules } = await playShop();
    const claims = await claim(() => ({ status: 409, body: { reason: 'not_open' } }), {
      doubleShare: 1,
      otherClaimShare: 1,
      customerIds: [customer(0)],
    });
    const ids = heard.map(({ body }) => body.claimId.replace(/^claim-\d+-/, ''));
    expect(ids.toSorted()).toEqual(['1', '1', '1-again']);
    expect(claims).toMatchObject({ claims: 3, doubles: 2, refused: 3 });
    expect(rules()).toEqual([]);
  });

  it('claims again under the same id what was answered busy, a few times', async () => {
    const { claim, heard } = await playShop();
    const busy = { status: 503, headers: { 'retry-after': '0.01' } };
    const claims = await claim(() => busy, { customerIds: [customer(0)], busyRetries: 2 });
    expect(claims).toMatchObject({ claims: 3, busy: 3, open: 0 });
    expect(new Set(heard.map(({ body }) => body.claimId)).size).toBe(1);
  });

  it('sends people who were never targeted', async () => {
    const { claim, rules } = await playShop();
    const claims = await claim(() => granted(), { strangerShare: 1, forSeconds: 0.1 });
    expect(claims.strangers).toBeGreaterThan(0);
    expect(new Set(rules())).toEqual(new Set(['granted without right']));
  });

  it('books answers that say nothing', async () => {
    const { claim } = await playShop();
    const replies: Reply[] = [
      { body: 'granted' },
      { status: 404, body: {} },
      { status: 500 },
      { destroy: true },
    ];
    const claims = await claim((_, count) => replies[count - 1] ?? {}, {
      customerIds: [0, 1, 2, 3].map(customer),
    });
    expect(claims).toMatchObject({ malformed: 3, connectionFailures: 1, open: 0 });
  });
});

describe('the sandbox judges grants: it finds', () => {
  const first = { customerIds: [customer(0)], withPromoCode: false };

  it('nothing wrong with one reward and equal answers, confirmed after the deadline', async () => {
    const { claim, give, report, sandbox, promotions, id, rules } = await playShop();
    let given: Promise<void> | undefined;
    const claims = await claim(
      async (told, count) => {
        given ??= give(told);
        await given;
        return granted(count > 1 ? { status: 'already_granted' } : {});
      },
      { ...first, doubleShare: 1 },
    );
    expect(claims).toMatchObject({ granted: 1, alreadyGranted: 1 });
    await report(id, { [customer(0)]: true });
    await promotions('/v1/promotions/redemptions', {
      redemptions: [
        {
          redemptionId: 'r0',
          customerId: customer(0),
          occurrenceId: id,
          promocodeId: 'pc-spring25',
        },
      ],
    });
    expect(rules()).toEqual([]);
    expect(sandbox.verdict('acme', id).claims).toMatchObject({
      customersGranted: 1,
      customersConfirmed: 1,
    });
  });

  it('a confirmation of who claimed nothing to be a late report', async () => {
    const { claim, report, id, rules } = await playShop();
    await claim(() => ({ status: 409, body: { reason: 'not_open' } }), first);
    await report(id, { [customer(1)]: true });
    expect(rules()).toEqual(['report after deadline']);
  });

  it('a grant of what nobody holds', async () => {
    const { claim, rules } = await playShop();
    await claim(() => granted(), first);
    expect(rules()).toEqual(['granted but not held']);
  });

  it('a grant to who was not approved', async () => {
    const { claim, give, rules } = await playShop();
    const giveTo = async (told: Json) => {
      await give(told);
      return granted();
    };
    await claim(giveTo, { ...first, customerIds: [customer(5)] });
    expect(rules()).toEqual(['granted without right']);
  });

  it.each([
    ['before the claims open', { isOpen: false }, 0],
    ['after they expired', { isOpen: true }, 7 * 86_400 + 1],
  ])('a grant %s', async (_, options, waitSeconds) => {
    const { claim, give, rules } = await playShop(options);
    passTime(waitSeconds);
    const giveTo = async (told: Json) => {
      await give(told);
      return granted();
    };
    await claim(giveTo, first);
    expect(rules()).toEqual(['granted without right']);
  });

  it('two clicks that are told different rewards', async () => {
    const { claim, give, rules } = await playShop();
    let given: Promise<void> | undefined;
    await claim(
      async (told, count) => {
        given ??= give(told);
        await given;
        return granted({ code: `C${count}` });
      },
      { ...first, otherClaimShare: 1 },
    );
    expect(rules()).toEqual(['two grants']);
  });

  it('a reward allocated before anybody claimed it', async () => {
    const { give, rules } = await playShop();
    await give({ customerId: customer(0) });
    expect(rules()).toEqual(['given before the claim']);
  });
});
