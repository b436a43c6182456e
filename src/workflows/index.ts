/** The stories, for the bundler. */
export { campaign } from './campaign.ts';
export { cancellation } from './cancellation.ts';
export { expiry } from './expiry.ts';
export { grants } from './grants.ts';
export { revocation } from './revocation.ts';
export { settlement } from './settlement.ts';
export { slice } from './slice.ts';
