import { type NetworkOptions, optionError } from './options.ts'

/** Value of a label (Kubernetes, "Labels and Selectors"). */
const zonePattern = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/

/**
 * The zone of each node: its own by --zone, else the next of --zones, else one of its own (`z1` for the first).
 *
 * @throws WeftError LAB_NETWORK_INVALID
 */
export function zonesOf(names: readonly string[], { zones = [], nodeZones = [] }: NetworkOptions): string[] {
  for (const zone of zones) checkZone('--zones', zone)
  const own = new Map(nodeZones.map((text) => parseNodeZone(text, names)))
  return names.map((name, i) => own.get(name) ?? zones[i % zones.length] ?? `z${i + 1}`)
}

function parseNodeZone(text: string, names: readonly string[]): [name: string, zone: string] {
  const at = text.indexOf('=')
  const [name, zone] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)]
  if (at < 1) throw optionError('--zone', `"${text}" does not say which node`, 'write it as NODE=ZONE, e.g. node1=z1')
  if (!names.includes(name)) {
    const there = names.length > 3 ? `${names[0]} to ${names.at(-1)}` : names.join(', ')
    throw optionError('--zone', `the lab has no node "${name}"`, `its nodes are ${there}`)
  }
  checkZone('--zone', zone)
  return [name, zone]
}

function checkZone(flag: string, zone: string): void {
  if (zonePattern.test(zone)) return
  const remedy = 'use letters, digits, "-", "_" and ".", at most 63, with a letter or digit at both ends'
  throw optionError(flag, `"${zone}" cannot be the name of a zone`, remedy)
}
