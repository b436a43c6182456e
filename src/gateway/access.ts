import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';

/** Compares two secrets in a time that tells nothing of either. */
export function isSameSecret(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

/** Whether an address lies in the ranges; no ranges let everyone pass. */
export function createAddressCheck(ranges: readonly string[]): (address: string) => boolean {
  if (ranges.length === 0) return () => true;
  const allowed = new BlockList();
  for (const range of ranges) {
    const [net = '', prefix] = range.split('/');
    const family = isIPv6(net) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) allowed.addAddress(net, family);
    else allowed.addSubnet(net, Number(prefix), family);
  }
  // A socket that speaks both families shows an IPv4 peer as ::ffff:a.b.c.d, which BlockList knows.
  return (address) => allowed.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

export interface OperatorKey {
  name: string;
  key: string;
  role: 'read' | 'operate' | 'approve';
}

/** Whose key an `Authorization: Bearer` header carries; every key is compared, whichever fits. */
export function findOperator(
  header: string | undefined,
  keys: readonly OperatorKey[],
): OperatorKey | undefined {
  const given = /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1];
  if (given === undefined) return undefined;
  return keys.filter(({ key }) => isSameSecret(given, key))[0];
}
