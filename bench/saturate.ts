import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { createPool } from '../src/ledger/pool.ts';
import { createTurns } from '../src/limiter/turns.ts';

/** A far side's answer comes this long after the request. */
const answerMs = 40;
const lanes = 16;

const { url, bucket, seconds, requests, windowMs } = workerData;
const pool = createPool(url, 20);
const { turn } = createTurns({ pool });
const limit = { bucket, requests, perMs: windowMs, spaced: false };
const until = Date.now() + seconds * 1_000;
const grants: number[] = [];

async function lane(): Promise<void> {
  while (Date.now() < until) {
    const rank = { class: 'bulk', deadline: 0, stage: 0 } as const;
    const slot = await turn(limit, rank, AbortSignal.timeout(seconds * 1_000 + 30_000));
    grants.push(Date.now());
    await delay(answerMs);
    await slot.answered();
  }
}

await Promise.all(Array.from({ length: lanes }, lane));
await pool.end();
parentPort?.postMessage(grants);
