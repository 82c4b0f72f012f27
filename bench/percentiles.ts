/** Median and 99th percentile of how long changes took, in milliseconds; NaN where there were none. */
export function percentiles(times: readonly number[]): { changeP50Ms: number; changeP99Ms: number } {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN
  return { changeP50Ms: at(0.5), changeP99Ms: at(0.99) }
}
