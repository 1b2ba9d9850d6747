/** Which method, with which largest factor. */
export interface MethodUse {
  readonly method: string;
  readonly factor: number;
}

/** As people read it: `yarn-dynamic ×4`. */
export function nameMethod({ method, factor }: MethodUse): string {
  return factor === 1 ? method : `${method} ×${factor}`;
}

export function isSameMethod(a: MethodUse, b: MethodUse): boolean {
  return a.method === b.method && a.factor === b.factor;
}

/** Methods in the order in which they stand, each once. */
export function listMethods(measured: readonly MethodUse[]): readonly MethodUse[] {
  return [
    ...new Map(measured.map(({ method, factor }) => [nameMethod({ method, factor }), { method, factor }])).values(),
  ];
}
