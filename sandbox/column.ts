/** A growing column of unsigned numbers, zero where nothing was written. */
export interface Column {
  get(index: number): number;
  set(index: number, value: number): void;
}

export function createColumn(bits: 8 | 16 | 32): Column {
  const Type = bits === 8 ? Uint8Array : bits === 16 ? Uint16Array : Uint32Array;
  let values = new Type(1024);
  return {
    get: (index) => values[index] ?? 0,
    set(index, value) {
      if (index >= values.length) {
        const grown = new Type(Math.max(index + 1, values.length * 2));
        grown.set(values);
        values = grown;
      }
      values[index] = value;
    },
  };
}
