const constructors = [
  "ArrayBuffer",
  "Int8Array",
  "Uint8Array",
  "Int16Array",
  "Uint16Array",
  "Float16Array",
  "Int32Array",
  "Uint32Array",
  "Float32Array",
  "Float64Array",
] as const;

/** While `work` runs, every array that is asked for by its length is measured. @throws Error when one has more than `most` bytes */
export async function limitAllocations<T>(most: number, work: () => Promise<T>): Promise<T> {
  const originals = constructors.map((name) => [name, globalThis[name]] as const);
  let largest = 0;
  for (const [name, original] of originals) {
    const elementBytes = "BYTES_PER_ELEMENT" in original ? original.BYTES_PER_ELEMENT : 1;
    const guarded: unknown = new Proxy(original, {
      construct: (target, parameters: unknown[], newTarget) => {
        const [length] = parameters;
        if (typeof length === "number") largest = Math.max(largest, length * elementBytes);
        // A reader may make an error of its own of this one; the other one is for the test.
        if (largest > most) throw new RangeError("more memory was asked for than a test allows");
        return Reflect.construct(target, parameters, newTarget === guarded ? target : newTarget) as object;
      },
    });
    Object.assign(globalThis, { [name]: guarded });
  }
  try {
    return await work();
  } catch (error) {
    if (largest <= most) throw error;
    throw new Error(`${largest} bytes were asked for; ${most} are the most for this file`, { cause: error });
  } finally {
    Object.assign(globalThis, Object.fromEntries(originals));
  }
}
