/**
 * Size classes of endpoint lists. A list of n endpoints fills the slots 0…n-1 and uses the smallest class N ≥ n: the constant rules know a
 * `numgen random mod N` for each class, and try again where a slot between n and N is empty.
 */
export const sizeClasses: readonly number[] = [
  1,
  2,
  3,
  4,
  5,
  6,
  7,
  8,
  ...[8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768].flatMap((n) => [n * 1.5, n * 2]),
]

/** The most endpoints that one list can hold. */
export const largestList = 65536

/** Index of the smallest class that holds `count` endpoints, 1 ≤ count ≤ largestList. */
export function sizeClassOf(count: number): number {
  let low = 0
  let high = sizeClasses.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sizeClasses[middle] ?? 0) >= count) high = middle
    else low = middle + 1
  }
  return low
}
