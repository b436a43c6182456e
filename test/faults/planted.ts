/** A bug that somebody could write, where it would stand, and what must catch it. */
export interface PlantedBug {
  /** What the bug does wrong, in words. */
  name: string;
  file: string;
  /** Stands in the file once. */
  find: string;
  replace: string;
  caughtBy: { test: string; name: string } | { seed: number };
}

const caught = (test: string, name: string): PlantedBug['caughtBy'] => ({
  test: `test/${test}.test.ts`,
  name,
});

const begin = 'src/ledger/migrations/0003_effects.sql';
const limiter = 'src/ledger/migrations/0002_limiter.sql';

/** `npm run faults -- --planted` plants each of them in a copy and shows that a test turns red. */
export const plantedBugs: readonly PlantedBug[] = [
  {
    name: 'the fence is checked outside the lock',
    file: begin,
    find: '  perform pg_advisory_xact_lock_shared(2, p_campaign);\n',
    replace: '',
    caughtBy: caught('ledger/fence', 'no effect begins after the fence'),
  },
  {
    name: 'the fence is not looked at where an effect is repeated',
    file: begin,
    find: '  if v_now >= v_until then',
    replace: '  if v_now >= v_until and v_found.id is null then',
    caughtBy: caught('stages/effect', 'a repeat does not leave after the fence either'),
  },
  {
    name: 'the token of the batch is ignored',
    file: begin,
    find: '  if v_token is distinct from p_token then',
    replace: '  if v_token is null then',
    caughtBy: caught('stages/effect', 'an older attempt of a batch begins nothing'),
  },
  {
    name: 'a report may begin after the deadline',
    file: begin,
    find: "coalesce(c.last_report, '-infinity')",
    replace: "'infinity'",
    caughtBy: caught('stages/report', 'after the last report a lost one stays open'),
  },
  {
    name: 'a reward is given after the stop',
    file: begin,
    find: "coalesce(c.stop, '-infinity')",
    replace: "coalesce(c.deadline, '-infinity')",
    caughtBy: caught('stages/effect', 'allocate: nothing leaves after the stop'),
  },
  {
    name: 'a false overtakes a lost true',
    file: begin,
    find: "if p_kind in ('approve', 'deny') and exists (",
    replace: "if p_kind = 'nobody' and exists (",
    caughtBy: caught('ledger/begin', 'no report begins over members whose earlier report is open'),
  },
  {
    name: 'a change since the body was built is not seen',
    file: begin,
    find: 'and c.seq > p_change) then',
    replace: 'and c.seq > p_change + 1) then',
    caughtBy: caught('ledger/begin', 'a member that changed since the body was built'),
  },
  {
    name: 'the limiter lets one request too many through',
    file: limiter,
    find: 'if v_taken + v_better >= p_requests then',
    replace: 'if v_taken + v_better > p_requests then',
    caughtBy: caught('limiter/take-slot', 'grants what the reference grants'),
  },
  {
    name: 'a slot is free before its request can have arrived',
    file: limiter,
    find: 'v_now + (p_window_ms + 500) * ms)',
    replace: 'v_now + p_window_ms * ms)',
    caughtBy: caught('limiter/take-slot', 'a slot is free one window after its answer'),
  },
  {
    name: 'the key of an effect comes from the attempt',
    file: 'src/stages/effect.ts',
    find: '    .update(told)\n',
    replace: '    .update(told)\n    .update(String(scene.batch.token))\n',
    caughtBy: caught('stages/report', 'a lost report is repeated to the letter'),
  },
  {
    name: 'a permit never expires',
    file: 'src/adapters/http/endpoint.ts',
    find: '  if (performance.now() < until) return;',
    replace: '  if (performance.now() < until + 60_000) return;',
    caughtBy: caught('adapters/faults', 'leaves nothing on the wire when its permit is over'),
  },
  {
    name: 'a call that broke on the wire counts as not sent',
    file: 'src/adapters/http/exchange.ts',
    find: "new Fault(wire ? 'unknown' : 'not_sent'",
    replace: "new Fault(wire ? 'not_sent' : 'not_sent'",
    caughtBy: caught('adapters/exchange', 'no answer in time is unknown'),
  },
  {
    name: 'a server error is taken for a refusal',
    file: 'src/adapters/http/answer.ts',
    find: "if (status === 408 || status >= 500) return 'unknown';",
    replace: "if (status === 408) return 'unknown';",
    caughtBy: caught('adapters/faults', 'an effect'),
  },
  {
    name: 'an answer that leaves a key out is taken for a yes',
    file: 'src/adapters/platform.ts',
    find: 'if (found.size !== asked.size) {',
    replace: 'if (found.size > asked.size) {',
    caughtBy: caught('adapters/leniency', 'the platform'),
  },
  {
    name: 'a lost validation is asked again blindly',
    file: 'src/stages/recover.ts',
    find: 'return close(scene, effect, members, await recoverValidation(scene, effect, members));',
    replace: 'return close(scene, effect, members, []);',
    caughtBy: caught('stages/giving', 'of a lost validation only those are asked again'),
  },
  {
    name: 'an unknown allocation is taken for a no',
    file: 'src/stages/allocate.ts',
    find: '    default:\n      return undefined;',
    replace: "    default:\n      return { position, state: 'declined', reason: 'unknown' };",
    caughtBy: caught('stages/effect', 'allocate: a call that was lost before it arrived is made'),
  },
  {
    name: 'a repeated report carries another instant',
    file: 'src/stages/report.ts',
    find: "    at: Number(kept['at']),",
    replace: '    at: Date.now() + 1,',
    caughtBy: caught('stages/report', 'a lost report is repeated to the letter'),
  },
  {
    name: 'what is approved is not taken back from a deleted campaign',
    file: 'src/stages/revoke.ts',
    find: '      default:\n        return true;',
    replace: "      default:\n        return clearance !== 'approved';",
    caughtBy: caught('stages/revoke', 'canceled'),
  },
  {
    name: 'an allocation of unknown outcome is not taken back',
    file: 'src/stages/revoke.ts',
    find: 'selects(member) || doubtful.has(member.position)',
    replace: 'selects(member) && !doubtful.has(member.position)',
    caughtBy: caught('stages/revoke', 'an allocation of unknown outcome is taken back'),
  },
  {
    name: 'a page is stored twice',
    file: 'src/ledger/pages.ts',
    find: 'on conflict do nothing`',
    replace:
      'on conflict (campaign, sweep, number) do update set length = page.length + excluded.length, customers = excluded.customers, codes = excluded.codes, actions = excluded.actions`',
    caughtBy: caught('ledger/audience', 'a page staged twice stands as it was read first'),
  },
  {
    name: 'event 4 is answered while a permit is still good',
    file: 'src/gateway/acceptance.ts',
    find: '    await delay(permitMs);\n',
    replace: '    await delay(0);\n',
    caughtBy: caught('gateway/hooks', 'has fenced the campaign, and waited out a permit'),
  },
  {
    name: 'every attempt to redeem draws an id of its own',
    file: 'src/stages/redeem.ts',
    find: 'use?.redemptionId ?? uuidV5(',
    replace: 'use?.redemptionId ?? crypto.randomUUID() ?? uuidV5(',
    caughtBy: caught('stages/effect', 'redeem: '),
  },
  {
    name: 'a customer who is reached by two channels is given twice',
    file: 'src/ledger/audience.ts',
    find: "? 'and a.code = r.code' : ''",
    replace: "? 'and false' : ''",
    caughtBy: caught('ledger/cut-executed', 'leaves out who got the code by another channel'),
  },
  {
    name: 'a batch that is handed over again has another id',
    file: 'src/stages/publish.ts',
    find: 'batchId: uuidV5(',
    replace: 'batchId: crypto.randomUUID() || uuidV5(',
    caughtBy: caught('stages/publish', 'a repeat after a lost answer is the same batch'),
  },
  {
    name: 'who was handed over without an answer lapses with the deadline',
    file: 'src/stages/publish.ts',
    find: '    lost: handedOver(positions),\n',
    replace: '',
    caughtBy: caught('stages/executed', 'is given after event 13 to whoever was awarded'),
  },
  {
    name: 'who was sent is decided before every channel was read',
    file: 'src/ledger/sent.ts',
    find: "and f.channel in (told.id, '') and f.collected_at is not null",
    replace: 'and f.collected_at is not null',
    caughtBy: caught('ledger/sent', 'waits for every channel of the campaign'),
  },
  {
    name: 'a reward of who was not sent is taken back although the tenant wants it listed',
    file: 'src/stages/revoke.ts',
    find: "return plan.notSent === 'revoke' && clearance === 'approved'",
    replace: "return clearance === 'approved'",
    caughtBy: caught('stages/executed', 'is listed: only an approval that nobody heard'),
  },
  {
    name: 'what is given after the sending has no end',
    file: 'src/ledger/audience.ts',
    find: 'to_timestamp($4::float8 / 1000), to_timestamp($4::float8 / 1000)\n',
    replace: 'to_timestamp($4::float8 / 1000), null\n',
    caughtBy: caught('ledger/cut-executed', 'gives its batches their span'),
  },
  {
    name: 'a use counts twice',
    file: 'src/domain/use.ts',
    find: "      return 'already_used';",
    replace: "      return 'accepted';",
    caughtBy: caught('ledger/uses', ''),
  },
];
