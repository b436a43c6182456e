/** Waits for a time, or until it is rung; a ring while nobody waits ends the next wait at once. */
export function createBell() {
  let isRung = false;
  let answer = () => {};
  return {
    ring(): void {
      isRung = true;
      answer();
    },
    async wait(ms: number): Promise<void> {
      if (!isRung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          answer = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      isRung = false;
    },
  };
}
