import { createHash } from 'node:crypto';
import type pg from 'pg';
import { onlyRow, tenantRef } from './tenants.ts';

/** An address of ours as Optimove is told it, and as it may be shown: without the secret part. */
export interface DoorAddress {
  url: string;
  shown: string;
}

/** One attempt to register the gate; instants in epoch milliseconds. */
export interface Registration {
  generation: string;
  /** The address as it may be shown. */
  address: string;
  /** Whether it is the address in question, token included. */
  isSame: boolean;
  askedAt: number;
  /** Null where Optimove has not said yes. */
  acceptedAt: number | null;
}

/** Writes down that Optimove is about to be told; returns the number by which it is accepted. */
export async function beginRegistration(
  pool: pg.Pool,
  tenant: string,
  { generation, url, shown }: DoorAddress & { generation: string },
): Promise<string> {
  const begun = await pool.query<{ id: string }>(
    `insert into registration (tenant, generation, address, digest)
     values ($1, $2, $3, $4) returning id`,
    [await tenantRef(pool, tenant), generation, shown, digestOf(url)],
  );
  return onlyRow(begun).id;
}

/** Optimove has said yes. */
export async function acceptRegistration(pool: pg.Pool, id: string): Promise<void> {
  await pool.query('update registration set accepted_at = clock_timestamp() where id = $1', [id]);
}

/**
 * The last registration that Optimove said yes to, and the attempt after it that it did not, if there is
 * one; compared with this address.
 */
export async function lastRegistrations(
  pool: pg.Pool,
  tenant: string,
  url: string,
): Promise<{ accepted: Registration | undefined; open: Registration | undefined }> {
  const found = await pool.query<Registration>(
    `select r.generation, r.address, r.digest = $2 as "isSame",
       round(extract(epoch from r.asked_at) * 1000)::float8 as "askedAt",
       round(extract(epoch from r.accepted_at) * 1000)::float8 as "acceptedAt"
     from registration r join tenant t on t.ref = r.tenant
     where t.name = $1 and r.id >= coalesce((select max(a.id) from registration a
       where a.tenant = t.ref and a.accepted_at is not null), 0)
     order by r.id desc`,
    [tenant, digestOf(url)],
  );
  return {
    accepted: found.rows.find(({ acceptedAt }) => acceptedAt !== null),
    open: found.rows.find(({ acceptedAt }) => acceptedAt === null),
  };
}

function digestOf(url: string): Buffer {
  return createHash('sha256').update(url).digest();
}
