/**
 * The k-th largest of `values` (equal values count one by one), without sorting them: a heap of the k best so far, which
 * costs little when k is small or when the values are in no particular order.
 *
 * @param values - none of them NaN
 * @param k - from 1 to `values.length`
 */
export function kthLargest(values: ArrayLike<number>, k: number): number {
  const heap = new Float64Array(k); // The smallest of the k best stands at index 0.
  for (let index = 0; index < k; index++) heap[index] = values[index]!;
  for (let parent = (k >> 1) - 1; parent >= 0; parent--) siftDown(heap, parent);
  for (let index = k; index < values.length; index++) {
    const value = values[index]!;
    if (value > heap[0]!) {
      heap[0] = value;
      siftDown(heap, 0);
    }
  }
  return heap[0]!;
}

function siftDown(heap: Float64Array, start: number): void {
  const value = heap[start]!;
  let parent = start;
  for (;;) {
    let child = 2 * parent + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= value) break;
    heap[parent] = heap[child]!;
    parent = child;
  }
  heap[parent] = value;
}
