/** The stories, for the bundler. */
export { campaign } from './campaign.ts';
export { cancellation } from './cancellation.ts';
export { expiry } from './expiry.ts';
export { fulfilment } from './fulfilment.ts';
export { grants } from './grants.ts';
export { nightly } from './nightly.ts';
export { poll } from './poll.ts';
export { reconciliation } from './reconciliation.ts';
export { revocation } from './revocation.ts';
export { settlement } from './settlement.ts';
export { slice } from './slice.ts';
