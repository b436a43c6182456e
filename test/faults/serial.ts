/** Lets one thing happen after another, in the order asked, whatever became of the one before. */
export function createSerial() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(act: () => Promise<T>): Promise<T> => {
    const next = last.then(act, act);
    last = next.catch(() => {});
    return next;
  };
}
