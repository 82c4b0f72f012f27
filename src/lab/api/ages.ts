const second = 1000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const year = 365 * day

const two = (ms: number, big: number, bigUnit: string, small: number, smallUnit: string): string => {
  const rest = Math.floor((ms % big) / small)
  return `${Math.floor(ms / big)}${bigUnit}${rest === 0 ? '' : `${rest}${smallUnit}`}`
}

/** A duration in milliseconds as kubectl writes ages: `5s`, `3m20s`, `5d3h` (HumanDuration of apimachinery). */
export function ageText(milliseconds: number): string {
  if (milliseconds < -second) return '<invalid>'
  const ms = Math.max(0, milliseconds)
  if (ms < 2 * minute) return `${Math.floor(ms / second)}s`
  if (ms < 10 * minute) return two(ms, minute, 'm', second, 's')
  if (ms < 3 * hour) return `${Math.floor(ms / minute)}m`
  if (ms < 8 * hour) return two(ms, hour, 'h', minute, 'm')
  if (ms < 2 * day) return `${Math.floor(ms / hour)}h`
  if (ms < 8 * day) return two(ms, day, 'd', hour, 'h')
  if (ms < 2 * year) return `${Math.floor(ms / day)}d`
  return ms < 8 * year ? two(ms, year, 'y', day, 'd') : `${Math.floor(ms / year)}y`
}

/** Age of something that happened at a time that an object names; `<unknown>` without one. */
export function ageSince(time: unknown, now: Date): string {
  const then = typeof time === 'string' ? Date.parse(time) : Number.NaN
  return Number.isNaN(then) ? '<unknown>' : ageText(now.getTime() - then)
}
