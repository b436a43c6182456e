import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCheck } from '../../src/wire/checks.ts';
import { codeForms, coins, idForms, recase, someCodes } from './spelling.ts';

/** The example of API §9.2, all of it. */
const action = {
  id: 77,
  name: 'Deposit boost',
  promo_codes: ['SPIN20'] as unknown,
  channels: [
    { id: 611, name: 'Inbox', brand_id: null as unknown, templates: [{ id: 14, name: 'boost' }] },
  ] as unknown,
};
const user = { user_id: 'P-99812', is_visitor: false };
const campaign = { id: '88120', series_id: 4021, notes: '{"days":3}', tags: ['vip'], action };
const body = { user, campaign };

const check = {
  userId: 'P-99812',
  isVisitor: false,
  campaignId: '88120',
  seriesId: '4021',
  notes: '{"days":3}',
  tags: ['vip'],
  action: { id: '77', name: 'Deposit boost' },
  promoCodes: ['SPIN20'],
  channels: [{ id: '611', name: 'Inbox', templates: [{ id: '14', name: 'boost' }] }],
};

test('the documented body is read whole', () => {
  expect(readCheck(body)).toEqual(check);
});

test('any casing of the names and any form of ids and codes is the same check', () => {
  fc.assert(
    fc.property(
      coins,
      someCodes.chain((codes) => fc.tuple(fc.constant(codes), codeForms(codes))),
      fc.tuple(idForms, idForms, idForms, idForms),
      fc.constantFrom<unknown[]>(true, 'true', 'TRUE'),
      (letters, [codes, written], [of, series, acted, channel], is_visitor) => {
        const asked = {
          user: { ...user, is_visitor },
          campaign: {
            ...campaign,
            id: of[1],
            series_id: series[1],
            action: {
              ...action,
              id: acted[1],
              promo_codes: written,
              channels: [{ id: channel[1], name: 'Inbox', brand_id: 'b', templates: null }],
            },
          },
        };
        expect(readCheck(recase(asked, letters, new Set()))).toEqual({
          ...check,
          isVisitor: true,
          campaignId: of[0],
          seriesId: series[0],
          action: { id: acted[0], name: 'Deposit boost' },
          promoCodes: codes,
          channels: [{ id: channel[0], name: 'Inbox', brandId: 'b', templates: [] }],
        });
      },
    ),
  );
});

test.each([
  ['null', null],
  ['an empty list', []],
  ['an empty text', ''],
])('codes of %s are none: a compliance check', (_name, promo_codes) => {
  const asked = { user, campaign: { ...campaign, action: { ...action, promo_codes } } };
  expect(readCheck(asked)).toMatchObject({ promoCodes: [] });
});

test('what the answer does not hang on is left out where it cannot be read', () => {
  const asked = {
    user,
    campaign: {
      id: 88120,
      series_id: {},
      notes: 7,
      tags: ['vip', null, 'half a pair \ud800'],
      action: { promo_codes: 'SPIN20', id: null, name: '', channels: { id: 5 } },
    },
  };
  expect(readCheck(asked)).toEqual({
    userId: 'P-99812',
    isVisitor: false,
    campaignId: '88120',
    tags: ['vip'],
    promoCodes: ['SPIN20'],
    channels: [],
  });
});

test.each([
  ['a list', [body]],
  ['null', null],
  ['no user', { campaign }],
  ['a user of null', { user: null, campaign }],
  ['no user id', { user: { is_visitor: false }, campaign }],
  ['a user id of blanks', { user: { ...user, user_id: ' ' }, campaign }],
  ['no word on visitors', { user: { user_id: 'P-1' }, campaign }],
  ['an unclear word on visitors', { user: { ...user, is_visitor: 'maybe' }, campaign }],
  ['no campaign', { user }],
  ['no campaign id', { user, campaign: { ...campaign, id: null } }],
  ['a campaign id with a path', { user, campaign: { ...campaign, id: '1/2' } }],
  ['no action', { user, campaign: { ...campaign, action: null } }],
  [
    'codes that are an object',
    { user, campaign: { ...campaign, action: { ...action, promo_codes: { code: 'A' } } } },
  ],
  [
    'more codes than any action has',
    {
      user,
      campaign: {
        ...campaign,
        action: { ...action, promo_codes: Array.from({ length: 101 }, (_, at) => `C${at}`) },
      },
    },
  ],
])('%s is not understood: a guess could be a yes without a reward', (_name, asked) => {
  expect(readCheck(asked)).toBeUndefined();
});

test('nothing that JSON can hold makes it throw', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => void readCheck(value)));
  const within = fc.record({ user: fc.jsonValue(), campaign: fc.jsonValue() });
  fc.assert(fc.property(within, (value) => void readCheck(value)));
});
