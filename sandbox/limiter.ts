export interface Window {
  /** Takes a place at this instant (epoch ms), or says that the window is full. */
  admit(atMs: number): boolean;
}

/**
 * The sliding window of API §2: at most `requests` answered in any `perSeconds`, judged by the
 * arrival of the request. A refused request takes no place.
 */
export function createWindow(limit: { requests: number; perSeconds: number } | null): Window {
  if (limit === null) return { admit: () => true };
  const windowMs = limit.perSeconds * 1000;
  const arrivals: number[] = [];
  return {
    admit(atMs) {
      while (arrivals[0] !== undefined && arrivals[0] <= atMs - windowMs) arrivals.shift();
      if (arrivals.length >= limit.requests) return false;
      arrivals.push(atMs);
      return true;
    },
  };
}

/** The body of API §2, as it is documented. */
export const tooManyRequests = (group: string) => ({
  status: 429,
  error: 'Too Many Requests',
  message: `API calls quota exceeded for ${group}: maximum admitted 50 per 10 seconds.`,
});
